use tasker_core::events::throwaway::cluster;

use crate::bench::{Bench, assert_complete, relay, stream};

/// Whichever server of three is gone, the stream goes on and loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_three_loses_nothing_when_one_after_the_other_is_killed() {
    let Some(mut servers) = cluster(3) else { return };
    let bench = match Bench::on_postgres("cluster").await {
        Some(bench) => bench,
        None => Bench::on_sqlite().await,
    };
    let urls: Vec<_> = servers.iter().map(|server| server.url()).collect();
    let _relay = relay(&bench, &urls.join(","), 3).await;
    bench.run(10).await;
    let stream = stream(&urls.join(",")).await;
    assert_complete(&bench, &stream).await;
    assert_eq!(stream.get_info().await.unwrap().config.num_replicas, 3);
    for server in &mut servers {
        bench.run(10).await;
        server.kill();
        bench.run(10).await;
        server.restart();
        assert_complete(&bench, &stream).await;
    }
}

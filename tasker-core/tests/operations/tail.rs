use sqlx::{Connection, Executor, PgConnection};
use tasker_core::{
    model::TaskId,
    store::{EventCursor, Followed},
};

use crate::bench::Bench;

fn tasks(followed: &[Followed]) -> Vec<TaskId> {
    followed.iter().map(|it| it.event.task_id).collect()
}

/// Events committed late must not be passed by: a reader that goes on from the last position it saw would lose them.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_late_is_not_skipped() {
    let Some(bench) = Bench::on_postgres("tail").await else { return };
    let url = bench.url.as_deref().unwrap();
    let first = bench.submit().await;
    let seen = bench.engine.events_after(EventCursor::START, 100).await.unwrap();
    assert_eq!(tasks(&seen), [first]);
    let cursor = seen[0].cursor;

    let mut slow = PgConnection::connect(url).await.unwrap();
    let late = TaskId::new();
    slow.execute("begin").await.unwrap();
    sqlx::query("insert into tasker.events (task_id, first_seq, at, facts) values ($1, 1, now(), '[{\"type\":\"task.created\"}]')")
        .bind(late.0)
        .execute(&mut slow)
        .await
        .unwrap();
    // One that does not write to the log holds nothing up.
    let mut bystander = PgConnection::connect(url).await.unwrap();
    bystander.execute("begin").await.unwrap();
    bystander.execute("create temporary table elsewhere (id integer)").await.unwrap();
    // Begun later and committed earlier.
    let early = bench.submit().await;
    assert_eq!(tasks(&bench.engine.events_after(cursor, 100).await.unwrap()), [], "nothing beyond what is under way");
    slow.execute("commit").await.unwrap();

    let rest = bench.engine.events_after(cursor, 100).await.unwrap();
    assert_eq!(tasks(&rest), [late, early], "none is lost, and none comes twice");
    let cursor = rest[1].cursor;
    assert_eq!(bench.engine.events_after(cursor, 100).await.unwrap(), []);
}

/// A transaction may have its number before it waits for a task that a later one has locked: by the numbers alone, the
/// task's events would come in the wrong order.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_task_keep_their_order_whatever_the_order_of_transactions() {
    let Some(bench) = Bench::on_postgres("tail-order").await else { return };
    let url = bench.url.as_deref().unwrap();
    let (mut older, mut newer) = (PgConnection::connect(url).await.unwrap(), PgConnection::connect(url).await.unwrap());
    let task_id = TaskId::new();
    let insert = "insert into tasker.events (task_id, first_seq, at, facts) values ($1, $2, now(), '[{\"type\":\"task.started\"}]')";
    for connection in [&mut older, &mut newer] {
        connection.execute("begin").await.unwrap();
        connection.execute("select pg_current_xact_id()").await.unwrap();
    }
    sqlx::query(insert).bind(task_id.0).bind(1_i64).execute(&mut newer).await.unwrap();
    newer.execute("commit").await.unwrap();
    sqlx::query(insert).bind(task_id.0).bind(2_i64).execute(&mut older).await.unwrap();
    older.execute("commit").await.unwrap();
    let followed = bench.engine.events_after(EventCursor::START, 100).await.unwrap();
    assert_eq!(followed.iter().map(|it| it.event.seq).collect::<Vec<_>>(), [1, 2]);
}

/// A dump that is restored into another cluster brings a log whose positions that cluster's transactions have yet to reach.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_restored_database_goes_on_behind_what_it_held() {
    let Some(bench) = Bench::on_postgres("tail-restored").await else { return };
    let mut connection = PgConnection::connect(bench.url.as_deref().unwrap()).await.unwrap();
    let before = bench.submit().await;
    connection.execute("update tasker.events set position = position + 1000000").await.unwrap();
    assert_eq!(bench.engine.events_after(EventCursor::START, 100).await.unwrap(), [], "it is ahead");

    bench.engine.store().migrate().await.unwrap();
    let seen = bench.engine.events_after(EventCursor::START, 100).await.unwrap();
    assert_eq!(tasks(&seen), [before]);
    let after = bench.submit().await;
    let rest = bench.engine.events_after(seen[0].cursor, 100).await.unwrap();
    assert_eq!(tasks(&rest), [after]);
    bench.engine.store().migrate().await.unwrap();
    let last = bench.submit().await;
    let rest = bench.engine.events_after(rest[0].cursor, 100).await.unwrap();
    assert_eq!(tasks(&rest), [last], "it is moved once");
    assert!(rest[0].cursor.position > 1_000_000 && rest[0].cursor.position < 1 << 33);
}

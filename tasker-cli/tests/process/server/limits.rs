//! What one client may cost: slow, large and greedy ones are turned away, and the others are served on.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use tasker_core::{
    api::{Access, Api, Patience},
    orchestration::{Engine, Options},
    store,
};
use tokio::net::TcpListener;

use super::client;

/// A server in this process whose patience is short.
async fn hasty() -> (Api, SocketAddr) {
    let store = store::open("sqlite::memory:").await.expect("a store");
    store.migrate().await.expect("a schema");
    let soon = Duration::from_millis(200);
    let api = Api::new(Engine::new(store, Options::default()), Access::Open);
    let api = api.with_patience(Patience { head: soon, body: soon, write: soon });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = api.clone();
    tokio::spawn(async move { serving.serve(listener, soon).await });
    (api, address)
}

/// Sends a text and reads what comes until the server closes the connection; the status of the answer.
async fn exchange(address: SocketAddr, text: String) -> Option<u16> {
    let exchanged = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("it accepts");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
        // It may have been refused before the end.
        let _ = stream.write_all(text.as_bytes());
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        assert!(!ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "the connection stays open");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        answer.split(' ').nth(1).and_then(|status| status.parse().ok())
    });
    exchanged.await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_greedy_clients_are_turned_away() {
    let (api, address) = hasty().await;
    let head = "POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    assert_eq!(exchange(address, "GET /health HT".to_owned()).await.unwrap_or(408), 408, "a head that does not end");
    let unfinished = format!("{head}content-length: 100\r\nconnection: close\r\n\r\n{{");
    assert_eq!(exchange(address, unfinished).await, Some(408), "a body that does not end");
    let large = format!("{head}content-length: 99999999\r\nconnection: close\r\n\r\n{{");
    assert_eq!(exchange(address, large).await, Some(413), "a body that is announced too large");
    let flood: String = (0..200).map(|number| format!("x-{number}: a\r\n")).collect();
    assert_eq!(exchange(address, format!("{head}{flood}\r\n")).await, Some(431), "too many headers");
    let long = format!("{head}x: {}\r\n\r\n", "a".repeat(200_000));
    assert_eq!(exchange(address, long).await, Some(431), "a header that is too long");
    let well = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned();
    assert_eq!(exchange(address, well).await, Some(200), "the others are served on");
    api.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_cut_off() {
    let (api, address) = hasty().await;
    let cut_off = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("it accepts");
        stream.set_write_timeout(Some(Duration::from_secs(30))).expect("a time");
        let request = "GET /api-docs/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000);
        // Answers pile up unread until the server has waited long enough.
        std::iter::repeat_with(|| stream.write_all(request.as_bytes())).find_map(Result::err).map(|error| error.kind())
    });
    let cut_off = cut_off.await.expect("it ends");
    assert!(matches!(cut_off, Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)), "{cut_off:?}");
    api.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_makes_a_server_not_ready() {
    let store = store::open("sqlite::memory:").await.expect("a store");
    let engine = Engine::new(Arc::clone(&store), Options::default());
    let api = Api::new(engine, Access::Open);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/health", listener.local_addr().expect("an address"));
    let serving = api.clone();
    tokio::spawn(async move { serving.serve(listener, Duration::ZERO).await });
    let status =
        async |path: &str| client().get(format!("{url}{path}")).send().await.expect("an answer").status().as_u16();
    assert_eq!((status("/ready").await, status("/live").await), (503, 200), "without a schema");
    store.migrate().await.expect("a schema");
    assert_eq!((status("/ready").await, status("").await), (200, 200));
    store.close().await;
    assert_eq!((status("/ready").await, status("/live").await), (503, 200), "without a database");
    api.close();
}

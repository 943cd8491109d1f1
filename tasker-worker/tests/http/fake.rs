use std::sync::{Arc, Mutex};

use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// One answer of the server, as it goes over the wire.
pub(crate) struct Answer(String);

impl Answer {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        let kind = if status < 400 { "application/json" } else { "application/problem+json" };
        Self::text(status, kind, &serde_json::to_string(body).unwrap())
    }

    pub(crate) fn text(status: u16, kind: &str, body: &str) -> Self {
        let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        Self(format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{length}connection: close\r\n\r\n{body}"))
    }

    /// The connection ends in the middle of the answer.
    pub(crate) fn broken() -> Self {
        Self("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned())
    }
}

/// A server that gives these answers, one to each request, and remembers what it was asked.
pub(crate) struct Fake {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn start<const N: usize>(answers: [Answer; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let requests = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            for Answer(answer) in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                requests.lock().unwrap().push(request);
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        Self { port, seen, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The head of a request, and its body.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut chunk = [0; 4096];
        let size = stream.read(&mut chunk).await.unwrap();
        assert!(size > 0, "the request ends too early");
        bytes.extend_from_slice(&chunk[..size]);
    }
}

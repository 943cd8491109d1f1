//! A receiver of webhooks on loopback: takes each request, and answers as it is told.

use std::collections::HashMap;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// What a request is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16),
    /// A status with a header.
    With(u16, &'static str, String),
    /// A status, and the beginning of a body that never ends.
    Endless(u16),
    /// Nothing, for as long as the sender likes.
    Silence,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

pub(crate) struct Receiver {
    pub(crate) port: u16,
    pub(crate) requests: mpsc::UnboundedReceiver<Request>,
    answer: watch::Sender<Answer>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(answer: Answer) -> Self {
        Self::at(0, answer).await
    }

    /// One on a port where another may have been.
    pub(crate) async fn at(port: u16, answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, requests) = mpsc::unbounded_channel();
        let answer = watch::Sender::new(answer);
        let told = answer.subscribe();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, sender.clone(), told.clone()));
            }
        });
        Self { port, requests, answer, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.answer.send_replace(answer);
    }

    pub(crate) async fn next(&mut self) -> Request {
        tokio::time::timeout(super::bench::PATIENCE, self.requests.recv()).await.expect("a request comes").unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, requests: mpsc::UnboundedSender<Request>, told: watch::Receiver<Answer>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let _ = requests.send(request);
        let answer = told.borrow().clone();
        let (status, header) = match answer.clone() {
            Answer::Status(status) => (status, String::new()),
            Answer::With(status, name, value) => (status, format!("{name}: {value}\r\n")),
            Answer::Endless(status) => (status, "transfer-encoding: chunked\r\n".to_owned()),
            Answer::Silence => std::future::pending().await,
        };
        let body = if matches!(answer, Answer::Endless(_)) { "\r\n2\r\nok\r\n" } else { "content-length: 0\r\n\r\n" };
        let text = format!("HTTP/1.1 {status} As told\r\n{header}{body}");
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// One request; none at the end of the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let (mut headers, mut line) = (HashMap::new(), String::new());
    while stream.read_line(&mut line).await.ok()? > 0 {
        if line == "\r\n" {
            let length = headers.get("content-length").and_then(|text: &String| text.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.ok()?;
            return Some(Request { headers, body: String::from_utf8(body).ok()? });
        }
        if let Some((name, value)) = line.trim_end().split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        line.clear();
    }
    None
}

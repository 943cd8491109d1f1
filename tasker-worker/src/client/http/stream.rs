use std::time::Duration;

use reqwest::Response;
use tasker_core::{
    model::TaskId,
    view::{ErrorView, EventView},
};
use tokio::time::{sleep, timeout};

use super::{Connection, sse::Decoder};
use crate::client::{Error, Result};

/// The events of one task from a server. A stream that breaks off is taken up again behind the last event.
pub(in crate::client) struct Streamed {
    connection: Connection,
    task_id: TaskId,
    /// Number of the last event that was read.
    seq: i64,
    open: Option<(Response, Decoder)>,
    /// Streams in a row that gave nothing.
    fruitless: u32,
}

/// The server gives a sign of life every 15 seconds; after this long without one the stream is dead.
const SILENCE: Duration = Duration::from_secs(45);
const RETRY_DELAY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Streams in a row that may give nothing, before it is said so.
const FRUITLESS: u32 = 8;

impl Streamed {
    pub(super) async fn open(connection: Connection, task_id: TaskId, after_seq: i64) -> Result<Self> {
        let mut streamed = Self { connection, task_id, seq: after_seq, open: None, fruitless: 0 };
        // At once, so that an unknown task is told of here.
        streamed.connect().await?;
        Ok(streamed)
    }

    /// What is new; nothing when the task has ended. Cancel-safe.
    pub(in crate::client) async fn read(&mut self) -> Result<Vec<EventView>> {
        loop {
            let Some((response, decoder)) = &mut self.open else {
                if !self.reconnect().await? {
                    return Ok(Vec::new());
                }
                continue;
            };
            match timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let texts = decoder.push(&chunk).map_err(ErrorView::unreadable)?;
                    let events = texts
                        .iter()
                        .map(|text| serde_json::from_str(text))
                        .collect::<serde_json::Result<Vec<EventView>>>();
                    let mut events = events.map_err(ErrorView::unreadable)?;
                    // After a reconnection a server may begin earlier than asked.
                    events.retain(|event| event.seq > self.seq);
                    if let Some(last) = events.last() {
                        (self.seq, self.fruitless) = (last.seq, 0);
                        return Ok(events);
                    }
                }
                // The end of the stream, of the connection or of our patience: whether the task has ended tells the next one.
                Ok(Ok(None) | Err(_)) | Err(_) => self.open = None,
            }
        }
    }

    /// False when there is nothing more to come.
    async fn reconnect(&mut self) -> Result<bool> {
        if self.fruitless > 0 {
            let delay = (RETRY_DELAY.0 * 2_u32.pow(self.fruitless.min(6))).min(RETRY_DELAY.1);
            sleep(delay.mul_f64(0.5 + fastrand::f64())).await;
        }
        self.fruitless += 1;
        match self.connect().await {
            Err(error) if error.is_transient() && self.fruitless < FRUITLESS => Ok(true),
            Err(error) => {
                self.fruitless = 0;
                Err(error)
            }
            Ok(()) => Ok(self.open.is_some()),
        }
    }

    /// Nothing is open afterwards if the server says that nothing is to come.
    async fn connect(&mut self) -> Result<(), Error> {
        let url = self.connection.url(["v1", "tasks", &self.task_id.to_string(), "events"]);
        let response = timeout(SILENCE, self.connection.stream(url, self.seq)).await;
        let response = response.map_err(|_| silent())??;
        let is_over = response.status().as_u16() == 204;
        self.open = (!is_over).then(|| (response, Decoder::default()));
        Ok(())
    }
}

fn silent() -> Error {
    let remedy = "check that the server is not overloaded, then try again";
    ErrorView { is_transient: true, ..ErrorView::new("server_silent", "the server did not answer in time", remedy) }
        .into()
}

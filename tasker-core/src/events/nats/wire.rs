use std::sync::Arc;

use async_nats::{Client, Event, Subscriber};
use async_trait::async_trait;
use futures::StreamExt;
use tokio::sync::Notify;

use super::{NatsError, NatsOptions, PATIENCE, address::servers};
use crate::{
    orchestration::Dial,
    store::{Error, Result, Wire},
};

/// The way to other processes over NATS core: for those on one database that name the same server and the same stream. See
/// [`Engine::carry_wakeups`](crate::orchestration::Engine::carry_wakeups).
#[derive(Clone, Debug)]
pub struct NatsWakeups {
    url: String,
    /// Each database has a stream of its own, whose name keeps it apart from others here too.
    subject: String,
}

impl NatsWakeups {
    /// # Errors
    /// [`NatsError::Url`].
    pub fn new(options: &NatsOptions) -> std::result::Result<Self, NatsError> {
        servers(&options.url)?;
        Ok(Self { url: options.url.clone(), subject: format!("tasker.wakeups.{}", options.stream.name) })
    }

    async fn connect(&self) -> std::result::Result<NatsWire, NatsError> {
        let (servers, options) = servers(&self.url)?;
        let lost = Arc::new(Notify::new());
        let tell = Arc::clone(&lost);
        let options = options.name("tasker wake-ups").event_callback(move |event| {
            let tell = Arc::clone(&tell);
            async move {
                if matches!(event, Event::Disconnected | Event::Closed) {
                    tell.notify_one();
                }
            }
        });
        let client = options.connect(servers).await.map_err(super::unavailable)?;
        let heard = client.subscribe(self.subject.clone()).await.map_err(super::unavailable)?;
        // Only then is what is said from now on heard.
        client.flush().await.map_err(super::unavailable)?;
        Ok(NatsWire { client, heard, subject: self.subject.clone(), lost })
    }
}

#[async_trait]
impl Dial for NatsWakeups {
    async fn dial(&self) -> Result<Option<Box<dyn Wire>>> {
        let connected = tokio::time::timeout(PATIENCE, self.connect()).await;
        let wire = connected.map_err(|_| lost("it did not answer"))?.map_err(lost)?;
        Ok(Some(Box::new(wire)))
    }
}

struct NatsWire {
    client: Client,
    heard: Subscriber,
    subject: String,
    /// What happens while the connection is away is heard by nobody: it counts as lost, although it comes back.
    lost: Arc<Notify>,
}

#[async_trait]
impl Wire for NatsWire {
    async fn send(&mut self, text: &str) -> Result<()> {
        let sent = async {
            self.client.publish(self.subject.clone(), text.to_owned().into()).await.map_err(lost)?;
            self.client.flush().await.map_err(lost)
        };
        tokio::time::timeout(PATIENCE, sent).await.map_err(|_| lost("it did not answer"))?
    }

    async fn next(&mut self) -> Result<String> {
        tokio::select! {
            message = self.heard.next() => {
                let message = message.ok_or_else(|| lost("the connection was closed"))?;
                Ok(String::from_utf8_lossy(&message.payload).into_owned())
            }
            () = self.lost.notified() => Err(lost("the connection was lost")),
        }
    }
}

fn lost(error: impl ToString) -> Error {
    Error::Unavailable(format!("NATS, which carries wake-ups: {}", error.to_string()))
}

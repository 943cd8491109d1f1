use async_nats::Subscriber;
use futures::StreamExt;

use super::{NatsError, PATIENCE, address::servers, unavailable};
use crate::events::{CloudEvent, Selection};

/// Events as NATS hands them out to whoever listens, from when it began to and as long as the connection lasts. Who wants each of
/// them, whatever breaks off, has a consumer of the stream, or a subscription of Tasker's.
pub struct NatsEvents {
    messages: Subscriber,
}

/// An event that came; decoded when it is asked for.
pub struct Published(async_nats::Message);

impl NatsEvents {
    /// Listens to the server that the URL names, which has to be there.
    ///
    /// # Errors
    /// [`NatsError::Url`], or [`NatsError::Unavailable`] where nobody answers.
    pub async fn listen(url: &str, selection: &Selection) -> Result<Self, NatsError> {
        let (servers, options) = servers(url)?;
        let listening = async {
            let client = options.name("tasker events").connect(servers).await.map_err(unavailable)?;
            let messages = client.subscribe(selection.subject()).await.map_err(unavailable)?;
            // Only then is what is published from now on heard.
            client.flush().await.map_err(unavailable)?;
            Ok(Self { messages })
        };
        tokio::time::timeout(PATIENCE, listening).await.map_err(|_| unavailable("nobody does within 5 s"))?
    }

    /// The next event; none when the connection has ended.
    pub async fn next(&mut self) -> Option<Published> {
        self.messages.next().await.map(Published)
    }
}

impl Published {
    /// The event; none if this is something else.
    #[must_use]
    pub fn event(&self) -> Option<CloudEvent> {
        CloudEvent::read(&self.0.payload)
    }
}

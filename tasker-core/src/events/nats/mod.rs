//! NATS: JetStream as a receiver of the log, and NATS core for wake-ups. The only place that knows NATS.

mod address;
mod hear;
mod wire;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use async_nats::{
    Client, Event, HeaderMap, client,
    header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID},
    jetstream::{
        Context, ErrorCode,
        context::{ContextBuilder, CreateStreamErrorKind, GetStreamErrorKind, PublishAckFuture, PublishErrorKind},
        message::PublishMessage,
        stream::{Config, RawMessageErrorKind, StorageType, Stream},
    },
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::Notify;
use tracing::{info, warn};

use self::address::servers;
pub use self::{
    hear::{NatsEvents, Published},
    wire::NatsWakeups,
};
use super::{CloudEvent, PREFIX, subject};
use crate::{orchestration::EventCursor, store::RelayPlace};

/// Where the events go.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// `nats://[user:password@]host:port` or `tls://...`; several with commas between them. A user without a password is a
    /// token.
    pub url: String,
    pub stream: StreamOptions,
    /// Events that a relay carries in a second at most; more wait in the log. No bound by default.
    pub max_rate: Option<NonZeroU32>,
}

/// The stream that holds the events. What is not given takes the default where the stream is made, and stays as it is where
/// it exists.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    pub name: String,
    /// Servers that keep each event; 1 by default.
    pub replicas: Option<usize>,
    /// How long events are kept; 7 days by default, zero for ever.
    pub max_age: Option<Duration>,
    /// Bytes kept at most; the oldest events go first. No bound by default.
    pub max_bytes: Option<i64>,
    /// How long the stream knows an event again by its id; 2 minutes by default.
    pub dedupe: Option<Duration>,
}

impl NatsOptions {
    /// With the stream that is there if nothing else is said.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), stream: StreamOptions::default(), max_rate: None }
    }
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { name: "tasker_events".to_owned(), replicas: None, max_age: None, max_bytes: None, dedupe: None }
    }
}

const MAX_AGE: Duration = Duration::from_hours(7 * 24);
const DEDUPE: Duration = Duration::from_mins(2);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts to connect: at first, and in the end.
const CONNECT_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Most messages are shorter.
const PAYLOAD_BYTES: usize = 1_024;
/// Messages at the end of the stream that are looked through for one of the relay.
const LOOK_BACK: u64 = 100;

/// Why the events could not be handed over. They wait in the log.
#[derive(Debug, Error)]
pub enum NatsError {
    /// The URL names no server. Correct it.
    #[error("`{0}` is no URL of a NATS server")]
    Url(String),
    /// The server did not answer, or has no JetStream, or its cluster has no leader. It is tried again.
    #[error("NATS does not answer: {0}")]
    Unavailable(String),
    /// The stream exists and does not take these events. Name another one, or change it.
    #[error("the stream `{stream}` {reason}")]
    Stream { stream: String, reason: String },
    /// The stream is not where the relay left it: another relay or another program wrote to it, or it was made anew. The
    /// relay looks where it stands and goes on.
    #[error("the stream has moved on")]
    Moved,
}

impl NatsError {
    /// A stable word to branch on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url(_) => "nats_url_invalid",
            Self::Unavailable(_) => "nats_unavailable",
            Self::Stream { .. } => "nats_stream_unfit",
            Self::Moved => "nats_stream_moved",
        }
    }

    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Url(_) => "write nats://host:port, or several of them with commas",
            Self::Unavailable(_) => "start nats-server with --jetstream; events wait until it answers",
            Self::Stream { .. } => "name another stream with --nats-stream, or change this one",
            Self::Moved => "nothing: the relay looks where the stream stands and goes on",
        }
    }
}

fn unavailable(error: impl ToString) -> NatsError {
    NatsError::Unavailable(error.to_string())
}

/// A connection, which is made again by itself whenever it is lost.
pub(super) struct Jet {
    client: Client,
    context: Context,
    options: StreamOptions,
    /// Told of each connection that is made.
    connected: Arc<Notify>,
}

/// Where the stream stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    /// The place in the log behind the last event that it has.
    pub(super) cursor: EventCursor,
    /// The number of its last message.
    pub(super) sequence: u64,
    /// When it was made: another time is another stream.
    created: i64,
}

/// What is kept of a stream in the database: as much as tells it from one that was made anew.
#[derive(Serialize, Deserialize)]
struct Receipt {
    stream: String,
    created: i64,
    sequence: u64,
}

/// An event on its way.
pub(super) struct Sent {
    ack: PublishAckFuture,
    sequence: u64,
}

impl Jet {
    /// Answers at once; the connection is made in the background.
    pub(super) async fn connect(options: NatsOptions) -> Result<Self, NatsError> {
        let (servers, connecting) = servers(&options.url)?;
        let connected = Arc::new(Notify::new());
        let tell = Arc::clone(&connected);
        let connecting = connecting
            .name("tasker relay")
            .retry_on_initial_connect()
            .reconnect_delay_callback(|attempts| {
                let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(10);
                let most = (CONNECT_AGAIN.0 * 2_u32.pow(doublings)).min(CONNECT_AGAIN.1);
                most.mul_f64(0.5 + fastrand::f64() / 2.0)
            })
            .event_callback(move |event| {
                let tell = Arc::clone(&tell);
                async move {
                    match event {
                        Event::Connected => tell.notify_one(),
                        event => info!(%event, "NATS"),
                    }
                }
            });
        let client = connecting.connect(servers).await.map_err(unavailable)?;
        let context = ContextBuilder::new().timeout(PATIENCE).build(client.clone());
        Ok(Self { client, context, options: options.stream, connected })
    }

    /// Resolves when a connection was made since the last call.
    pub(super) async fn connected(&self) {
        self.connected.notified().await;
    }

    /// Hands over what was written, and ends the connection.
    pub(super) async fn close(&self) {
        // Whoever stops does not wait for a server that does not answer.
        let _ = tokio::time::timeout(PATIENCE, self.client.drain()).await;
    }

    /// Makes the stream, or checks that it takes the events; tells where it stands. `place` is where the relay stood when it
    /// last had the stream's word for it, and `holds` whether the log has an event behind that: where it does not, the database
    /// has lost what it had committed (a standby took over that lacked it), and goes on from the last event that both have.
    pub(super) async fn stand<E: From<NatsError>, F: Future<Output = Result<bool, E>>>(
        &self,
        place: &RelayPlace,
        holds: impl Fn(EventCursor) -> F,
    ) -> Result<Standing, E> {
        let stream = match self.context.get_stream(&self.options.name).await {
            Ok(stream) => self.fitted(stream).await?,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    self.make().await?
                }
                _ => return Err(unavailable(error).into()),
            },
        };
        let info = stream.get_info().await.map_err(unavailable)?;
        let created = i64::try_from(info.created.unix_timestamp_nanos()).unwrap_or(0);
        let sequence = info.state.last_sequence;
        let known: Option<Receipt> = place.receipt.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let known = known.filter(|known| {
            known.stream == self.options.name && known.created == created && known.sequence <= sequence
        });
        // What came behind the last message that the database knows of; all, where that was another stream, or this one has
        // lost its end. Messages may have grown old, or be those of others.
        let behind = known.as_ref().map_or_else(|| sequence.saturating_sub(LOOK_BACK), |known| known.sequence);
        let mut lost = 0;
        for at in (info.state.first_sequence.max(behind + 1)..=sequence).rev() {
            let Some(cursor) = cursor_of(&stream, at).await? else { continue };
            // What retention removes, the database knows to have arrived.
            if known.is_none() || cursor <= place.cursor || holds(cursor).await? {
                tell_lost(lost);
                return Ok(Standing { cursor, sequence, created });
            }
            lost += 1;
        }
        tell_lost(lost);
        // A stream that was made anew is filled again from the beginning of the log.
        let cursor = if known.is_some() { place.cursor } else { EventCursor::START };
        Ok(Standing { cursor, sequence, created })
    }

    async fn make(&self) -> Result<Stream, NatsError> {
        let StreamOptions { name, replicas, max_age, max_bytes, dedupe } = self.options.clone();
        let max_age = max_age.unwrap_or(MAX_AGE);
        // The server refuses to know ids for longer than it keeps events.
        let dedupe = dedupe.unwrap_or(DEDUPE).min(if max_age.is_zero() { Duration::MAX } else { max_age });
        let config = Config {
            name,
            description: Some("what happens in Tasker, as CloudEvents".to_owned()),
            subjects: vec![subjects()],
            storage: StorageType::File,
            num_replicas: replicas.unwrap_or(1),
            max_age,
            max_bytes: max_bytes.unwrap_or(-1),
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            duplicate_window: dedupe,
            allow_direct: true,
            ..Config::default()
        };
        let made = self.context.create_stream(config).await.map_err(|error| self.refused(error.kind(), &error))?;
        info!(stream = self.options.name, "made the stream");
        self.context.get_stream(made.cached_info().config.name.clone()).await.map_err(unavailable)
    }

    /// The stream, brought to what the options ask for.
    async fn fitted(&self, stream: Stream) -> Result<Stream, NatsError> {
        let config = &stream.cached_info().config;
        if !config.subjects.iter().any(|taken| *taken == subjects() || taken == ">" || taken == "tasker.>") {
            let reason = format!("takes {}, and not {}", config.subjects.join(", "), subjects());
            return Err(NatsError::Stream { stream: self.options.name.clone(), reason });
        }
        let mut wanted = config.clone();
        let StreamOptions { replicas, max_age, max_bytes, dedupe, .. } = self.options;
        wanted.num_replicas = replicas.unwrap_or(wanted.num_replicas);
        wanted.max_age = max_age.unwrap_or(wanted.max_age);
        wanted.max_bytes = max_bytes.unwrap_or(wanted.max_bytes);
        wanted.duplicate_window = dedupe.unwrap_or(wanted.duplicate_window);
        if wanted == *config {
            return Ok(stream);
        }
        self.context.update_stream(&wanted).await.map_err(|error| self.refused(error.kind(), &error))?;
        info!(stream = self.options.name, "changed the stream to what the options ask for");
        Ok(stream)
    }

    fn refused(&self, kind: CreateStreamErrorKind, error: &dyn std::error::Error) -> NatsError {
        match kind {
            // What the server understood and did not like; without a leader or with too few servers it may like it later.
            CreateStreamErrorKind::JetStream(error) if error.code() < 500 => {
                NatsError::Stream { stream: self.options.name.clone(), reason: format!("is refused: {error}") }
            }
            _ => unavailable(error),
        }
    }

    /// Sends an event that is to come directly behind the message numbered `after`. The stream refuses it anywhere else, so
    /// that nothing is stored twice or out of order, whatever was lost on the way, and whoever else writes.
    pub(super) async fn send(&self, event: &CloudEvent, after: u64) -> Result<Sent, NatsError> {
        let (headers, payload) = self.message(event, after)?;
        let message = PublishMessage::build().headers(headers).payload(payload.into());
        let ack = match self.context.send_publish(subject(event), message).await {
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                let event = without_data(event);
                let (headers, payload) = self.message(&event, after)?;
                let message = PublishMessage::build().headers(headers).payload(payload.into());
                self.context.send_publish(subject(&event), message).await
            }
            sent => sent,
        };
        Ok(Sent { ack: ack.map_err(unavailable)?, sequence: after + 1 })
    }

    /// The same, without a word whether it has arrived: that of another one behind it says so too, at half the cost.
    pub(super) async fn send_unheard(&self, event: &CloudEvent, after: u64) -> Result<(), NatsError> {
        let (headers, payload) = self.message(event, after)?;
        match self.client.publish_with_headers(subject(event), headers, payload.into()).await {
            Err(error) if error.kind() == client::PublishErrorKind::MaxPayloadExceeded => {
                let event = without_data(event);
                let (headers, payload) = self.message(&event, after)?;
                self.client.publish_with_headers(subject(&event), headers, payload.into()).await
            }
            sent => sent,
        }
        .map_err(unavailable)
    }

    fn message(&self, event: &CloudEvent, after: u64) -> Result<(HeaderMap, Vec<u8>), NatsError> {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", "application/cloudevents+json");
        headers.insert(NATS_MESSAGE_ID, event.id.as_str());
        headers.insert(NATS_EXPECTED_STREAM, self.options.name.as_str());
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, after.to_string());
        let mut payload = Vec::with_capacity(PAYLOAD_BYTES);
        serde_json::to_writer(&mut payload, event).map_err(unavailable)?;
        Ok((headers, payload))
    }

    /// What the database keeps of a stream that holds the log up to `cursor`, in messages up to `sequence`.
    pub(super) fn place(&self, standing: &Standing) -> RelayPlace {
        let Standing { cursor, sequence, created } = *standing;
        let receipt = Receipt { stream: self.options.name.clone(), created, sequence };
        RelayPlace { cursor, receipt: serde_json::to_string(&receipt).ok() }
    }
}

impl Sent {
    /// Waits until the stream has stored it.
    pub(super) async fn arrive(self) -> Result<(), NatsError> {
        match self.ack.await {
            Ok(ack) if !ack.duplicate && ack.sequence == self.sequence => Ok(()),
            Ok(_) => Err(NatsError::Moved),
            Err(error) => match error.kind() {
                PublishErrorKind::WrongLastSequence | PublishErrorKind::StreamNotFound => Err(NatsError::Moved),
                _ => Err(unavailable(error)),
            },
        }
    }
}

fn without_data(event: &CloudEvent) -> CloudEvent {
    warn!(id = event.id, "an event is too large for NATS and is sent without its data");
    event.clone().without_data()
}

fn tell_lost(events: u64) {
    if events > 0 {
        warn!(
            events,
            "the stream has events that the database has lost; what has happened since then follows upon them"
        );
    }
}

/// The place in the log behind a message; none if it is gone, or not of a relay.
async fn cursor_of(stream: &Stream, sequence: u64) -> Result<Option<EventCursor>, NatsError> {
    match stream.get_raw_message(sequence).await {
        Ok(message) => Ok(CloudEvent::read(&message.payload).and_then(|event| event.cursor.parse().ok())),
        Err(error) => match error.kind() {
            RawMessageErrorKind::NoMessageFound => Ok(None),
            RawMessageErrorKind::JetStream(error) if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
            _ => Err(unavailable(error)),
        },
    }
}

fn subjects() -> String {
    format!("{PREFIX}.>")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What keeps relays from doing harm to each other, and losses on the way from making gaps.
    #[cfg(feature = "test-support")]
    #[tokio::test]
    async fn an_event_is_taken_in_its_place_only() {
        let Some(server) = crate::events::throwaway::NatsServer::start() else { return };
        let options = || NatsOptions::at(server.url());
        let (one, other) = (Jet::connect(options()).await.unwrap(), Jet::connect(options()).await.unwrap());
        let place = RelayPlace { cursor: EventCursor::START, receipt: None };
        let empty = stand(&one, &place).await.unwrap();
        assert_eq!(stand(&other, &place).await.unwrap(), empty);

        one.send(&event(1), empty.sequence).await.unwrap().arrive().await.unwrap();
        let late = other.send(&event(2), empty.sequence).await.unwrap().arrive().await;
        assert!(matches!(late, Err(NatsError::Moved)), "another one was faster");
        let early = one.send(&event(4), empty.sequence + 2).await.unwrap().arrive().await;
        assert!(matches!(early, Err(NatsError::Moved)), "what it has to follow was lost");
        let again = other.send(&event(1), empty.sequence + 1).await.unwrap().arrive().await;
        assert!(matches!(again, Err(NatsError::Moved)), "it is there already");

        let then = stand(&other, &place).await.unwrap();
        assert_eq!((then.sequence, then.cursor.seq), (1, 1), "the stream tells where to go on");
    }

    #[cfg(feature = "test-support")]
    async fn stand(jet: &Jet, place: &RelayPlace) -> Result<Standing, NatsError> {
        jet.stand(place, |_| std::future::ready(Ok(true))).await
    }

    #[cfg(feature = "test-support")]
    fn event(seq: i64) -> CloudEvent {
        let task_id = crate::model::TaskId(uuid::Uuid::nil());
        let event = serde_json::json!({
            "task_uuid": task_id, "seq": seq, "at": "2026-01-02T03:04:05Z", "type": "task.started", "namespace": "shop",
            "name": "order", "version": "1.0.0",
        });
        let cursor = EventCursor { position: 1, task_id, seq };
        CloudEvent::new(crate::view::Fed { cursor, event: serde_json::from_value(event).unwrap() })
    }
}

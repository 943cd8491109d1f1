use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::{debug, info};

use super::{
    Wakeups,
    message::{Hints, Message, Roles},
    outbox::Outbox,
};
use crate::store::{Error, Result, Wire};

/// Connects to the other processes; none where there is no way to them.
#[async_trait]
pub trait Dial: Send + Sync + 'static {
    /// # Errors
    /// It will be tried again.
    async fn dial(&self) -> Result<Option<Box<dyn Wire>>>;
}

/// Carries hints from this process to the others and back, from the time on that there is something to say or to hear.
#[derive(Debug)]
pub(in crate::orchestration) struct Carrier {
    task: Mutex<Option<JoinHandle<()>>>,
    stop: Arc<Notify>,
}

/// How often each process says that it is there.
const GREET_EVERY: Duration = Duration::from_secs(300);
/// One that was not heard of for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(750);
/// How soon what was said must come back.
const ECHO_WITHIN: Duration = Duration::from_secs(5);
/// How long a newcomer takes to know who is there.
const WELCOME: Duration = Duration::from_secs(1);
/// A newcomer is greeted after up to so long, so that many do not do it at once.
const ANSWER_WITHIN: Duration = Duration::from_millis(50);
/// The shortest and the longest time between two messages. A lone hint leaves at once; under load, one message tells of all
/// that has happened meanwhile.
const GAP: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));
/// Commits, or ends of tasks, a second for which the shortest time is right, and from which on the longest. How soon messages
/// follow upon each other says nothing: each of a chain of lone hints would be held back.
const LOAD: (f64, f64) = (500.0, 2_000.0);
const DIAL_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long a process that ends waits for its last message to leave.
const FAREWELL: Duration = Duration::from_secs(2);

impl Carrier {
    pub(in crate::orchestration) fn start(wakeups: Arc<Wakeups>, dial: Arc<dyn Dial>) -> Self {
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(carry(wakeups, dial, Arc::clone(&stop)));
        Self { task: Mutex::new(Some(task)), stop }
    }

    /// Says what has not been said yet, and farewell.
    pub(in crate::orchestration) async fn stop(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut task) = task {
            self.stop.notify_one();
            if timeout(FAREWELL, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.take().iter().for_each(JoinHandle::abort);
    }
}

async fn carry(wakeups: Arc<Wakeups>, dial: Arc<dyn Dial>, stop: Arc<Notify>) {
    let outbox = wakeups.open_outbox();
    tokio::select! {
        () = outbox.filled() => outbox.ring(),
        () = stop.notified() => return,
    }
    let mut delay = DIAL_AGAIN.0;
    loop {
        match dial.dial().await {
            Ok(Some(wire)) => {
                let mut talk = Talk::new(&wakeups, &outbox, wire);
                let ended = talk.run(&stop).await;
                if outbox.is_carried() {
                    delay = DIAL_AGAIN.0;
                    outbox.set_carried(false);
                    // From now on everyone looks for himself.
                    wakeups.deliver(&Hints::anything());
                }
                outbox.want(Roles::ALL);
                match ended {
                    Ok(()) => return,
                    Err(error) => info!(%error, "wake-ups of other processes are not heard for the time being"),
                }
            }
            Ok(None) => {
                outbox.want(Roles::default());
                return;
            }
            Err(error) => debug!(%error, "nothing carries wake-ups; trying again"),
        }
        tokio::select! {
            () = sleep(delay.mul_f64(0.5 + fastrand::f64())) => {}
            () = stop.notified() => return,
        }
        delay = (delay * 2).min(DIAL_AGAIN.1);
    }
}

/// How long to be silent after a message that tells of so much as has happened in so long.
fn gap(count: Option<u32>, since: Option<Duration>) -> Duration {
    let Some(count) = count else { return GAP.1 };
    let load = since.map_or(0.0, |since| f64::from(count) / since.max(GAP.0).as_secs_f64());
    let share = (load - LOAD.0) / (LOAD.1 - LOAD.0);
    GAP.0 + (GAP.1 - GAP.0).mul_f64(share.clamp(0.0, 1.0))
}

/// As long as one wire lasts.
struct Talk<'a> {
    wakeups: &'a Wakeups,
    outbox: &'a Outbox,
    wire: Box<dyn Wire>,
    me: u64,
    said_roles: Roles,
    since: Instant,
    others: HashMap<u64, Other>,
    greet_at: Instant,
    echo_by: Option<Instant>,
    is_filled: bool,
    gap: Duration,
    said_at: Option<Instant>,
}

struct Other {
    roles: Roles,
    heard_at: Instant,
}

impl<'a> Talk<'a> {
    fn new(wakeups: &'a Wakeups, outbox: &'a Outbox, wire: Box<dyn Wire>) -> Self {
        let now = Instant::now();
        Self {
            wakeups,
            outbox,
            wire,
            me: fastrand::u64(..),
            said_roles: Roles::default(),
            since: now,
            others: HashMap::new(),
            greet_at: now,
            echo_by: None,
            is_filled: false,
            gap: GAP.0,
            said_at: None,
        }
    }

    /// Until it is stopped, or the wire fails.
    async fn run(&mut self, stop: &Notify) -> Result<()> {
        loop {
            let now = Instant::now();
            if self.echo_by.is_some_and(|echo_by| echo_by <= now) {
                return Err(Error::Unavailable("what was said did not come back".to_owned()));
            }
            if self.is_filled && self.may_say_at() <= now || self.greet_at <= now {
                self.say(false).await?;
                continue;
            }
            let say_at = self.is_filled.then(|| self.may_say_at());
            let next_at =
                [say_at, self.echo_by, self.welcome_ends(now)].into_iter().flatten().fold(self.greet_at, Instant::min);
            tokio::select! {
                heard = self.wire.next() => self.hear(&heard?),
                () = self.outbox.filled(), if !self.is_filled => {
                    self.is_filled = true;
                    if self.wakeups.roles() != self.said_roles {
                        self.greet_at = now;
                    }
                }
                () = sleep_until(next_at) => self.look_around(Instant::now()),
                () = stop.notified() => return self.say(true).await,
            }
        }
    }

    fn may_say_at(&self) -> Instant {
        self.said_at.map_or(self.since, |said_at| said_at + self.gap)
    }

    fn welcome_ends(&self, now: Instant) -> Option<Instant> {
        Some(self.since + WELCOME).filter(|end| *end > now)
    }

    async fn say(&mut self, leaves: bool) -> Result<()> {
        let now = Instant::now();
        let (roles, unsaid) = (self.wakeups.roles(), self.outbox.take());
        self.gap = gap(unsaid.count(), self.said_at.map(|said_at| now - said_at));
        self.said_at = Some(now);
        self.is_filled = false;
        let hints = unsaid.hints;
        if self.greet_at > now && hints == Hints::default() && !leaves {
            return Ok(());
        }
        let message = Message { from: self.me, roles, leaves, hints };
        let text = message.to_text().map_err(|error| Error::Refused(error.to_string()))?;
        self.wire.send(&text).await?;
        if !leaves {
            self.said_roles = roles;
            self.greet_at = now + GREET_EVERY.mul_f64(0.75 + fastrand::f64() / 2.0);
            self.echo_by.get_or_insert(now + ECHO_WITHIN);
        }
        self.look_around(now);
        Ok(())
    }

    fn hear(&mut self, text: &str) {
        // Anybody may send anything on this channel.
        let Ok(message) = serde_json::from_str::<Message>(text) else { return };
        let now = Instant::now();
        if message.from == self.me {
            self.echo_by = None;
            if !self.outbox.is_carried() {
                self.outbox.set_carried(true);
                // What was said before this was not heard here.
                self.wakeups.deliver(&Hints::anything());
            }
            return;
        }
        if message.leaves {
            self.others.remove(&message.from);
            self.look_around(now);
        } else {
            let other = Other { roles: message.roles, heard_at: now };
            let known = self.others.insert(message.from, other);
            if known.is_none() {
                self.greet_at = self.greet_at.min(now + ANSWER_WITHIN.mul_f64(fastrand::f64()));
            }
            if known.is_none_or(|known| known.roles != message.roles) {
                self.look_around(now);
            }
        }
        self.wakeups.deliver(&message.hints);
    }

    /// Takes stock of who is there.
    fn look_around(&mut self, now: Instant) {
        self.others.retain(|_, other| now < other.heard_at + GONE_AFTER);
        let is_new = now < self.since + WELCOME;
        let theirs = self.others.values().fold(Roles::default(), |roles, other| roles.and(other.roles));
        self.outbox.want(if is_new { Roles::ALL } else { theirs });
        self.outbox.set_sweepers(self.others.values().filter(|other| other.roles.has(Roles::SWEEPS)).count());
    }
}

//! Telling other processes what a commit left to do, and hearing it from them.
//!
//! Effects are sent with NOTIFY on a connection of their own, after the commit and many at once: a
//! NOTIFY inside a writing transaction would make all writers wait for each other a second time.
//! What is lost costs time, never correctness: every loop also looks by itself. Where something may
//! have been lost all the same, everybody is told that (`Missed`), so that nobody waits for the slow
//! look.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devlab_core::tx::Effect;
use devlab_core::{AttemptId, StorageError};
use tokio::sync::Notify;
use tokio::sync::mpsc::{
    Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Notification};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::connect::Target;
use super::errors::answered;
use super::options::LISTEN_RETRY;
use crate::EffectSink;

/// The channel of all our processes.
const CHANNEL: &str = "devlab";
/// Longest payload of a NOTIFY that we send; PostgreSQL takes less than 8000 bytes.
const PAYLOAD_MAX: usize = 7_000;
/// Most commits whose effects wait to be sent; of more, the others are told that they missed something.
const COMMITS_WAITING_MAX: usize = 1_024;
/// Most effects that are sent at once.
const WAITING_MAX: usize = 10_000;
/// Time from one word about logs that grew to the next.
const LOGS_PACE: Duration = Duration::from_millis(100);
/// How long after the end what is being sent may still take.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// Where the effects of a commit go.
#[derive(Clone)]
pub(super) struct Told {
    sink: EffectSink,
    others: Sender<Vec<Effect>>,
    missed: Arc<Notify>,
    grown: Arc<Grown>,
}

/// Logs that have grown here since the others were told.
#[derive(Debug, Default)]
pub(super) struct Grown {
    logs: Mutex<BTreeSet<AttemptId>>,
    more: Notify,
}

impl Grown {
    /// The others are told soon, once for all that comes meanwhile.
    pub(super) fn log(&self, attempt: AttemptId) {
        let mut logs = self.logs();
        if logs.len() < WAITING_MAX && logs.insert(attempt) {
            drop(logs);
            self.more.notify_one();
        }
    }

    fn take(&self) -> Vec<Effect> {
        let logs = std::mem::take(&mut *self.logs());
        logs.into_iter().map(Effect::LogGrew).collect()
    }

    fn logs(&self) -> MutexGuard<'_, BTreeSet<AttemptId>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Where it is said that a log has grown.
    pub(super) fn grown(&self) -> Arc<Grown> {
        Arc::clone(&self.grown)
    }

    pub(super) fn new(sink: EffectSink) -> (Self, Untold) {
        let (others, waiting) = channel(COMMITS_WAITING_MAX);
        let (missed, grown) = (Arc::new(Notify::new()), Arc::new(Grown::default()));
        let untold = Untold {
            waiting,
            missed: Arc::clone(&missed),
            grown: Arc::clone(&grown),
        };
        let told = Self {
            sink,
            others,
            missed,
            grown,
        };
        (told, untold)
    }

    /// Tells this process now, and the others soon. A panic of the receiver costs time only.
    pub(super) fn commit(&self, effects: Vec<Effect>) {
        let told = crate::guarded(|| {
            (self.sink)(&effects);
            Ok(())
        });
        if told.is_err() {
            tracing::error!("the receiver of effects panicked");
        }
        // Also without effects: there may be new events. Nobody listens after the end.
        if self.others.try_send(effects).is_err() {
            self.missed.notify_one();
        }
    }
}

/// What the others are to be told.
pub(super) struct Untold {
    waiting: Receiver<Vec<Effect>>,
    /// Something will not be told any more; to be said instead.
    missed: Arc<Notify>,
    grown: Arc<Grown>,
}

/// What listens and tells, on a connection that is made again whenever it is cut.
pub(super) struct Listening {
    pub(super) target: Target,
    pub(super) id: Uuid,
    pub(super) sink: EffectSink,
    pub(super) untold: Untold,
    pub(super) stop: CancellationToken,
}

impl Listening {
    pub(super) async fn run(mut self, first: Listener) {
        let stop = self.stop.clone();
        let mut listener = Some(first);
        while !stop.is_cancelled() {
            if let Some(mut listening) = listener.take() {
                let ended = listening.serve(&mut self).await;
                if let Err(error) = ended {
                    tracing::warn!(%error, "listening to the database ended");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LISTEN_RETRY) => {}
            }
            let connected = tokio::select! {
                () = stop.cancelled() => return,
                connected = Listener::connect(&self.target) => connected,
            };
            match connected {
                Ok(connected) => {
                    listener = Some(connected);
                    // Whatever was said meanwhile was missed: everybody looks once. So do the others,
                    // whose connections may have held: what was being said to them was lost.
                    (self.sink)(&[Effect::Missed]);
                    self.untold.missed.notify_one();
                }
                Err(error) => tracing::warn!(%error, "cannot listen to the database"),
            }
        }
    }
}

/// A connection that listens.
pub(super) struct Listener {
    client: tokio_postgres::Client,
    driver: tokio::task::JoinHandle<()>,
    heard: UnboundedReceiver<Notification>,
}

impl Listener {
    pub(super) async fn connect(target: &Target) -> Result<Self, StorageError> {
        let (tell, heard) = unbounded_channel();
        let (client, driver) = target.listener(tell).await?;
        let listener = Self {
            client,
            driver,
            heard,
        };
        let listen = format!("LISTEN {CHANNEL}");
        let listening = listener.client.batch_execute(&listen);
        answered(target.answer_max, listening).await?;
        Ok(listener)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Listener {
    async fn serve(&mut self, of: &mut Listening) -> Result<(), StorageError> {
        let Listening {
            target,
            id,
            sink,
            untold,
            stop,
        } = of;
        let Untold {
            waiting,
            missed,
            grown,
        } = untold;
        let mine = id.simple().to_string();
        // Until when nothing more is said about logs.
        let pause = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                notification = self.heard.recv() => {
                    let Some(notification) = notification else { return Ok(()) };
                    if let Some((from, effects)) = decode(notification.payload())
                        && from != mine
                    {
                        sink(&effects);
                    }
                }
                () = missed.notified() => {
                    let told = self.tell(&mine, &[Effect::Missed], target.answer_max, stop);
                    told.await?;
                }
                () = async { pause.as_mut().await; grown.more.notified().await } => {
                    let logs = grown.take();
                    if !logs.is_empty() {
                        self.tell(&mine, &logs, target.answer_max, stop).await?;
                    }
                    pause.set(tokio::time::sleep(LOGS_PACE));
                }
                first = waiting.recv() => {
                    let Some(mut effects) = first else { return Ok(()) };
                    while effects.len() < WAITING_MAX && let Ok(more) = waiting.try_recv() {
                        effects.extend(more);
                    }
                    self.tell(&mine, &effects, target.answer_max, stop).await?;
                }
            }
        }
    }

    /// Tells the others. What is left at the end they find by themselves.
    async fn tell(
        &self,
        mine: &str,
        effects: &[Effect],
        answer_max: Duration,
        stop: &CancellationToken,
    ) -> Result<(), StorageError> {
        const NOTIFY: &str = "SELECT pg_notify($1, $2)";
        let telling = async {
            for payload in encode(mine, effects) {
                let told: [&(dyn ToSql + Sync); 2] = [&CHANNEL, &payload];
                answered(answer_max, self.client.execute(NOTIFY, &told)).await?;
            }
            Ok(())
        };
        tokio::select! {
            told = telling => told,
            () = ended(stop) => Ok(()),
        }
    }
}

/// The end, and the time that is left then.
async fn ended(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(LAST_WORDS_MAX).await;
}

/// Effects as payloads of NOTIFY: the sender, then JSON.
fn encode(from: &str, effects: &[Effect]) -> Vec<String> {
    let mut payloads = Vec::new();
    let mut payload = String::new();
    for effect in effects {
        let Ok(text) = serde_json::to_string(effect) else {
            continue;
        };
        if !payload.is_empty() && payload.len() + text.len() > PAYLOAD_MAX {
            payloads.push(format!("{from} [{payload}]"));
            payload.clear();
        }
        if text.len() <= PAYLOAD_MAX {
            if !payload.is_empty() {
                payload.push(',');
            }
            payload.push_str(&text);
        }
    }
    payloads.push(format!("{from} [{payload}]"));
    payloads
}

fn decode(payload: &str) -> Option<(&str, Vec<Effect>)> {
    let (from, effects) = payload.split_once(' ')?;
    match serde_json::from_str(effects) {
        Ok(effects) => Some((from, effects)),
        // Another version of devlab may know effects that this one does not: look at everything.
        Err(_) => Some((from, vec![Effect::Missed])),
    }
}

/// Drives a connection and passes its notifications on.
pub(super) fn drive<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    tell: UnboundedSender<Notification>,
) -> tokio::task::JoinHandle<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::runtime::Handle::current().spawn(async move {
        loop {
            match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    if tell.send(notification).is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use devlab_core::label::Labels;
    use devlab_core::{OrgId, TaskId, Timestamp};

    #[test]
    fn who_is_told_too_much_at_once_is_told_that_something_was_missed() {
        use futures::FutureExt as _;
        let (told, untold) = Told::new(Arc::new(|_: &[Effect]| {}));
        let is_missed = || untold.missed.notified().now_or_never().is_some();
        for _ in 0..COMMITS_WAITING_MAX {
            told.commit(Vec::new());
        }
        assert!(!is_missed());
        told.commit(vec![Effect::Tokens]);
        told.commit(vec![Effect::Tokens]);
        assert!(is_missed());
        assert!(!is_missed(), "once");
    }

    #[test]
    fn effects_come_back_and_payloads_are_bounded() {
        let org = OrgId::new(Timestamp::from_millis(1), 7);
        let effects: Vec<Effect> = (0..2_000)
            .map(|n| match n % 3 {
                0 => Effect::Ready(org, Labels::new(["gpu", "linux"]).unwrap()),
                1 => Effect::Start(TaskId::new(Timestamp::from_millis(2), n)),
                _ => Effect::Tokens,
            })
            .collect();
        let payloads = encode("me", &effects);
        assert!(payloads.iter().all(|payload| payload.len() < 8_000));
        let back: Vec<Effect> = payloads
            .iter()
            .flat_map(|payload| decode(payload).unwrap().1)
            .collect();
        assert_eq!(back, effects);
        assert_eq!(encode("me", &[]), ["me []"]);
    }
}

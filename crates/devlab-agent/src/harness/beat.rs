//! Heartbeats: the server hears that an attempt lives, and the attempt hears that it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use devlab_api::agent::{Claimed, Update};
use devlab_api::client::{Client, ClientError};
use devlab_core::attempt::Phase;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::shared::is_gone;
use super::signal::{Cause, Signal};

/// Heartbeats in one term of the lease.
const PER_LEASE: u32 = 3;
/// How soon a new phase, and what has changed, is told. A phase that is over sooner is not worth a
/// request.
const PHASE_DELAY: Duration = Duration::from_millis(300);
/// Shortest time between heartbeats, and that one may take.
const SHORTEST: Duration = Duration::from_millis(100);

/// Waits for something to tell; `false` if there will be nothing any more.
async fn news(
    phase: &mut watch::Receiver<Phase>,
    touched: &mut watch::Receiver<Option<Vec<String>>>,
) -> bool {
    tokio::select! {
        changed = phase.changed() => changed.is_ok(),
        changed = touched.changed() => changed.is_ok(),
    }
}

/// One attempt's heartbeats.
pub(super) struct Beat {
    pub(super) client: Client,
    pub(super) claim: Claimed,
    pub(super) signal: Arc<Signal>,
    /// How often the server has answered.
    pub(super) contacts: Arc<AtomicU64>,
}

impl Beat {
    /// Beats until it is dropped. A server that does not answer ends nothing: the driver goes on.
    pub(super) async fn go_on(
        self,
        mut phase: watch::Receiver<Phase>,
        mut touched: watch::Receiver<Option<Vec<String>>>,
    ) {
        let every = Duration::from_millis(self.claim.lease_ms) / PER_LEASE;
        let every = every.max(SHORTEST);
        let mut next = Instant::now() + every;
        let mut goes_on = true;
        let mut told = None;
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                changed = news(&mut phase, &mut touched), if goes_on => {
                    goes_on = changed;
                    next = next.min(Instant::now() + PHASE_DELAY);
                    continue;
                }
            }
            next = Instant::now() + every;
            let now = *phase.borrow_and_update();
            let seen = touched.borrow_and_update().clone();
            let new = seen.clone().filter(|_| seen != told);
            match timeout(every.max(Duration::from_secs(1)), self.once(now, new)).await {
                Ok(Ok(())) => told = seen,
                Ok(Err(error)) => {
                    if !error.is_retryable() {
                        tracing::warn!(attempt = %self.claim.attempt, %error, "a heartbeat was refused");
                    }
                }
                Err(_) => {
                    tracing::debug!(attempt = %self.claim.attempt, "a heartbeat took too long")
                }
            }
        }
    }

    /// Beats once; an attempt that is over is told to stop.
    pub(super) async fn once(
        &self,
        phase: Phase,
        touched: Option<Vec<String>>,
    ) -> Result<(), ClientError> {
        let update = Update {
            task: self.claim.task,
            attempt: self.claim.attempt,
            phase: Some(phase),
            touched,
            complete: None,
        };
        match self.client.update_attempt(&update).await {
            Ok(_) => {
                self.contacts.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) if is_gone(&error) => {
                self.signal.raise(Cause::Gone);
                Err(error)
            }
            Err(error) => Err(error),
        }
    }
}

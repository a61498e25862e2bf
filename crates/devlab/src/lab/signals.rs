//! Signals: the first asks to finish, the second to stop at once.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the signals of this process have asked for.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    /// Finish what is under way, begin nothing.
    pub(crate) soft: CancellationToken,
    /// Stop at once.
    pub(crate) hard: CancellationToken,
}

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn listen(tracker: &TaskTracker) -> anyhow::Result<Self> {
        let stop = Self {
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
        };
        let on = |kind| signal(kind).context("cannot listen for signals");
        let mut terminate = on(SignalKind::terminate())?;
        let mut interrupt = on(SignalKind::interrupt())?;
        let heard = stop.clone();
        drop(tracker.spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            heard.soft.cancel();
            tokio::select! {
                () = either(&mut terminate, &mut interrupt) => {}
                () = heard.hard.cancelled() => return,
            }
            heard.hard.cancel();
        }));
        Ok(stop)
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

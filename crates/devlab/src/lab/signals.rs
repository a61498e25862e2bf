//! Signals: the first asks to finish, the second to stop at once.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::failure::{Exit, Failure};
use crate::show;

/// What the signals of this process have asked for.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    /// Finish what is under way, begin nothing.
    pub(crate) soft: CancellationToken,
    /// Stop at once.
    pub(crate) hard: CancellationToken,
    /// Whether one of them was Ctrl-C: of two that come together nobody knows which was first.
    interrupted: CancellationToken,
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
            interrupted: CancellationToken::new(),
        };
        let on = |kind| signal(kind).context("cannot listen for signals");
        let mut terminate = on(SignalKind::terminate())?;
        let mut interrupt = on(SignalKind::interrupt())?;
        let heard = stop.clone();
        drop(tracker.spawn(async move {
            for stage in [&heard.soft, &heard.hard] {
                tokio::select! {
                    _ = interrupt.recv() => heard.interrupted.cancel(),
                    _ = terminate.recv() => {}
                    () = heard.hard.cancelled() => return,
                }
                stage.cancel();
            }
        }));
        Ok(stop)
    }

    /// The end of a command that has stopped in order, with `words` for the person who asked.
    ///
    /// # Errors
    /// It was Ctrl-C: whatever comes after the command in a script is stopped too. A service manager
    /// that ends its service is answered with success.
    pub(crate) fn ended(&self, words: &str) -> anyhow::Result<()> {
        if self.interrupted.is_cancelled() {
            return Err(Failure::new(Exit::Interrupted, words));
        }
        show::note(words);
        Ok(())
    }
}

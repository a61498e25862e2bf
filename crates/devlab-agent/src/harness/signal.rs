//! Why an attempt has to end before it is done.

use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

use super::talk::Mailbox;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server takes nothing from it any more: cancelled, or superseded.
    Gone,
    /// The agent is ending, and gives it back.
    Drained,
    /// The agent ends at once; its journal stays for the next one.
    Halted,
}

/// Raised once for an attempt; the first cause counts.
#[derive(Debug, Default)]
pub(super) struct Signal {
    cause: OnceLock<Cause>,
    raised: CancellationToken,
    /// What people said to the attempt since it was claimed.
    pub(super) mail: Mailbox,
}

impl Signal {
    pub(super) fn raise(&self, cause: Cause) {
        // A second cause changes nothing: the attempt is ending already.
        if self.cause.set(cause).is_ok() {
            self.raised.cancel();
        }
    }

    /// Ends the driver when the signal is raised.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.raised
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        self.cause.get().copied()
    }

    /// Waits for it.
    pub(super) async fn raised(&self) -> Cause {
        self.raised.cancelled().await;
        self.cause().unwrap_or(Cause::Halted)
    }
}

//! What a store's writer does, for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What the writer of this process has done since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterReport {
    /// Commits.
    pub batches: u64,
    /// Units of work in them.
    pub units: u64,
    /// Units that wait for the next one.
    pub waiting: u64,
    /// How long its batches have waited for their turn, all together. Other writers of a shared
    /// database had theirs meanwhile; a store of one process has no turns.
    pub turn_waited: Duration,
    /// How long the batch at hand has been waiting for its turn.
    pub turn_waits: Duration,
}

/// Counts for a [`WriterReport`].
#[derive(Default)]
pub(crate) struct Tally {
    batches: AtomicU64,
    units: AtomicU64,
    turn_waited_us: AtomicU64,
    waits_since: Mutex<Option<Instant>>,
}

/// A wait for a turn; it is over when this is dropped.
pub(crate) struct TurnWait<'a>(&'a Tally);

impl Tally {
    /// A batch of so many units was committed.
    pub(crate) fn committed(&self, units: usize) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        let units = u64::try_from(units).unwrap_or(u64::MAX);
        self.units.fetch_add(units, Ordering::Relaxed);
    }

    /// The writer begins to wait for its turn.
    pub(crate) fn waits(&self) -> TurnWait<'_> {
        *self.since() = Some(Instant::now());
        TurnWait(self)
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // Nothing happens under the lock that could leave it half-done.
        self.waits_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn report(&self, waiting: usize) -> WriterReport {
        let waits = self.since().map(|since| since.elapsed());
        WriterReport {
            batches: self.batches.load(Ordering::Relaxed),
            units: self.units.load(Ordering::Relaxed),
            waiting: u64::try_from(waiting).unwrap_or(u64::MAX),
            turn_waited: Duration::from_micros(self.turn_waited_us.load(Ordering::Relaxed)),
            turn_waits: waits.unwrap_or_default(),
        }
    }
}

impl Drop for TurnWait<'_> {
    fn drop(&mut self) {
        let waited = self.0.since().take().map(|since| since.elapsed());
        let waited = waited.unwrap_or_default().as_micros();
        let waited = u64::try_from(waited).unwrap_or(u64::MAX);
        self.0.turn_waited_us.fetch_add(waited, Ordering::Relaxed);
    }
}

//! What a store is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use devlab_core::Clock;

use crate::faults::FaultHook;
use crate::{EffectSink, RandomSource};

/// Most units of work in one commit: at some 50 µs each, a batch stays below the time of a few
/// fsyncs.
pub const BATCH_UNITS_MAX: usize = 256;
/// Longest time that a commit collects units.
pub const BATCH_TIME_MAX: Duration = Duration::from_millis(5);
/// Most units of work that may wait for the writer, or for the readers.
pub const QUEUE_UNITS_MAX: usize = 8192;
/// Reading connections.
pub const READERS: usize = 2;

/// What [`super::SqliteStore::open`] needs.
#[derive(Clone)]
pub struct SqliteOptions {
    /// Folder of the databases; made if it is not there. One process at a time.
    pub dir: PathBuf,
    /// The store's clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness of ids.
    pub random: RandomSource,
    /// Told what to do after each commit.
    pub effects: EffectSink,
    /// Reading connections, at least 1.
    pub readers: usize,
    /// Most units in one commit, at least 1.
    pub batch_max: usize,
    /// Longest time that one commit collects units.
    pub batch_time: Duration,
    /// Most units that may wait; more get `Busy`.
    pub queue_max: usize,
    /// Faults to inject, for tests.
    pub faults: Option<FaultHook>,
}

impl SqliteOptions {
    /// The defaults, for a folder, with the system's clock.
    #[must_use]
    pub fn for_system(dir: impl Into<PathBuf>, effects: EffectSink) -> Self {
        Self::new(dir, Arc::new(devlab_core::SystemClock::new()), effects)
    }

    /// The defaults, for a folder.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, clock: Arc<dyn Clock>, effects: EffectSink) -> Self {
        Self {
            dir: dir.into(),
            clock,
            random: Arc::new(rand::random::<u128>),
            effects,
            readers: READERS,
            batch_max: BATCH_UNITS_MAX,
            batch_time: BATCH_TIME_MAX,
            queue_max: QUEUE_UNITS_MAX,
            faults: None,
        }
    }
}

impl std::fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteOptions")
            .field("dir", &self.dir)
            .field("readers", &self.readers)
            .field("batch_max", &self.batch_max)
            .field("batch_time", &self.batch_time)
            .field("queue_max", &self.queue_max)
            .finish_non_exhaustive()
    }
}

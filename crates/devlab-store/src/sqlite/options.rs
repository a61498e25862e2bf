//! What a store is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use devlab_core::Clock;
use devlab_core::error::StorageErrorKind;

use crate::EffectSink;

/// Gives 128 fresh random bits.
pub type RandomSource = Arc<dyn Fn() -> u128 + Send + Sync>;
/// Asked at every [`FaultPoint`]; an error makes the step fail with that kind of trouble. It may
/// also end the process.
pub type FaultHook = Arc<dyn Fn(FaultPoint) -> Result<(), StorageErrorKind> + Send + Sync>;

/// Most units of work in one commit: at some 50 µs each, a batch stays below the time of a few
/// fsyncs.
pub const BATCH_UNITS_MAX: usize = 256;
/// Longest time that a commit collects units.
pub const BATCH_TIME_MAX: Duration = Duration::from_millis(5);
/// Most units of work that may wait for the writer, or for the readers.
pub const QUEUE_UNITS_MAX: usize = 8192;
/// Reading connections.
pub const READERS: usize = 2;

/// Where a test may break a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// Units ran, nothing is committed.
    BeforeCommit,
    /// Units are durable, nobody was told.
    AfterCommit,
    /// Chunks of logs are written, nothing is committed.
    BeforeLogCommit,
    /// Chunks of logs are durable, nobody was told.
    AfterLogCommit,
}

impl FaultPoint {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::BeforeLogCommit,
        Self::AfterLogCommit,
    ];

    /// Its name in reports: `store.before_commit`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeforeCommit => "store.before_commit",
            Self::AfterCommit => "store.after_commit",
            Self::BeforeLogCommit => "store.before_log_commit",
            Self::AfterLogCommit => "store.after_log_commit",
        }
    }
}

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

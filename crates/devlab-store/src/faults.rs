//! Where a test may break a store.

use std::sync::Arc;

use devlab_core::error::StorageErrorKind;

/// Asked at every [`FaultPoint`]; an error makes the step fail with that kind of trouble. It may
/// also end the process.
pub type FaultHook = Arc<dyn Fn(FaultPoint) -> Result<(), StorageErrorKind> + Send + Sync>;

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

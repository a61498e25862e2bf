//! Bytes that are not in the database: sealed logs and artifacts, and what names them.
//!
//! A blob is kept under the hash of its content by a place that knows nothing else of it. What
//! names it is stored here, and so is what is under way: a blob that is being put is *pinned*, one
//! that is being removed is *condemned*, never both at one time. See [`crate::rules::bytes`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::check::Sha256Hex;
use crate::error::{Refusal, Result};
use crate::id::{ArtifactId, AttemptId, OrgId, TaskId};
use crate::time::Timestamp;

/// How long the logs, artifacts and refs of a goal's attempts stay after it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retention {
    /// This many days, 1 to [`RETENTION_DAYS_MAX`].
    Days(u32),
    /// Until somebody says otherwise.
    Forever,
}

/// Longest retention that is counted, in days: a century.
pub const RETENTION_DAYS_MAX: u32 = 36_500;
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Retention {
    /// What ended before this may go at `now`; `None` if nothing may.
    #[must_use]
    pub fn before(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Days(days) => Some(now.minus(DAY * days)),
            Self::Forever => None,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::Days(30)
    }
}

impl FromStr for Retention {
    type Err = Refusal;

    fn from_str(text: &str) -> std::result::Result<Self, Refusal> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        match days {
            Some(days @ 1..=RETENTION_DAYS_MAX) => Ok(Self::Days(days)),
            Some(_) | None => Err(Refusal::invalid(
                "retention",
                format!("must be days from 1d to {RETENTION_DAYS_MAX}d, or forever"),
            )),
        }
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Forever => f.write_str("forever"),
        }
    }
}

/// What became of the log of an attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLog {
    /// Attempt.
    pub attempt: AttemptId,
    /// Blob with its first `len` bytes; `None` once the log is gone, or if it was so short that it
    /// stayed in the database.
    pub blob: Option<Sha256Hex>,
    /// Length, in bytes.
    pub len: u64,
    /// Number of its lines.
    pub lines: u64,
    /// When this was written.
    pub at: Timestamp,
    /// Whether its bytes are gone, by the rules of retention.
    pub gone: bool,
}

/// A file that an attempt left, kept because its task wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Id.
    pub id: ArtifactId,
    /// Org.
    pub org: OrgId,
    /// Task.
    pub task: TaskId,
    /// Attempt that left it.
    pub attempt: AttemptId,
    /// Path in the attempt's tree, with `/` between its parts.
    pub path: String,
    /// Blob with its bytes; `None` once they are gone, by the rules of retention.
    pub blob: Option<Sha256Hex>,
    /// Length, in bytes.
    pub len: u64,
    /// When it came.
    pub created_at: Timestamp,
}

/// What is being done with a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobMark {
    /// Somebody is putting it.
    Pinned {
        /// Since when there has been such a mark without a break.
        since: Timestamp,
        /// Until when it lasts.
        until: Timestamp,
    },
    /// It is being removed, which ends no earlier than at this time: nothing may name it.
    Condemned(Timestamp),
}

/// What is stored about bytes, to read.
pub trait ReadBytes {
    /// What became of a log.
    fn kept_log(&mut self, attempt: AttemptId) -> Result<Option<KeptLog>>;
    /// An artifact.
    fn artifact(&mut self, id: ArtifactId) -> Result<Option<Artifact>>;
    /// Artifacts of an attempt, by path.
    fn artifacts(&mut self, attempt: AttemptId) -> Result<Vec<Artifact>>;
    /// Artifacts of a task, oldest attempt first, then by path.
    fn artifacts_of_task(&mut self, task: TaskId) -> Result<Vec<Artifact>>;
    /// Whether a log or an artifact names a blob.
    fn names_blob(&mut self, blob: &Sha256Hex) -> Result<bool>;
    /// The first blobs that logs name, then those that artifacts name, at most `limit`: always the
    /// same while they are named.
    fn named_blobs(&mut self, limit: u32) -> Result<Vec<Sha256Hex>>;
    /// What is being done with a blob.
    fn blob_mark(&mut self, blob: &Sha256Hex) -> Result<Option<BlobMark>>;
    /// Blobs whose removal may end at or before `now`, earliest first.
    fn condemned_blobs(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Sha256Hex>>;
    /// Goals of an org that are done, failed or cancelled, have not changed since `before`, and
    /// have not been retired since then: oldest first, after `after`.
    fn retirable(
        &mut self,
        org: OrgId,
        before: Timestamp,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<TaskId>>;
    /// When the bytes of a goal were removed by the rules of retention, last.
    fn retired_at(&mut self, goal: TaskId) -> Result<Option<Timestamp>>;
}

/// What is stored about bytes, to write.
pub trait WriteBytes: ReadBytes {
    /// Stores what became of a log, in place of what was there.
    fn put_kept_log(&mut self, log: &KeptLog) -> Result<()>;
    /// Stores an artifact, in place of that of the same attempt and path.
    fn put_artifact(&mut self, artifact: &Artifact) -> Result<()>;
    /// Stores what is being done with a blob; `None` that nothing is.
    fn set_blob_mark(&mut self, blob: &Sha256Hex, mark: Option<BlobMark>) -> Result<()>;
    /// Forgets pins that ended at or before `now`; returns how many.
    fn forget_pins(&mut self, now: Timestamp, limit: u32) -> Result<u64>;
    /// Stores when a goal was retired, in place of an earlier time.
    fn retire(&mut self, goal: TaskId, at: Timestamp) -> Result<()>;
}

//! What a unit of work can end with besides its result.

use std::fmt;

use crate::git::Oid;

/// Result of a rule or a unit of work.
pub type Result<T> = std::result::Result<T, Error>;

/// A unit of work did not happen. Nothing that it wrote is kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule says no. The caller is told, nothing is broken.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not do it.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a rule says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing, or the caller may not know that there is.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// There was such a thing, and its bytes were removed by the rules of retention.
    #[error("the bytes of this {0} were removed, as they were older than they are kept")]
    Gone(&'static str),
    /// A value is not acceptable; names the place in the request.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the value in the request, such as `tasks[3].depends_on[0]`.
        field: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A name is taken.
    #[error("{} {kind} named {name} exists already", article(kind))]
    NameTaken {
        /// What it names.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The attempt is over, or another one has taken its place: its writes change nothing.
    #[error("this attempt is no longer the task's live attempt")]
    StaleAttempt,
    /// The task was cancelled; the attempt's work stays on its ref.
    #[error("the task was cancelled")]
    TaskCancelled,
    /// The task's state does not allow this.
    #[error("a task that is {state} cannot be {action}")]
    BadState {
        /// The state it is in.
        state: String,
        /// What was asked, as a past participle: `cancelled`, `retried`.
        action: &'static str,
    },
    /// An edge would close a circle.
    #[error("{field}: this dependency would make a cycle")]
    Cycle {
        /// Path of the edge in the request.
        field: String,
    },
    /// A bound was reached.
    #[error("{what}: the limit is {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// The caller's version of a thing is not the current one.
    #[error("{0} has changed since it was read")]
    Outdated(&'static str),
    /// The same idempotency key came with another body.
    #[error("this Idempotency-Key was used with another request")]
    IdempotencyMismatch,
    /// The commit of a result is not where its attempt was to push it, as after its repository has
    /// moved without it.
    #[error("{0} is not what the ref of its attempt points at")]
    NotPushed(Oid),
    /// A log chunk would leave a gap.
    #[error("the log continues at offset {expected}")]
    LogGap {
        /// Where the next byte belongs.
        expected: u64,
    },
    /// The place of blobs is not this lab's, or does not have its blobs; the text says what to do.
    /// Nothing changes that until a person has acted.
    #[error("{0}")]
    WrongBlobs(String),
    /// Something else stands in the way; the text says what to do.
    #[error("{0}")]
    Conflict(String),
    /// The caller's role does not allow this.
    #[error("this token may not do that")]
    Forbidden,
    /// Another server has the repository: this one has changed nothing.
    #[error("another server has the project's repository")]
    NotHome,
}

/// `a` or `an`, as the noun wants it.
fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

impl Refusal {
    /// A refusal of one value in a request.
    #[must_use]
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// The same refusal with the field it names put where `place` says that it is.
    #[must_use]
    pub fn at(self, place: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Invalid { field, problem } => Self::invalid(place(&field), problem),
            other => other,
        }
    }

    /// The stable code of this refusal on the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::Gone(_) => "gone",
            Self::Invalid { .. } => "invalid",
            Self::NameTaken { .. } => "name_taken",
            Self::StaleAttempt => "stale_attempt",
            Self::TaskCancelled => "task_cancelled",
            Self::BadState { .. } => "bad_state",
            Self::Cycle { .. } => "cycle",
            Self::Limit { .. } => "limit_reached",
            Self::Outdated(_) => "outdated",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::NotPushed(_) => "not_pushed",
            Self::LogGap { .. } => "log_gap",
            Self::WrongBlobs(_) => "wrong_blobs",
            Self::Conflict(_) => "conflict",
            Self::Forbidden => "forbidden",
            Self::NotHome => "not_home",
        }
    }
}

/// The store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct StorageError {
    /// What kind of trouble it is.
    pub kind: StorageErrorKind,
    /// What the database said, for the log. Not for callers.
    pub detail: String,
}

/// Kinds of trouble with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// No space left.
    Full,
    /// The file system or the database is read-only.
    ReadOnly,
    /// The stored data is damaged.
    Corrupt,
    /// Too much work waits already; try again.
    Busy,
    /// The database was written by a newer devlab.
    TooNew,
    /// The store is shutting down or gone.
    Closed,
    /// The database is not reached, or ended the connection: it may come back.
    Away,
    /// Anything else.
    Other,
}

impl StorageError {
    /// An error of a kind, with detail for the log.
    #[must_use]
    pub fn new(kind: StorageErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            StorageErrorKind::Full => "the disk that holds the database is full",
            StorageErrorKind::ReadOnly => "the database cannot be written",
            StorageErrorKind::Corrupt => "the database is damaged",
            StorageErrorKind::Busy => "the database has too much work waiting",
            StorageErrorKind::TooNew => "the database was written by a newer devlab",
            StorageErrorKind::Closed => "the database is shutting down",
            StorageErrorKind::Away => "the database is away",
            StorageErrorKind::Other => "the database failed",
        };
        write!(f, "{what}: {}", self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_has_its_article() {
        let taken = |kind| {
            let name = "x".to_owned();
            Refusal::NameTaken { kind, name }.to_string()
        };
        assert_eq!(taken("org"), "an org named x exists already");
        assert_eq!(taken("project"), "a project named x exists already");
    }
}

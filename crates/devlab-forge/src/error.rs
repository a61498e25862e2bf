//! What can go wrong with git, in terms a caller can act on.

use std::path::PathBuf;

use crate::name::{Oid, RefName};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How to get git, for messages.
const INSTALL_HINT: &str =
    "install it: `sudo apt-get install git` (Debian, Ubuntu) or `brew install git` (macOS)";
/// Longest part of git's own words that an error keeps, in bytes.
const STDERR_BYTES_MAX: usize = 2_000;
/// Longest rejected value that an error repeats, in characters.
const VALUE_CHARS_MAX: usize = 120;

/// Every failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// git could not be started.
    #[error("cannot run {program}; {INSTALL_HINT}")]
    GitMissing {
        /// What was tried.
        program: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// git is older than what is needed.
    #[error("git {found} is too old, 2.38 or later is needed; {INSTALL_HINT}")]
    GitTooOld {
        /// The version line.
        found: String,
    },
    /// git's HTTP server part is not installed.
    #[error(
        "git http-backend is not at {path}; {INSTALL_HINT} (on Fedora it is in `git-core`, on Alpine in `git-daemon`)"
    )]
    HttpBackendMissing {
        /// Where it was expected.
        path: PathBuf,
    },
    /// A command took too long and was ended.
    #[error("`git {command}` did not end within {limit_secs} s and was stopped")]
    Timeout {
        /// The sub-command.
        command: &'static str,
        /// The limit.
        limit_secs: u64,
    },
    /// A command failed.
    #[error("`git {command}` failed ({code:?}): {stderr}")]
    Failed {
        /// The sub-command.
        command: &'static str,
        /// Exit code; `None` when a signal ended it.
        code: Option<i32>,
        /// Its last words.
        stderr: String,
    },
    /// git answered something this crate does not understand.
    #[error("`git {command}` gave an unexpected answer: {what}")]
    Unexpected {
        /// The sub-command.
        command: &'static str,
        /// What was not understood.
        what: String,
    },
    /// Something is larger than its limit.
    #[error("{what} is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// What.
        what: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// A value is not acceptable.
    #[error("{what} {value:?} is not valid: {why}")]
    Invalid {
        /// What kind of value.
        what: &'static str,
        /// Its beginning.
        value: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A name is not one of git's.
    #[error(transparent)]
    Name(#[from] devlab_core::Refusal),
    /// A ref is not where the caller thought.
    #[error("{name} moved: it is at {actual:?}, expected {expected:?}")]
    RefMoved {
        /// The ref.
        name: RefName,
        /// Where it should have been; `None`: absent.
        expected: Option<Oid>,
        /// Where it is; `None`: absent.
        actual: Option<Oid>,
    },
    /// Another process holds the lock of a ref, or left it behind.
    #[error(
        "a ref is locked by another git process; try again, and if it stays so, clear stale locks: {detail}"
    )]
    RefBusy {
        /// git's words.
        detail: String,
    },
    /// An object, a ref or a repository does not exist.
    #[error("{what} does not exist")]
    Missing {
        /// What.
        what: String,
    },
    /// Two commits share no history.
    #[error("{ours} and {theirs} have no common history, so they cannot be merged")]
    UnrelatedHistories {
        /// One side.
        ours: Oid,
        /// The other side.
        theirs: Oid,
    },
    /// The driver left git repositories inside its tree.
    #[error("the tree contains other git repositories ({}); remove their .git or add them to .gitignore", .paths.join(", "))]
    NestedRepository {
        /// Where.
        paths: Vec<String>,
    },
    /// A folder that should be empty is not, or is a link.
    #[error("{path} must be an empty folder, not a link")]
    NotEmpty {
        /// Which.
        path: PathBuf,
    },
    /// The other side refused our credential.
    #[error("the git server refused access: {detail}")]
    Denied {
        /// git's words.
        detail: String,
    },
    /// The other side could not be reached; worth another try.
    #[error("the git server cannot be reached: {detail}")]
    Unreachable {
        /// git's words.
        detail: String,
    },
    /// The other side did not accept a pushed ref.
    #[error("the push of {name} was rejected: {reason}")]
    PushRejected {
        /// The ref.
        name: RefName,
        /// The reason given.
        reason: String,
    },
    /// An import from outside is not allowed.
    #[error("cannot import from this address: {why}")]
    ImportRefused {
        /// The rule it breaks.
        why: String,
    },
    /// A file operation failed.
    #[error("cannot {what} {path}")]
    Io {
        /// The operation.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether something in a repository is larger than its limit: a problem of whoever put it
    /// there, not of the server.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }

    pub(crate) fn invalid(what: &'static str, value: &str, why: &'static str) -> Self {
        Self::Invalid {
            what,
            value: value.chars().take(VALUE_CHARS_MAX).collect(),
            why,
        }
    }

    pub(crate) fn failed(command: &'static str, code: Option<i32>, stderr: &[u8]) -> Self {
        Self::Failed {
            command,
            code,
            stderr: tail(stderr),
        }
    }

    pub(crate) fn unexpected(command: &'static str, what: impl Into<String>) -> Self {
        Self::Unexpected {
            command,
            what: what.into(),
        }
    }

    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }

    /// Whether the same call may succeed later without a change of its arguments.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::RefBusy { .. }
        )
    }
}

/// The end of what git said: the reason is in its last lines.
pub(crate) fn tail(stderr: &[u8]) -> String {
    let from = stderr.len().saturating_sub(STDERR_BYTES_MAX);
    String::from_utf8_lossy(stderr.get(from..).unwrap_or_default())
        .trim()
        .to_owned()
}

//! What can go wrong with blobs.

use std::fmt;
use std::io::ErrorKind;

/// What `object_store` calls its S3 client in errors.
const S3: &str = "S3";

/// Kinds of trouble with blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobErrorKind {
    /// There is no such blob.
    Missing,
    /// What is stored is not what was put.
    Damaged,
    /// What came is not what was announced.
    Mismatch,
    /// What was to be put could not be read.
    Source,
    /// No space left.
    Full,
    /// The place does not let us in.
    Denied,
    /// The place does not answer, or not in time.
    Unreachable,
    /// The place is described wrongly.
    Config,
    /// Anything else.
    Other,
}

/// A blob could not be put, read or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobError {
    /// What kind of trouble it is.
    pub kind: BlobErrorKind,
    /// What was found, for the log.
    pub detail: String,
}

impl BlobError {
    /// An error of a kind.
    #[must_use]
    pub fn new(kind: BlobErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    pub(super) fn damaged(detail: impl Into<String>) -> Self {
        Self::new(BlobErrorKind::Damaged, detail)
    }

    /// Whether what is stored is not what was put.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        self.kind == BlobErrorKind::Damaged
    }

    /// Whether it may go better later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.kind == BlobErrorKind::Unreachable
    }

    /// Names the blob, or the place, that it is about.
    pub(super) fn about(mut self, what: impl fmt::Display) -> Self {
        self.detail = format!("{what}: {}", self.detail);
        self
    }
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, advice) = match self.kind {
            BlobErrorKind::Missing => ("the blob is not there", "bring it back from a backup"),
            BlobErrorKind::Damaged => ("the blob is damaged", "bring it back from a backup"),
            BlobErrorKind::Mismatch => (
                "what came is not what was announced",
                "send it again, with its SHA-256",
            ),
            BlobErrorKind::Source => ("what was to be stored cannot be read", "try again"),
            BlobErrorKind::Full => ("the place of blobs is full", "make room there"),
            BlobErrorKind::Denied => (
                "the place of blobs refuses devlab",
                "see its keys and their rights: to list, read, write and delete in the bucket or \
                 folder",
            ),
            BlobErrorKind::Unreachable => (
                "the place of blobs does not answer",
                "see DEVLAB_BLOBS and AWS_ENDPOINT_URL, and that it runs; devlab tries again",
            ),
            BlobErrorKind::Config => (
                "the place of blobs is described wrongly",
                "see DEVLAB_BLOBS",
            ),
            BlobErrorKind::Other => ("the place of blobs failed", "`devlab doctor` tries it"),
        };
        write!(f, "{what} ({}); {advice}", self.detail)
    }
}

impl std::error::Error for BlobError {}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error as E;
        let kind = match &error {
            E::NotFound { .. } => BlobErrorKind::Missing,
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => BlobErrorKind::Denied,
            E::Generic { store, .. } => of_generic(store, &error),
            _ => BlobErrorKind::Other,
        };
        Self::new(kind, words(&error))
    }
}

/// Trouble that has no variant of its own: of a file system, or of a connection.
fn of_generic(store: &str, error: &object_store::Error) -> BlobErrorKind {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(at) = cause {
        if let Some(io) = at.downcast_ref::<std::io::Error>() {
            match io.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => return BlobErrorKind::Full,
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    return BlobErrorKind::Denied;
                }
                _ => {}
            }
        }
        cause = at.source();
    }
    // Of a server: what it answered with a status of ours (4xx) does not go better by waiting.
    let is_answer = words(error).contains("status code: 4");
    if store == S3 && !is_answer {
        BlobErrorKind::Unreachable
    } else {
        BlobErrorKind::Other
    }
}

/// An error with its causes, each once.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(at) = cause {
        let more = at.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = at.source();
    }
    text
}

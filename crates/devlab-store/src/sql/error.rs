//! What goes wrong with a statement, before it is an error of the core.

use devlab_core::error::StorageErrorKind;
use devlab_core::{Error, Refusal, StorageError};

/// Result inside the stores.
pub(crate) type DbResult<T> = Result<T, DbError>;

/// Why a statement of ours did not do what it should.
#[derive(Debug)]
pub(crate) enum DbError {
    /// A bound or a rule of the store says no.
    Refused(Refusal),
    /// A stored value is none that we write; names the column or entity.
    Damaged(String),
    /// Something to replace is not there.
    Missing(&'static str),
    /// The database failed.
    Storage(StorageError),
}

impl From<Refusal> for DbError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<serde_json::Error> for DbError {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(format!("a JSON column: {error}"))
    }
}

impl From<StorageError> for DbError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<Error> for DbError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::Refused(refusal),
            Error::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Refused(refusal) => Self::Refused(refusal),
            DbError::Storage(error) => Self::Storage(error),
            DbError::Damaged(what) => Self::Storage(StorageError::new(
                StorageErrorKind::Corrupt,
                format!("{what} has a value that devlab never writes"),
            )),
            DbError::Missing(what) => Self::Storage(StorageError::new(
                StorageErrorKind::Other,
                format!("there is no {what} to replace"),
            )),
        }
    }
}

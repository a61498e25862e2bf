//! What SQLite says, in the words of the core.

use std::io;

use devlab_core::error::StorageErrorKind;
use devlab_core::{Error, Refusal, StorageError};
use rusqlite::ffi;

/// Result inside this module.
pub(super) type DbResult<T> = Result<T, DbError>;

/// Why a statement of ours did not do what it should.
#[derive(Debug)]
pub(super) enum DbError {
    /// SQLite failed.
    Sql(rusqlite::Error),
    /// A bound or a rule of the store says no.
    Refused(Refusal),
    /// A stored value is none that we write; names the column or entity.
    Damaged(String),
    /// Something to replace is not there.
    Missing(&'static str),
    /// Known already.
    Storage(StorageError),
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
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

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Refused(refusal) => Self::Refused(refusal),
            DbError::Sql(error) => Self::Storage(storage_error(&error)),
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

/// The kind of an error of SQLite. Unknown ones are `Other`, never a guess.
pub(super) fn storage_error(error: &rusqlite::Error) -> StorageError {
    let kind = match error.sqlite_error().map(|e| e.extended_code) {
        Some(code) => kind_of(code),
        None => StorageErrorKind::Other,
    };
    StorageError::new(kind, describe(error))
}

fn describe(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(cause) => format!("{error} (SQLite code {})", cause.extended_code),
        None => error.to_string(),
    }
}

fn kind_of(extended: i32) -> StorageErrorKind {
    // The low byte is the primary code: https://sqlite.org/rescode.html
    match extended & 0xff {
        ffi::SQLITE_FULL => StorageErrorKind::Full,
        ffi::SQLITE_READONLY | ffi::SQLITE_CANTOPEN | ffi::SQLITE_PERM | ffi::SQLITE_AUTH => {
            StorageErrorKind::ReadOnly
        }
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => StorageErrorKind::Corrupt,
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StorageErrorKind::Busy,
        _ => StorageErrorKind::Other,
    }
}

/// The kind of an error of the file system.
pub(super) fn io_error(what: &str, error: &io::Error) -> StorageError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageErrorKind::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StorageErrorKind::ReadOnly
        }
        _ => StorageErrorKind::Other,
    };
    StorageError::new(kind, format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_have_the_kind_of_their_primary_code() {
        for (code, kind) in [
            (ffi::SQLITE_FULL, StorageErrorKind::Full),
            (ffi::SQLITE_READONLY | (4 << 8), StorageErrorKind::ReadOnly),
            (ffi::SQLITE_CORRUPT | (1 << 8), StorageErrorKind::Corrupt),
            (ffi::SQLITE_NOTADB, StorageErrorKind::Corrupt),
            (ffi::SQLITE_BUSY | (2 << 8), StorageErrorKind::Busy),
            (ffi::SQLITE_CONSTRAINT | (8 << 8), StorageErrorKind::Other),
        ] {
            assert_eq!(kind_of(code), kind, "{code}");
        }
    }
}

//! What SQLite says, in the words of the core.

use std::io;

use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;
use rusqlite::ffi;

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

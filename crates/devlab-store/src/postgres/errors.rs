//! What PostgreSQL says, in the words of the core.

use std::time::Duration;

use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;
use tokio_postgres::error::SqlState;

/// The kind of an error of PostgreSQL. Unknown ones are `Other`, never a guess.
pub(super) fn storage_error(error: &tokio_postgres::Error) -> StorageError {
    let kind = match error.code() {
        Some(code) if *code == SqlState::DISK_FULL => StorageErrorKind::Full,
        Some(code)
            if *code == SqlState::READ_ONLY_SQL_TRANSACTION
                || *code == SqlState::INSUFFICIENT_PRIVILEGE =>
        {
            StorageErrorKind::ReadOnly
        }
        Some(code) if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED => {
            StorageErrorKind::Corrupt
        }
        Some(code)
            if *code == SqlState::TOO_MANY_CONNECTIONS || *code == SqlState::LOCK_NOT_AVAILABLE =>
        {
            StorageErrorKind::Busy
        }
        Some(_) | None if is_lost(error) => StorageErrorKind::Away,
        Some(_) | None => StorageErrorKind::Other,
    };
    StorageError::new(kind, describe(error))
}

/// The database has said nothing for longer than any statement may take.
pub(super) fn no_answer() -> StorageError {
    StorageError::new(StorageErrorKind::Away, "it does not answer")
}

/// Waits for an answer; a database that says nothing for so long counts as gone. The connection is
/// not used again then: the answer may still come.
pub(super) async fn answered<T>(
    within: Duration,
    question: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, StorageError> {
    match tokio::time::timeout(within, question).await {
        Ok(answer) => answer.map_err(|error| storage_error(&error)),
        Err(_) => Err(no_answer()),
    }
}

/// The error with its causes: the first line of tokio-postgres says little.
fn describe(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    if let Some(db) = error.as_db_error() {
        text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
        if let Some(detail) = db.detail() {
            text.push_str(": ");
            text.push_str(detail);
        }
        return text;
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// Whether the connection or the whole transaction is gone through no fault of a statement: to do
/// it again, on a new connection, is right. Codes: PostgreSQL's manual, appendix A.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else {
        // No answer of the server's at all.
        return error.is_closed() || error.as_db_error().is_none() && is_io(error);
    };
    let class = code.code().get(..2).unwrap_or_default();
    class == "08"
        || [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            // After a failover the old address may lead to a standby for a moment.
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(code)
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

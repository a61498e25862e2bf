//! Logs: byte streams, appended at explicit offsets.

use devlab_core::limits::{LOG_BYTES_MAX, LOG_CHUNK_BYTES_MAX};
use devlab_core::tx::Effect;
use devlab_core::{AttemptId, Refusal, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::writer::Job;
use crate::sql::codec::int;
use crate::sql::error::{DbError, DbResult};
use crate::sql::params;
use crate::sql::rows::{change, first};

/// A chunk to append, and who waits for it.
pub(super) struct AppendJob {
    pub(super) attempt: AttemptId,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    /// Length of the log afterwards.
    pub(super) len: u64,
    pub(super) answer: oneshot::Sender<Result<u64>>,
}

impl Job for AppendJob {
    fn run(&mut self, conn: &Connection) -> Result<()> {
        let savepoint = |sql: &str| change(conn, sql, params![]).map(drop);
        savepoint("SAVEPOINT unit")?;
        match append(conn, self.attempt, self.offset, &self.bytes) {
            Ok(len) => {
                self.len = len;
                savepoint("RELEASE unit")?;
                Ok(())
            }
            Err(error) => {
                if !conn.is_autocommit() {
                    savepoint("ROLLBACK TO unit")?;
                    savepoint("RELEASE unit")?;
                }
                Err(error.into())
            }
        }
    }

    fn effects(&mut self) -> Vec<Effect> {
        Vec::new()
    }

    fn answer(self, outcome: Result<()>) {
        // Whoever asked may have gone; what was written stays.
        drop(self.answer.send(outcome.map(|()| self.len)));
    }
}

fn len(conn: &Connection, attempt: AttemptId) -> DbResult<u64> {
    const SQL: &str = "SELECT len FROM heads WHERE attempt = ?1";
    Ok(first(conn, SQL, params![attempt], |cols| cols.int())?.unwrap_or(0))
}

/// Appends what is new of a chunk and returns the log's length.
fn append(conn: &Connection, attempt: AttemptId, offset: u64, bytes: &[u8]) -> DbResult<u64> {
    const CHUNK: &str = "INSERT INTO chunks (attempt, start, bytes) VALUES (?1, ?2, ?3)";
    const HEAD: &str = "INSERT INTO heads (attempt, len) VALUES (?1, ?2) \
        ON CONFLICT (attempt) DO UPDATE SET len = excluded.len";
    let len = len(conn, attempt)?;
    if offset > len {
        return Err(DbError::Refused(Refusal::LogGap { expected: len }));
    }
    let end = offset.saturating_add(bytes.len() as u64);
    if end <= len {
        return Ok(len);
    }
    if end > LOG_BYTES_MAX {
        return Err(DbError::Refused(Refusal::Limit {
            what: "bytes of an attempt's log",
            limit: LOG_BYTES_MAX,
        }));
    }
    let known = usize::try_from(len - offset).unwrap_or(bytes.len());
    let mut start = len;
    // Rows stay small enough that a reader of one byte does not load megabytes.
    for piece in bytes[known..].chunks(LOG_CHUNK_BYTES_MAX) {
        change(conn, CHUNK, params![attempt, int(start), piece])?;
        start += piece.len() as u64;
    }
    change(conn, HEAD, params![attempt, int(end)])?;
    Ok(end)
}

/// At most `max` bytes from an offset, and the log's length. Reads only the chunks it needs.
pub(super) fn read(
    conn: &Connection,
    attempt: AttemptId,
    offset: u64,
    max: usize,
) -> DbResult<(Vec<u8>, u64)> {
    // The last chunk that begins at or before the place.
    const CHUNK: &str = "SELECT start, bytes FROM chunks WHERE attempt = ?1 AND start <= ?2 \
        ORDER BY start DESC LIMIT 1";
    let len = len(conn, attempt)?;
    let mut bytes = Vec::new();
    let mut at = offset;
    while bytes.len() < max && at < len {
        let piece = first(conn, CHUNK, params![attempt, int(at)], |cols| {
            let start: u64 = cols.int()?;
            let chunk = cols.bytes()?;
            let skip = at.checked_sub(start);
            let skip = skip.and_then(|skip| usize::try_from(skip).ok());
            let rest = skip.and_then(|skip| chunk.get(skip..)).unwrap_or_default();
            let piece = &rest[..rest.len().min(max - bytes.len())];
            bytes.extend_from_slice(piece);
            Ok(piece.len() as u64)
        })?;
        match piece {
            None | Some(0) => {
                return Err(DbError::Damaged(format!("the log of {attempt} at {at}")));
            }
            Some(len) => at += len,
        }
    }
    Ok((bytes, len))
}

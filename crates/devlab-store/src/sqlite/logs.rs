//! Logs: byte streams, appended at explicit offsets.

use devlab_core::limits::{LOG_BYTES_MAX, LOG_CHUNK_BYTES_MAX};
use devlab_core::tx::Effect;
use devlab_core::{AttemptId, Refusal, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::writer::Job;
use crate::jobs::closed;
use crate::sql::codec::int;
use crate::sql::error::{DbError, DbResult};
use crate::sql::params;
use crate::sql::rows::{above, all, change, first};
use crate::{SETTLE_CHUNKS_MAX, Settled};

/// A change of a log, and who waits for it.
pub(super) enum LogJob {
    /// Appends a chunk; answers with the log's length.
    Append(LogChange<Append, u64>),
    /// Drops chunks, or says that there is nothing more to do with the log.
    Settle(LogChange<Settle, Settled>),
    /// Removes a log.
    Remove(LogChange<Remove, ()>),
}

/// What is done to which log, and who waits for it.
pub(super) struct LogChange<C, T> {
    pub(super) attempt: AttemptId,
    pub(super) change: C,
    pub(super) made: Option<T>,
    pub(super) answer: oneshot::Sender<Result<T>>,
}

/// A chunk.
pub(super) struct Append {
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

/// See [`crate::Store::settle_log`].
pub(super) struct Settle {
    pub(super) len: u64,
    pub(super) drop_to: u64,
}

/// See [`crate::Store::remove_log`].
pub(super) struct Remove;

impl<C, T> LogChange<C, T> {
    pub(super) fn new(attempt: AttemptId, change: C) -> (Self, oneshot::Receiver<Result<T>>) {
        let (answer, receiver) = oneshot::channel();
        let job = Self {
            attempt,
            change,
            made: None,
            answer,
        };
        (job, receiver)
    }

    fn tell(self, outcome: Result<()>) {
        let outcome = outcome.and_then(|()| self.made.ok_or_else(|| closed().into()));
        // Whoever asked may have gone; what was written stays.
        drop(self.answer.send(outcome));
    }
}

impl Job for LogJob {
    fn run(&mut self, conn: &Connection) -> Result<()> {
        let savepoint = |sql: &str| change(conn, sql, params![]).map(drop);
        savepoint("SAVEPOINT unit")?;
        let outcome = match self {
            Self::Append(job) => append(conn, job.attempt, job.change.offset, &job.change.bytes)
                .map(|len| job.made = Some(len)),
            Self::Settle(job) => {
                settle(conn, job.attempt, &job.change).map(|how| job.made = Some(how))
            }
            Self::Remove(job) => remove(conn, job.attempt).map(|()| job.made = Some(())),
        };
        match outcome {
            Ok(()) => {
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
        match self {
            Self::Append(job) => job.tell(outcome),
            Self::Settle(job) => job.tell(outcome),
            Self::Remove(job) => job.tell(outcome),
        }
    }
}

/// Length of a log, and whether it is open.
fn head(conn: &Connection, attempt: AttemptId) -> DbResult<(u64, bool)> {
    const SQL: &str = "SELECT len, open FROM heads WHERE attempt = ?1";
    let head = first(conn, SQL, params![attempt], |cols| {
        Ok((cols.int()?, cols.flag()?))
    })?;
    Ok(head.unwrap_or((0, true)))
}

/// Open logs and their lengths.
pub(super) fn open(
    conn: &Connection,
    after: Option<AttemptId>,
    limit: u32,
) -> DbResult<Vec<(AttemptId, u64)>> {
    const SQL: &str = "SELECT attempt, len FROM heads WHERE open = 1 AND attempt > ?1 \
        ORDER BY attempt LIMIT ?2";
    let after = above(after.map(AttemptId::uuid));
    all(conn, SQL, params![after, limit], |cols| {
        Ok((cols.id()?, cols.int()?))
    })
}

fn settle(conn: &Connection, attempt: AttemptId, wanted: &Settle) -> DbResult<Settled> {
    const CHUNKS: &str = "DELETE FROM chunks WHERE seq IN (SELECT seq FROM chunks \
        WHERE attempt = ?1 AND start + length(bytes) <= ?2 ORDER BY start LIMIT ?3)";
    const CLOSE: &str = "UPDATE heads SET open = 0 WHERE attempt = ?1 AND open = 1";
    if head(conn, attempt)?.0 != wanted.len {
        return Ok(Settled::Grown);
    }
    if wanted.drop_to > 0 {
        let drop_to = int(wanted.drop_to);
        let bounds = params![attempt, drop_to, SETTLE_CHUNKS_MAX];
        let dropped = change(conn, CHUNKS, bounds)?;
        if dropped >= u64::from(SETTLE_CHUNKS_MAX) {
            return Ok(Settled::More);
        }
    }
    change(conn, CLOSE, params![attempt])?;
    Ok(Settled::Done)
}

fn remove(conn: &Connection, attempt: AttemptId) -> DbResult<()> {
    change(
        conn,
        "DELETE FROM chunks WHERE attempt = ?1",
        params![attempt],
    )?;
    change(
        conn,
        "DELETE FROM heads WHERE attempt = ?1",
        params![attempt],
    )?;
    Ok(())
}

/// Appends what is new of a chunk and returns the log's length.
fn append(conn: &Connection, attempt: AttemptId, offset: u64, bytes: &[u8]) -> DbResult<u64> {
    const CHUNK: &str = "INSERT INTO chunks (attempt, start, bytes) VALUES (?1, ?2, ?3)";
    const HEAD: &str = "INSERT INTO heads (attempt, len) VALUES (?1, ?2) \
        ON CONFLICT (attempt) DO UPDATE SET len = excluded.len";
    const OPEN: &str = "UPDATE heads SET open = 1 WHERE attempt = ?1";
    let (len, is_open) = head(conn, attempt)?;
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
    // Apart, because it is rare and moves an entry of an index.
    if !is_open {
        change(conn, OPEN, params![attempt])?;
    }
    Ok(end)
}

/// At most `max` bytes from an offset, as far as they are here, and the log's length. Reads only the
/// chunks it needs.
pub(super) fn read(
    conn: &Connection,
    attempt: AttemptId,
    offset: u64,
    max: usize,
) -> DbResult<(Vec<u8>, u64)> {
    // The last chunk that begins at or before the place.
    const CHUNK: &str = "SELECT start, bytes FROM chunks WHERE attempt = ?1 AND start <= ?2 \
        ORDER BY start DESC LIMIT 1";
    let (len, _) = head(conn, attempt)?;
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
            // Dropped when the log was settled.
            None | Some(0) => break,
            Some(len) => at += len,
        }
    }
    Ok((bytes, len))
}

//! The threads that read. Each has connections of its own and never waits for a writer.

use std::collections::VecDeque;
use std::sync::Arc;

use devlab_core::error::StorageErrorKind;
use devlab_core::{AttemptId, Error, Result, StorageError};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::errors::storage_error;
use super::logs;
use super::units::Surroundings;
use crate::ReadUnit;
use crate::guarded;
use crate::jobs::Jobs;
use crate::sql::error::{DbError, DbResult};
use crate::sql::rows::first;
use crate::sql::{Session, params};

/// What a reader does.
pub(super) enum ReadJob {
    /// A unit of work on the main database.
    Unit(ReadUnit, oneshot::Sender<Result<()>>),
    /// Looks for damage in both files.
    Check(oneshot::Sender<Result<()>>),
    /// A piece of a log.
    Log {
        attempt: AttemptId,
        offset: u64,
        max: usize,
        answer: oneshot::Sender<Result<(Vec<u8>, u64)>>,
    },
    /// Logs that are open.
    OpenLogs {
        after: Option<AttemptId>,
        limit: u32,
        answer: oneshot::Sender<Result<Vec<(AttemptId, u64)>>>,
    },
}

/// A reading thread's belongings.
pub(super) struct Reader {
    pub(super) main: Connection,
    pub(super) logs: Connection,
    pub(super) jobs: Arc<Jobs<ReadJob>>,
    pub(super) around: Arc<Surroundings>,
}

impl Reader {
    /// Works until the queue is closed and empty.
    pub(super) fn run(self) {
        let mut waiting = VecDeque::new();
        while self.jobs.wait(&mut waiting, 1) {
            for job in waiting.drain(..) {
                self.serve(job);
            }
        }
    }

    fn serve(&self, job: ReadJob) {
        match job {
            // Whoever asked may have gone.
            ReadJob::Unit(unit, answer) => drop(answer.send(self.read(unit))),
            ReadJob::Check(answer) => {
                let sound = check(&self.main).and_then(|()| check(&self.logs));
                drop(answer.send(sound.map_err(Error::from)));
            }
            ReadJob::Log {
                attempt,
                offset,
                max,
                answer,
            } => {
                let piece = in_transaction(&self.logs, || {
                    Ok(logs::read(&self.logs, attempt, offset, max)?)
                });
                drop(answer.send(piece));
            }
            ReadJob::OpenLogs {
                after,
                limit,
                answer,
            } => {
                let open = logs::open(&self.logs, after, limit).map_err(Error::from);
                drop(answer.send(open));
            }
        }
    }

    fn read(&self, unit: ReadUnit) -> Result<()> {
        in_transaction(&self.main, || {
            let now = self.around.clock.now();
            let mut session = Session::new(&self.main, now, &self.around.random);
            let outcome = guarded(|| unit(&mut session));
            session.finish(outcome).map(drop)
        })
    }
}

/// Reads the whole database and says what is wrong with its structure.
fn check(conn: &Connection) -> DbResult<()> {
    let said = first(conn, "PRAGMA quick_check(1)", params![], |cols| cols.text())?;
    match said.as_deref() {
        Some("ok") => Ok(()),
        said => Err(DbError::Storage(StorageError::new(
            StorageErrorKind::Corrupt,
            format!(
                "{}: {}; keep a copy of the folder and restore the database from a backup",
                conn.path().unwrap_or_default(),
                said.unwrap_or("it could not be checked")
            ),
        ))),
    }
}

/// Runs reads on one view of the database.
fn in_transaction<T>(conn: &Connection, reads: impl FnOnce() -> Result<T>) -> Result<T> {
    let execute = |sql: &str| -> Result<()> {
        conn.prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(drop)
            .map_err(|error| Error::Storage(storage_error(&error)))
    };
    execute("BEGIN DEFERRED")?;
    let result = reads();
    if !conn.is_autocommit() {
        execute("ROLLBACK")?;
    }
    result
}

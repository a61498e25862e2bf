//! The thread that writes: what waits is run in one transaction, committed once, then answered.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::result::Result as Outcome;
use std::sync::Arc;
use std::time::Duration;

use devlab_core::error::StorageErrorKind;
use devlab_core::tx::Effect;
use devlab_core::{Clock, Error, Result, StorageError};
use rusqlite::Connection;

use super::checkpoint::Checkpoints;
use super::errors::storage_error;
use super::files;
use crate::EffectSink;
use crate::faults::{FaultHook, FaultPoint};
use crate::jobs::Jobs;

/// Something that is written as part of a batch.
pub(super) trait Job: Send + 'static {
    /// Does it. What a failed job wrote must be undone by it, or by SQLite.
    fn run(&mut self, conn: &Connection) -> Result<()>;
    /// What a job that succeeded leaves to do after the commit.
    fn effects(&mut self) -> Vec<Effect>;
    /// Answers the caller.
    fn answer(self, outcome: Result<()>);
}

/// A writing thread's belongings.
pub(super) struct Writer<J> {
    pub(super) conn: Connection,
    pub(super) jobs: Arc<Jobs<J>>,
    pub(super) checkpoints: Arc<Checkpoints>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) batch_max: usize,
    pub(super) batch_time: Duration,
    /// Folder of the database, to see whether its disk is full.
    pub(super) dir: PathBuf,
    pub(super) effects: EffectSink,
    pub(super) faults: Option<FaultHook>,
    pub(super) before_commit: FaultPoint,
    pub(super) after_commit: FaultPoint,
}

impl<J: Job> Writer<J> {
    /// Works until the queue is closed and empty, then moves the write-ahead log into the database.
    pub(super) fn run(self) {
        let mut waiting = VecDeque::new();
        while !waiting.is_empty() || self.jobs.wait(&mut waiting, self.batch_max) {
            self.batch(&mut waiting);
            self.checkpoints.after_batch(&self.conn);
        }
        // Only to leave tidy files: a log that stays is read at the next start.
        if let Err(error) = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        {
            tracing::warn!(%error, "the write-ahead log was not moved into the database");
        }
    }

    fn batch(&self, waiting: &mut VecDeque<J>) {
        let mut ran = Vec::with_capacity(waiting.len());
        let committed = match self.execute("BEGIN IMMEDIATE") {
            Ok(()) => self
                .run_units(waiting, &mut ran)
                .and_then(|()| self.commit()),
            Err(error) => {
                ran.extend(waiting.drain(..).map(|job| (job, Ok(()))));
                Err(error)
            }
        };
        match committed {
            Ok(()) => {
                self.jobs.tally.committed(ran.len());
                self.tell(&mut ran);
                for (job, outcome) in ran {
                    job.answer(outcome);
                }
            }
            Err(error) => {
                tracing::error!(%error, units = ran.len(), "a commit failed");
                self.roll_back();
                // Even a refusal rested on what others of the batch had written.
                for (job, _) in ran {
                    job.answer(Err(Error::Storage(error.clone())));
                }
            }
        }
    }

    fn tell(&self, ran: &mut [(J, Result<()>)]) {
        let mut effects = Vec::new();
        for (job, outcome) in ran {
            if outcome.is_ok() {
                effects.append(&mut job.effects());
            }
        }
        let told = crate::guarded(|| {
            (self.effects)(&effects);
            Ok(())
        });
        if told.is_err() {
            // Loops run on a period too, so what is lost is time.
            tracing::error!("the receiver of effects panicked");
        }
    }

    /// Runs units until none waits, or the batch is large or old enough.
    ///
    /// # Errors
    /// If SQLite has taken back the whole transaction.
    fn run_units(
        &self,
        waiting: &mut VecDeque<J>,
        ran: &mut Vec<(J, Result<()>)>,
    ) -> Outcome<(), StorageError> {
        let end = self.clock.monotonic() + self.batch_time;
        while ran.len() < self.batch_max {
            if waiting.is_empty() && self.jobs.take(waiting, self.batch_max - ran.len()) == 0 {
                break;
            }
            let Some(mut job) = waiting.pop_front() else {
                break;
            };
            let outcome = self.run_one(&mut job);
            let lost = self.conn.is_autocommit().then(|| match &outcome {
                Err(Error::Storage(error)) => error.clone(),
                Err(Error::Refused(_)) | Ok(()) => StorageError::new(
                    StorageErrorKind::Other,
                    "the transaction ended while its units ran",
                ),
            });
            ran.push((job, outcome));
            if let Some(error) = lost {
                return Err(error);
            }
            if self.clock.monotonic() >= end {
                break;
            }
        }
        Ok(())
    }

    fn run_one(&self, job: &mut J) -> Result<()> {
        job.run(&self.conn).map_err(|error| match error {
            Error::Storage(error) => Error::Storage(self.explain(error)),
            Error::Refused(_) => error,
        })
    }

    fn commit(&self) -> Outcome<(), StorageError> {
        self.fault(self.before_commit)?;
        self.execute("COMMIT")?;
        self.fault(self.after_commit)
    }

    fn fault(&self, point: FaultPoint) -> Outcome<(), StorageError> {
        match &self.faults {
            Some(hook) => hook(point)
                .map_err(|kind| StorageError::new(kind, format!("injected at {}", point.as_str()))),
            None => Ok(()),
        }
    }

    fn execute(&self, sql: &str) -> Outcome<(), StorageError> {
        let done = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]));
        done.map(drop)
            .map_err(|error| self.explain(storage_error(&error)))
    }

    fn roll_back(&self) {
        if self.conn.is_autocommit() {
            return;
        }
        if let Err(error) = self.conn.execute_batch("ROLLBACK") {
            tracing::error!(%error, "a failed batch could not be taken back");
        }
    }

    /// Some calls of a full file system report only that an I/O failed: look at the disk.
    fn explain(&self, error: StorageError) -> StorageError {
        files::blame_full_disk(&self.dir, error)
    }
}

impl<J> Drop for Writer<J> {
    /// However the thread ends, nobody waits for it any longer.
    fn drop(&mut self) {
        self.checkpoints.close();
        self.jobs.close();
        let mut abandoned = VecDeque::new();
        while self.jobs.take(&mut abandoned, usize::MAX) > 0 {
            abandoned.clear();
        }
    }
}

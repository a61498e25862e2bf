//! The store in two SQLite files: `devlab.sqlite` for state, `logs.sqlite` for logs.
//!
//! One thread writes each file and commits many units at once; a few threads read. Everything that
//! was answered with success is on the disk (`synchronous=FULL`).
//!
//! *Invariant:* one process has the folder open at a time.
//! *Invariant:* effects run after the commit that they belong to, and before its answers.

mod checkpoint;
pub(crate) mod conn;
mod dump;
mod errors;
mod files;
mod logs;
mod options;
mod reader;
mod schema;
mod units;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::result::Result as Outcome;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use devlab_core::error::StorageErrorKind;
use devlab_core::{AttemptId, Error, Result, StorageError};
use tokio::sync::oneshot;

pub use options::{BATCH_TIME_MAX, BATCH_UNITS_MAX, QUEUE_UNITS_MAX, READERS, SqliteOptions};

use crate::dump::{Counts, Loading, Scope, Sink, Source};
use crate::faults::FaultPoint;
use crate::jobs::{Jobs, closed};
use crate::tally::WriterReport;
use crate::{Migrated, ReadUnit, Settled, Store, WriteUnit};
use checkpoint::Checkpoints;
use dump::LoadJob;
use files::Database;
use logs::{Append, LogChange, LogJob, Remove, Settle};
use reader::{ReadJob, Reader};
use units::{Inspect, MainJob, Surroundings, UnitJob};
use writer::{Job, Writer};

/// Page cache of the thread that writes the main file, in KiB.
const WRITER_CACHE_KIB: i64 = 4096;
/// Page cache of each other connection, in KiB.
const CACHE_KIB: i64 = 512;

/// A [`Store`] in SQLite.
pub struct SqliteStore {
    units: Arc<Jobs<MainJob>>,
    appends: Arc<Jobs<LogJob>>,
    reads: Arc<Jobs<ReadJob>>,
    around: Arc<Surroundings>,
    dir: PathBuf,
    /// Held by whatever uses the folder; given up with the end of the store.
    lock: Mutex<Option<Arc<File>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Brings the schemas of a folder's files up to date, making them if they are not there: first that
/// of the state, then that of the logs.
///
/// # Errors
/// As [`SqliteStore::open`].
pub fn migrate(dir: &Path) -> Outcome<[Migrated; 2], StorageError> {
    let lock = files::lock(dir)?;
    let (_, main) = Database::main(dir).migrate(CACHE_KIB)?;
    let (_, logs) = Database::logs(dir).migrate(CACHE_KIB)?;
    drop(lock);
    Ok([main, logs])
}

/// A setting of the store in a folder, which is left as it is: its schema may be older. `None` if it
/// has no such setting, or no store is there.
///
/// # Errors
/// `Corrupt`, or `Other` for a file of another program.
pub fn setting(dir: &Path, key: &str) -> Outcome<Option<String>, StorageError> {
    const SQL: &str = "SELECT value FROM settings WHERE key = ?1";
    let main = Database::main(dir);
    if !main.path.exists() {
        return Ok(None);
    }
    let conn = main.open_reader(CACHE_KIB)?;
    match conn.query_row(SQL, [key], |row| row.get(0)) {
        Ok(value) => Ok(Some(value)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(errors::storage_error(&error)),
    }
}

impl SqliteStore {
    /// Opens the folder, brings its schemas up to date, and starts the threads.
    ///
    /// # Errors
    /// `Busy` if another process has it open, `TooNew`, `Corrupt`, `ReadOnly`, `Full`, or `Other`
    /// for a file of another program; the detail names the file and says what to do.
    pub fn open(options: SqliteOptions) -> Outcome<Arc<Self>, StorageError> {
        let lock = Arc::new(files::lock(&options.dir)?);
        let main = Database::main(&options.dir);
        let logs = Database::logs(&options.dir);
        let main_writer = main.open_writer(WRITER_CACHE_KIB)?;
        let logs_writer = logs.open_writer(CACHE_KIB)?;

        let store = Arc::new(Self {
            units: Arc::new(Jobs::new(options.queue_max)),
            appends: Arc::new(Jobs::new(options.queue_max)),
            reads: Arc::new(Jobs::new(options.queue_max)),
            around: Arc::new(Surroundings {
                clock: Arc::clone(&options.clock),
                random: Arc::clone(&options.random),
            }),
            dir: options.dir.clone(),
            lock: Mutex::new(Some(Arc::clone(&lock))),
            threads: Mutex::new(Vec::new()),
        });
        for _ in 0..options.readers.max(1) {
            let reader = Reader {
                main: main.open_reader(CACHE_KIB)?,
                logs: logs.open_reader(CACHE_KIB)?,
                jobs: Arc::clone(&store.reads),
                around: Arc::clone(&store.around),
            };
            store.start("devlab-read", &lock, move || reader.run())?;
        }
        let start = Start {
            store: &store,
            lock: &lock,
            options: &options,
        };
        start.writer(
            "devlab-write",
            &main,
            main_writer,
            &store.units,
            [FaultPoint::BeforeCommit, FaultPoint::AfterCommit],
        )?;
        start.writer(
            "devlab-logs",
            &logs,
            logs_writer,
            &store.appends,
            [FaultPoint::BeforeLogCommit, FaultPoint::AfterLogCommit],
        )?;
        Ok(store)
    }

    /// Starts a thread that keeps the folder locked as long as it runs.
    fn start(
        &self,
        name: &str,
        lock: &Arc<std::fs::File>,
        work: impl FnOnce() + Send + 'static,
    ) -> Outcome<(), StorageError> {
        let lock = Arc::clone(lock);
        let thread = std::thread::Builder::new().name(name.to_owned());
        let handle = thread.spawn(move || {
            work();
            drop(lock);
        });
        let handle = handle.map_err(|e| errors::io_error("cannot start a thread", &e))?;
        self.threads().push(handle);
        Ok(())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Arc<File>>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_queues(&self) {
        drop(self.held().take());
        self.units.close();
        self.appends.close();
        self.reads.close();
    }

    /// Looks for damage in both files. Reads them whole, so it takes seconds for each gigabyte.
    ///
    /// # Errors
    /// `Corrupt`, with the file and the first thing that is wrong.
    pub async fn check(&self) -> Result<()> {
        let (answer, receiver) = oneshot::channel();
        self.reads.push(ReadJob::Check(answer))?;
        self::answer(receiver).await
    }

    /// Units of work that wait for the writer now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.units.len()
    }
}

/// What the writing threads of a store are started with.
struct Start<'a> {
    store: &'a SqliteStore,
    lock: &'a Arc<std::fs::File>,
    options: &'a SqliteOptions,
}

impl Start<'_> {
    fn writer<J: Job>(
        &self,
        name: &str,
        database: &Database,
        mut conn: rusqlite::Connection,
        jobs: &Arc<Jobs<J>>,
        [before_commit, after_commit]: [FaultPoint; 2],
    ) -> Outcome<(), StorageError> {
        let checkpoints = Checkpoints::watch(&mut conn)?;
        let copier = database.open_checkpointer()?;
        let copies = Arc::clone(&checkpoints);
        self.store
            .start("devlab-copy", self.lock, move || copies.run(&copier))?;
        let writer = Writer {
            conn,
            jobs: Arc::clone(jobs),
            checkpoints,
            clock: Arc::clone(&self.options.clock),
            batch_max: self.options.batch_max.max(1),
            batch_time: self.options.batch_time,
            dir: self.options.dir.clone(),
            effects: Arc::clone(&self.options.effects),
            faults: self.options.faults.clone(),
            before_commit,
            after_commit,
        };
        self.store.start(name, self.lock, move || writer.run())
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // The threads finish what waits and end by themselves.
        self.close_queues();
    }
}

async fn answer<T>(receiver: oneshot::Receiver<Result<T>>) -> Result<T> {
    receiver.await.unwrap_or_else(|_| Err(closed().into()))
}

#[async_trait]
impl Store for SqliteStore {
    async fn write_unit(&self, unit: WriteUnit) -> Result<()> {
        let (answer, receiver) = oneshot::channel();
        self.units.push(MainJob::Unit(UnitJob {
            around: Arc::clone(&self.around),
            unit,
            effects: Vec::new(),
            answer,
        }))?;
        self::answer(receiver).await
    }

    async fn read_unit(&self, unit: ReadUnit) -> Result<()> {
        let (answer, receiver) = oneshot::channel();
        self.reads.push(ReadJob::Unit(unit, answer))?;
        self::answer(receiver).await
    }

    async fn append_log(&self, attempt: AttemptId, offset: u64, bytes: Vec<u8>) -> Result<u64> {
        let (job, receiver) = LogChange::new(attempt, Append { offset, bytes });
        self.appends.push(LogJob::Append(job))?;
        self::answer(receiver).await
    }

    async fn open_logs(
        &self,
        after: Option<AttemptId>,
        limit: u32,
    ) -> Result<Vec<(AttemptId, u64)>> {
        let (answer, receiver) = oneshot::channel();
        self.reads.push(ReadJob::OpenLogs {
            after,
            limit,
            answer,
        })?;
        self::answer(receiver).await
    }

    async fn settle_log(&self, attempt: AttemptId, len: u64, drop_to: u64) -> Result<Settled> {
        let (job, receiver) = LogChange::new(attempt, Settle { len, drop_to });
        self.appends.push(LogJob::Settle(job))?;
        self::answer(receiver).await
    }

    async fn remove_log(&self, attempt: AttemptId) -> Result<()> {
        let (job, receiver) = LogChange::new(attempt, Remove);
        self.appends.push(LogJob::Remove(job))?;
        self::answer(receiver).await
    }

    async fn read_log(
        &self,
        attempt: AttemptId,
        offset: u64,
        max: usize,
    ) -> Result<(Vec<u8>, u64)> {
        let (answer, receiver) = oneshot::channel();
        self.reads.push(ReadJob::Log {
            attempt,
            offset,
            max,
            answer,
        })?;
        self::answer(receiver).await
    }

    fn is_shared(&self) -> bool {
        // Its folder is locked.
        false
    }

    fn writer(&self) -> WriterReport {
        self.units.tally.report(self.units.len())
    }

    async fn describe(&self) -> Result<Vec<(String, String)>> {
        let (answer, receiver) = oneshot::channel();
        self.units.push(MainJob::Inspect(Inspect {
            found: Vec::new(),
            answer,
        }))?;
        self::answer(receiver).await
    }

    async fn dump(&self, scope: Scope, sink: Sink) -> Result<Counts> {
        let lock = self.held().clone().ok_or_else(closed)?;
        let dir = self.dir.clone();
        let work = move || {
            let counts = dump::dump(&dir, scope, sink);
            drop(lock);
            counts
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
            Err(Error::Storage(StorageError::new(
                StorageErrorKind::Other,
                "a dump panicked",
            )))
        })
    }

    async fn load(&self, how: Loading, source: Box<dyn Source>) -> Result<Counts> {
        let (answer, receiver) = oneshot::channel();
        self.units.push(MainJob::Load(LoadJob {
            how,
            source,
            counts: Counts::new(),
            answer,
        }))?;
        self::answer(receiver).await
    }

    async fn close(&self) -> Result<()> {
        self.close_queues();
        let threads = std::mem::take(&mut *self.threads());
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().try_for_each(JoinHandle::join));
        match joined.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Error::Storage(StorageError::new(
                StorageErrorKind::Other,
                "a thread of the store ended with a panic",
            ))),
        }
    }
}

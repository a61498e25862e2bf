//! The store in a PostgreSQL database, which any number of processes share.
//!
//! Each process has one thread that writes and one that appends to logs; both put what many callers
//! want into one transaction. Reads use a pool of connections. See [`writer`] for how writers take
//! turns, [`overlay`] for how a batch does with few round trips, and [`wake`] for how processes
//! hear of each other's commits.
//!
//! *Invariant:* what was answered with success is committed, as durably as the database is set up
//! for (`synchronous_commit`).
//! *Invariant:* numbers of tasks and events follow the order of commits, so that a reader of the
//! event stream never misses one that comes late.

mod bytes;
mod changes;
mod conn;
mod connect;
mod dump;
mod errors;
mod fetch;
mod flush;
mod hosts;
mod keep;
mod logs;
mod options;
mod overlay;
mod rows;
mod schema;
mod session;
mod templates;
mod wake;
mod writer;

use std::cell::Cell;
use std::collections::VecDeque;
use std::result::Result as Outcome;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use deadpool_postgres::{Object, Pool, PoolError};
use devlab_core::error::StorageErrorKind;
use devlab_core::tx::Read;
use devlab_core::{AttemptId, Clock, Error, Result, StorageError, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use options::{
    ANSWER_MAX, BATCH_TIME_MAX, BATCH_UNITS_MAX, LISTEN_RETRY, PATIENCE, PostgresOptions,
    QUEUE_UNITS_MAX, READERS, TURN_IDLE_MAX,
};

use crate::dump::{Counts, Loading, Scope, Sink, Source};
use crate::jobs::{Jobs, closed};
use crate::sql::Session;
use crate::tally::WriterReport;
use crate::{Migrated, RandomSource, ReadUnit, Settled, Store, WriteUnit, guarded};
use conn::{PgConn, Wait};
use connect::Target;
use errors::{answered, storage_error};
use logs::{AppendJob, Appender};
use overlay::Overlay;
use wake::{Grown, Told};
use writer::{UnitJob, Writer};

/// A [`Store`] in PostgreSQL.
pub struct PostgresStore {
    units: Arc<Jobs<UnitJob>>,
    appends: Arc<Jobs<AppendJob>>,
    pool: Pool,
    target: Target,
    clock: Option<Arc<dyn Clock>>,
    random: RandomSource,
    grown: Arc<Grown>,
    stop: CancellationToken,
    tasks: TaskTracker,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Brings the schema of a database up to date. Several processes may do so at once.
///
/// # Errors
/// The database cannot be reached, or a newer devlab has been here (`TooNew`).
pub async fn migrate(url: &str) -> Outcome<Migrated, StorageError> {
    schema::migrate(&Target::parse(url, ANSWER_MAX)?).await
}

/// Which database an address leads to: hosts, name and ports, without a user's password. Two
/// addresses with the same place are one database.
///
/// # Errors
/// The address cannot be read.
pub fn place(url: &str) -> Outcome<String, StorageError> {
    Ok(Target::parse(url, ANSWER_MAX)?.place())
}

impl PostgresStore {
    /// Connects, brings the schema up to date, and starts what writes and listens.
    ///
    /// # Errors
    /// The address is wrong, the database cannot be reached, or a newer devlab has been here.
    pub async fn open(options: PostgresOptions) -> Outcome<Arc<Self>, StorageError> {
        let target = Target::parse(&options.url, options.answer_max)?;
        schema::migrate(&target).await.map_err(|error| {
            let place = target.describe();
            StorageError::new(error.kind, format!("{place}: {}", error.detail))
        })?;
        let listener = wake::Listener::connect(&target).await?;
        let id = Uuid::from_u128((options.random)());
        let (told, untold) = Told::new(Arc::clone(&options.effects));
        let grown = told.grown();
        let store = Arc::new(Self {
            units: Arc::new(Jobs::new(options.queue_max)),
            appends: Arc::new(Jobs::new(options.queue_max)),
            pool: target.pool(options.readers)?,
            target: target.clone(),
            clock: options.clock.clone(),
            random: Arc::clone(&options.random),
            grown,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            threads: Mutex::new(Vec::new()),
        });
        let listening = wake::Listening {
            target: target.clone(),
            id,
            sink: Arc::clone(&options.effects),
            untold,
            stop: store.stop.clone(),
        };
        let listening = listening.run(listener);
        drop(store.tasks.spawn(listening));
        let writer = Writer {
            id,
            target: target.clone(),
            jobs: Arc::clone(&store.units),
            clock: options.clock,
            random: options.random,
            told,
            batch_max: options.batch_max.max(1),
            batch_time: options.batch_time,
            left: VecDeque::new(),
            patience: options.patience,
            faults: options.faults.clone(),
            client: None,
            batch: 0,
            away_since: None,
            overlay: Overlay::default(),
        };
        store.start("devlab-write", move |runtime| writer.run(runtime))?;
        let appender = Appender {
            target,
            jobs: Arc::clone(&store.appends),
            batch_max: options.batch_max.max(1),
            patience: options.patience,
            faults: options.faults,
            client: None,
        };
        store.start("devlab-logs", move |runtime| appender.run(runtime))?;
        Ok(store)
    }

    /// Starts a thread with a runtime of its own, which drives its connection while it waits.
    fn start(
        &self,
        name: &str,
        work: impl FnOnce(&tokio::runtime::Runtime) + Send + 'static,
    ) -> Outcome<(), StorageError> {
        let cannot = |error: std::io::Error| {
            let detail = format!("cannot start a thread: {error}");
            StorageError::new(StorageErrorKind::Other, detail)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(cannot)?;
        let handle = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                work(&runtime);
                runtime.shutdown_background();
            })
            .map_err(cannot)?;
        self.threads().push(handle);
        Ok(())
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_queues(&self) {
        self.units.close();
        self.appends.close();
    }

    /// Units of work that wait for the writer now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.units.len()
    }

    async fn reader(&self) -> Result<Object> {
        if self.stop.is_cancelled() {
            return Err(closed().into());
        }
        self.pool.get().await.map_err(|error| {
            Error::Storage(match error {
                PoolError::Backend(error) => storage_error(&error),
                PoolError::Timeout(_) => StorageError::new(
                    StorageErrorKind::Busy,
                    "no connection to the database became free in time",
                ),
                PoolError::Closed => closed(),
                other => StorageError::new(StorageErrorKind::Other, other.to_string()),
            })
        })
    }

    /// Runs reads on one view of the database, off the async threads. Nobody waits for the end of the
    /// view.
    async fn reading<T: Send + 'static>(
        &self,
        reads: impl FnOnce(&PgConn<'_>, Timestamp, &RandomSource) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let client = self.reader().await?;
        let (clock, random) = (self.clock.clone(), Arc::clone(&self.random));
        let (handle, answer_max) = (Handle::current(), self.target.answer_max);
        let (answer, receiver) = oneshot::channel();
        let work = move || {
            let conn = PgConn {
                wait: Wait::Shared(&handle),
                client: &client,
                answer_max,
                numbers: None,
                lost: Cell::new(false),
            };
            let begun = conn.ask(begin_reading(&client));
            let mut result = None;
            let outcome = begun.map_err(Error::from).and_then(|now| {
                let now = clock.map_or(now, |clock| clock.now());
                guarded(|| {
                    result = Some(reads(&conn, now, &random)?);
                    Ok(())
                })
            });
            let outcome = outcome.and_then(|()| result.ok_or_else(|| closed().into()));
            // Whoever asked may have gone.
            drop(answer.send(outcome));
            // A connection that fails to end its transaction is not used again.
            let is_over = !conn.lost.get() && conn.ask(client.batch_execute("ROLLBACK")).is_ok();
            if !is_over {
                discard(client);
            }
        };
        drop(tokio::task::spawn_blocking(work));
        receiver.await.unwrap_or_else(|_| {
            Err(Error::Storage(StorageError::new(
                StorageErrorKind::Other,
                "a read panicked",
            )))
        })
    }
}

/// Closes a connection, and with it those that wait in the pool: whatever became of it has become of
/// them too, and each would be waited for in its turn.
fn discard(client: Object) {
    if let Some(pool) = Object::pool(&client) {
        pool.retain(|_, _| false);
    }
    drop(Object::take(client));
}

/// Begins a view of the database, and reads its clock.
async fn begin_reading(
    client: &deadpool_postgres::ClientWrapper,
) -> Outcome<Timestamp, tokio_postgres::Error> {
    const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8";
    let now = client.prepare_cached(NOW).await?;
    let (begun, now) =
        futures::future::join(client.batch_execute(BEGIN), client.query_one(&now, &[])).await;
    begun?;
    Ok(Timestamp::from_millis(now?.get(0)))
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // The threads finish what waits and end by themselves.
        self.close_queues();
        self.stop.cancel();
    }
}

async fn answer<T>(receiver: oneshot::Receiver<Result<T>>) -> Result<T> {
    receiver.await.unwrap_or_else(|_| Err(closed().into()))
}

#[async_trait]
impl Store for PostgresStore {
    async fn write_unit(&self, unit: WriteUnit) -> Result<()> {
        let (answer, receiver) = oneshot::channel();
        self.units.push(UnitJob { unit, answer })?;
        self::answer(receiver).await
    }

    async fn read_unit(&self, unit: ReadUnit) -> Result<()> {
        self.reading(move |conn, now, random| {
            let mut session = Session::new(conn, now, random);
            let outcome = guarded(|| unit(&mut session as &mut dyn Read));
            session.finish(outcome).map(drop)
        })
        .await
    }

    async fn append_log(&self, attempt: AttemptId, offset: u64, bytes: Vec<u8>) -> Result<u64> {
        let (answer, receiver) = oneshot::channel();
        self.appends.push(AppendJob {
            attempt,
            offset,
            bytes,
            answer,
        })?;
        let len = self::answer(receiver).await?;
        self.grown.log(attempt);
        Ok(len)
    }

    async fn read_log(
        &self,
        attempt: AttemptId,
        offset: u64,
        max: usize,
    ) -> Result<(Vec<u8>, u64)> {
        self.reading(move |conn, _, _| Ok(logs::read(conn, attempt, offset, max)?))
            .await
    }

    async fn open_logs(
        &self,
        after: Option<AttemptId>,
        limit: u32,
    ) -> Result<Vec<(AttemptId, u64)>> {
        self.reading(move |conn, _, _| Ok(logs::open(conn, after, limit)?))
            .await
    }

    async fn settle_log(&self, attempt: AttemptId, len: u64, drop_to: u64) -> Result<Settled> {
        let client = self.reader().await?;
        let answer_max = self.target.answer_max;
        // To its end even if the caller goes away: no connection goes back with a transaction.
        let step = self.tasks.spawn(async move {
            let outcome = async {
                client.batch_execute("BEGIN READ WRITE").await?;
                let settled = logs::settle(&client, attempt, len, drop_to).await?;
                client.batch_execute("COMMIT").await?;
                Ok::<_, tokio_postgres::Error>(settled)
            };
            let outcome = answered(answer_max, outcome).await;
            if outcome.is_err() {
                // Whatever became of it, the step may be repeated.
                discard(client);
            }
            outcome.map_err(Error::Storage)
        });
        step.await.unwrap_or_else(|_| Err(closed().into()))
    }

    async fn remove_log(&self, attempt: AttemptId) -> Result<()> {
        let client = self.reader().await?;
        let removed = answered(self.target.answer_max, logs::remove(&client, attempt)).await;
        removed.map_err(|error| {
            discard(client);
            Error::Storage(error)
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn writer(&self) -> WriterReport {
        self.units.tally.report(self.units.len())
    }

    async fn describe(&self) -> Result<Vec<(String, String)>> {
        const SETTINGS: [&str; 4] = [
            "server_version",
            "fsync",
            "synchronous_commit",
            "full_page_writes",
        ];
        let client = self.reader().await?;
        let mut found = vec![
            ("store".to_owned(), "postgres".to_owned()),
            ("path".to_owned(), self.target.describe()),
        ];
        for name in SETTINGS {
            let setting = async {
                client
                    .query_one("SELECT current_setting($1)", &[&name])
                    .await
            };
            match answered(self.target.answer_max, setting).await {
                Ok(row) => found.push((name.to_owned(), row.get(0))),
                Err(error) => {
                    discard(client);
                    return Err(error.into());
                }
            }
        }
        Ok(found)
    }

    async fn dump(&self, scope: Scope, sink: Sink) -> Result<Counts> {
        if self.stop.is_cancelled() {
            return Err(closed().into());
        }
        dump::dump(&self.target, scope, sink).await
    }

    async fn load(&self, how: Loading, source: Box<dyn Source>) -> Result<Counts> {
        if self.stop.is_cancelled() {
            return Err(closed().into());
        }
        dump::load(&self.target, how, source).await
    }

    async fn close(&self) -> Result<()> {
        self.close_queues();
        let threads = std::mem::take(&mut *self.threads());
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().try_for_each(JoinHandle::join));
        let joined = joined.await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.pool.close();
        match joined {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Error::Storage(StorageError::new(
                StorageErrorKind::Other,
                "a thread of the store ended with a panic",
            ))),
        }
    }
}

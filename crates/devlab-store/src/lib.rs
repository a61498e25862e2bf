//! Durable state: the [`Store`] trait, in SQLite and in PostgreSQL.
//!
//! A store runs whole units of work: a closure that reads and writes through
//! [`devlab_core::tx::Tx`] and either happens completely and durably, or not at all. Units of many
//! callers share one commit (DESIGN §5, *Writers*), so a unit may be run again from the start and
//! must have no effects besides its transaction.
//!
//! *Invariant:* rows never leave this crate; only entities of `devlab-core` do.
//! *Invariant:* nothing here decides what may happen. Rules are in `devlab_core::rules`.

use std::sync::Arc;

use async_trait::async_trait;
use devlab_core::tx::{Effect, Read, Tx};
use devlab_core::{AttemptId, Error, Result, StorageError};
use dump::{Counts, Loading, Scope, Sink, Source};

pub mod blobs;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod dump;
pub mod faults;
mod jobs;
pub mod postgres;
mod sql;
pub mod sqlite;
mod tally;

pub use tally::WriterReport;

/// A unit of work that writes.
pub type WriteUnit = Box<dyn FnMut(&mut dyn Tx) -> Result<()> + Send>;
/// A unit of work that reads.
pub type ReadUnit = Box<dyn FnOnce(&mut dyn Read) -> Result<()> + Send>;
/// Told after every commit what its units left to do (perhaps nothing), before their callers get
/// their answers. Called on the writer's thread: it must be quick and must not call the store.
pub type EffectSink = Arc<dyn Fn(&[Effect]) + Send + Sync>;

/// Gives 128 fresh random bits.
pub type RandomSource = Arc<dyn Fn() -> u128 + Send + Sync>;

/// What bringing a schema up to date came to. Versions are numbers of migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version that was found; 0 if there was no schema.
    pub from: i64,
    /// The version that it has now.
    pub to: i64,
}

/// Chunks of a log that one step of [`Store::settle_log`] drops at most.
pub const SETTLE_CHUNKS_MAX: u32 = 64;

/// How a step of [`Store::settle_log`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The log is settled.
    Done,
    /// There is more to drop.
    More,
    /// The log has another length by now; nothing was changed.
    Grown,
}

/// Durable state.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Runs a unit in a transaction and returns once its commit is durable. An error of the unit
    /// undoes what it wrote, and nothing else.
    async fn write_unit(&self, unit: WriteUnit) -> Result<()>;

    /// Runs a unit on a consistent view of what is committed. Never waits for a writer.
    async fn read_unit(&self, unit: ReadUnit) -> Result<()>;

    /// Appends to an attempt's log at an offset and returns the log's length once that is durable.
    /// A chunk that is there already, wholly or in part, adds only what is new.
    ///
    /// # Errors
    /// [`devlab_core::Refusal::LogGap`] with the expected offset if the chunk would leave a gap;
    /// [`devlab_core::Refusal::Limit`] over [`devlab_core::limits::LOG_BYTES_MAX`].
    async fn append_log(&self, attempt: AttemptId, offset: u64, bytes: Vec<u8>) -> Result<u64>;

    /// Reads at most `max` bytes of an attempt's log from an offset. Returns them and the log's
    /// length. Bytes that [`Store::settle_log`] has dropped are not there: what is returned ends
    /// before them, and is empty if it would begin with them.
    async fn read_log(&self, attempt: AttemptId, offset: u64, max: usize)
    -> Result<(Vec<u8>, u64)>;

    /// Logs that may still grow or have not been settled, with their lengths: oldest attempt first,
    /// after `after`.
    async fn open_logs(
        &self,
        after: Option<AttemptId>,
        limit: u32,
    ) -> Result<Vec<(AttemptId, u64)>>;

    /// Settles a log that is `len` bytes long: drops what is before `drop_to`, which another place
    /// has now, and says no more that it is open. Appending to it opens it again. A step at a time:
    /// each drops at most [`SETTLE_CHUNKS_MAX`] chunks.
    async fn settle_log(&self, attempt: AttemptId, len: u64, drop_to: u64) -> Result<Settled>;

    /// Removes a log, as if there had never been one: that of an attempt which did not come in after
    /// all. Does nothing if there is none.
    async fn remove_log(&self, attempt: AttemptId) -> Result<()>;

    /// Whether other processes may write to the same database.
    fn is_shared(&self) -> bool;

    /// What the store says of itself, for `/metrics`, benchmarks and `doctor`: pairs of a name and
    /// a value read back from the database, such as `journal_mode` and `wal`.
    async fn describe(&self) -> Result<Vec<(String, String)>>;

    /// What the writer of this process has done, and what waits for it. Asks the database nothing.
    fn writer(&self) -> WriterReport;

    /// Gives everything of a scope to a sink, record by record, from one view of what is committed,
    /// with bounded memory. Never waits for a writer. See [`dump`].
    ///
    /// # Errors
    /// The schema has something that no record describes, the sink's error, or storage.
    async fn dump(&self, scope: Scope, sink: Sink) -> Result<Counts>;

    /// Takes records in, all of them or none, in one transaction that other writers wait for. Logs
    /// are not among them: see [`dump::load_logs`].
    ///
    /// # Errors
    /// [`devlab_core::Refusal::Conflict`] if the store is not empty, or has what comes in already;
    /// `Corrupt` for a record that is none, with its kind and number; the source's error, or
    /// storage.
    async fn load(&self, how: Loading, source: Box<dyn Source>) -> Result<Counts>;

    /// Finishes what is under way and closes. Later calls get
    /// [`devlab_core::error::StorageErrorKind::Closed`].
    async fn close(&self) -> Result<()>;
}

/// Typed calls on a [`Store`].
pub trait StoreExt {
    /// Runs a unit that returns something; see [`Store::write_unit`].
    fn write<T, F>(&self, unit: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Tx) -> Result<T> + Send + 'static;

    /// Reads something; see [`Store::read_unit`].
    fn read<T, F>(&self, unit: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> Result<T> + Send + 'static;
}

impl StoreExt for Arc<dyn Store> {
    async fn write<T, F>(&self, mut unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Tx) -> Result<T> + Send + 'static,
    {
        // The unit may be run again, so its last result counts.
        let slot = Arc::new(std::sync::Mutex::new(None));
        let result = Arc::clone(&slot);
        self.write_unit(Box::new(move |tx| {
            let value = unit(tx)?;
            *result
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value);
            Ok(())
        }))
        .await?;
        take(&slot)
    }

    async fn read<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> Result<T> + Send + 'static,
    {
        let slot = Arc::new(std::sync::Mutex::new(None));
        let result = Arc::clone(&slot);
        self.read_unit(Box::new(move |view| {
            let value = unit(view)?;
            *result
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value);
            Ok(())
        }))
        .await?;
        take(&slot)
    }
}

fn take<T>(slot: &std::sync::Mutex<Option<T>>) -> Result<T> {
    let value = slot
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take();
    value.ok_or_else(|| {
        Error::Storage(StorageError::new(
            devlab_core::error::StorageErrorKind::Other,
            "the store reported success without running the unit",
        ))
    })
}

/// Runs a caller's code; a panic in it is an error of its own, not the end of the thread.
pub(crate) fn guarded(unit: impl FnOnce() -> Result<()>) -> Result<()> {
    let unit = std::panic::AssertUnwindSafe(unit);
    std::panic::catch_unwind(unit).unwrap_or_else(|_| {
        Err(Error::Storage(StorageError::new(
            devlab_core::error::StorageErrorKind::Other,
            "a unit of work panicked; what it wrote was taken back",
        )))
    })
}

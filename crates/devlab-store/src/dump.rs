//! A store as records: for backups, for moves between databases, and for what one org takes along.
//!
//! A record is one line of JSON, an object whose keys are the columns of its kind. Kinds come in a
//! fixed order, and records of a kind in the order of their key, so that two stores with the same
//! content give the same bytes, whichever database they are in. `docs/backup.md` describes every
//! kind.
//!
//! *Invariant:* a dump is complete or it is not given: a table or column of the schema that no kind
//! describes makes it fail ([`crate::sql::dump`] names it).

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devlab_core::error::StorageErrorKind;
use devlab_core::name::Name;
use devlab_core::{AttemptId, Error, OrgId, Result, StorageError, Timestamp};
use futures::future::join_all;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::sql::dump::kinds;

/// Version of the records. A change of a kind's keys or of what they mean is a new one. Records of an
/// earlier one are read as well: what came later is null in them, or false.
///
/// | version | since then |
/// |---|---|
/// | 2 | `tasks` have `choice` and `chosen` |
/// | 3 | `tasks` have `held_by` and `holds`, `task_specs` have `paths` and `touched` |
/// | 4 | `task_specs` have `made` |
/// | 5 | `tasks` have `asked`, `attempts` have `terms` |
pub const FORMAT: u32 = 5;
/// The kind of the chunks of logs. It is the last one, and loaded by [`load_logs`].
pub const LOGS: &str = "logs";
/// The kind of the numbers that are given out next.
pub(crate) const COUNTERS: &str = "counters";
/// Chunks of logs that are appended at the same time.
const LOGS_TOGETHER: usize = 32;

/// What is dumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Lab,
    /// What belongs to one org, without what a lab keeps to itself: tokens, settings, remembered
    /// answers.
    Org(OrgId),
}

/// A record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its kind.
    pub kind: &'static str,
    /// Its JSON, without the end of the line.
    pub line: &'a str,
}

/// Takes records. An error ends the dump.
pub type Sink = Box<dyn FnMut(Record<'_>) -> io::Result<()> + Send>;

/// Gives records. It is asked for the kinds in their order, for each until there is none left.
pub trait Source: Send {
    /// Puts the next record of a kind into `line`, which is empty, and says whether there was one.
    ///
    /// # Errors
    /// Ends the load, which leaves nothing behind.
    fn next(&mut self, kind: &'static str, line: &mut String) -> io::Result<bool>;
}

/// How records become a store's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loading {
    /// Everything, as it was.
    Lab {
        /// Remove what the store has first. Otherwise it has to be empty.
        replace: bool,
    },
    /// One org beside those that are there. Ids stay; places in sequences are given anew.
    Org {
        /// Its name here; its own if left out.
        name: Option<Name>,
        /// End of the leases that still run.
        lease_until: Timestamp,
    },
}

/// How many records there were of each kind.
pub type Counts = Vec<(&'static str, u64)>;

/// The kinds of a scope, in their order.
#[must_use]
pub fn kinds_of(scope: Scope) -> Vec<&'static str> {
    let is_lab = scope == Scope::Lab;
    let tables = kinds::TABLES.iter();
    let tables = tables.filter(|table| is_lab || table.of_org.is_some());
    let counters = is_lab.then_some(COUNTERS);
    tables
        .map(|table| table.kind)
        .chain(counters)
        .chain([LOGS])
        .collect()
}

/// A chunk of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chunk {
    attempt: AttemptId,
    start: u64,
    bytes: String,
}

/// Hands a chunk of a log to a sink.
pub(crate) fn put_chunk(
    sink: &mut Sink,
    attempt: AttemptId,
    start: u64,
    bytes: &[u8],
) -> Result<()> {
    let chunk = Chunk {
        attempt,
        start,
        bytes: STANDARD.encode(bytes),
    };
    let line = serde_json::to_string(&chunk).map_err(|error| not_written(&error.into()))?;
    sink(Record {
        kind: LOGS,
        line: &line,
    })
    .map_err(|error| not_written(&error))
}

/// Appends the logs of a source to a store. To do it twice adds nothing. Those of a whole lab come
/// after its records, because replacing a lab removes its logs; those of an org before, so that the
/// org is there with all it has.
///
/// # Errors
/// A record that is none, a gap in a log, or storage.
pub async fn load_logs(store: &dyn Store, source: &mut dyn Source) -> Result<u64> {
    let (mut count, mut is_over) = (0, false);
    while !is_over {
        let mut chunks = Vec::with_capacity(LOGS_TOGETHER);
        while chunks.len() < LOGS_TOGETHER && !is_over {
            let mut line = String::new();
            if source
                .next(LOGS, &mut line)
                .map_err(|error| not_read(&error))?
            {
                chunks.push(chunk(&line, count + 1)?);
                count += 1;
            } else {
                is_over = true;
            }
        }
        // They are taken in this order, so those of one log follow each other.
        let appended = chunks
            .into_iter()
            .map(|(attempt, start, bytes)| store.append_log(attempt, start, bytes));
        for done in join_all(appended).await {
            done?;
        }
    }
    Ok(count)
}

fn chunk(line: &str, number: u64) -> Result<(AttemptId, u64, Vec<u8>)> {
    let wrong = |why: String| bad_record(LOGS, number, &why);
    let chunk: Chunk = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
    let bytes = STANDARD
        .decode(&chunk.bytes)
        .map_err(|error| wrong(format!("bytes: {error}")))?;
    Ok((chunk.attempt, chunk.start, bytes))
}

/// A record that cannot be taken.
pub(crate) fn bad_record(kind: &str, number: u64, why: &str) -> Error {
    Error::Storage(StorageError::new(
        StorageErrorKind::Corrupt,
        format!("record {number} of {kind}: {why}"),
    ))
}

pub(crate) fn not_written(error: &io::Error) -> Error {
    failed("records could not be written", error)
}

pub(crate) fn not_read(error: &io::Error) -> Error {
    failed("records could not be read", error)
}

fn failed(what: &str, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageErrorKind::Full,
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => StorageErrorKind::Corrupt,
        _ => StorageErrorKind::Other,
    };
    Error::Storage(StorageError::new(kind, format!("{what}: {error}")))
}

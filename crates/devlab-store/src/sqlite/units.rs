//! Units of work as jobs of the writer.

use std::sync::Arc;

use devlab_core::tx::Effect;
use devlab_core::{Clock, Error, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::dump::LoadJob;
use super::errors::storage_error;
use super::writer::Job;
use crate::WriteUnit;
use crate::sql::Session;
use crate::{RandomSource, guarded};

/// What every unit needs from its store.
pub(super) struct Surroundings {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: RandomSource,
}

/// What the writer of the main database does.
pub(super) enum MainJob {
    /// A unit of work.
    Unit(UnitJob),
    /// Reads settings of the writer's own connection.
    Inspect(Inspect),
    /// Takes records in.
    Load(LoadJob),
}

/// A unit of work and who waits for it.
pub(super) struct UnitJob {
    pub(super) around: Arc<Surroundings>,
    pub(super) unit: WriteUnit,
    pub(super) effects: Vec<Effect>,
    pub(super) answer: oneshot::Sender<Result<()>>,
}

/// What a store says of itself, and who asked.
pub(super) struct Inspect {
    pub(super) found: Vec<(String, String)>,
    pub(super) answer: oneshot::Sender<Result<Vec<(String, String)>>>,
}

impl Job for MainJob {
    fn run(&mut self, conn: &Connection) -> Result<()> {
        match self {
            Self::Unit(job) => job.run(conn),
            Self::Inspect(job) => {
                job.found = inspect(conn).map_err(|e| Error::Storage(storage_error(&e)))?;
                Ok(())
            }
            Self::Load(job) => job.run(conn),
        }
    }

    fn effects(&mut self) -> Vec<Effect> {
        match self {
            Self::Unit(job) => std::mem::take(&mut job.effects),
            Self::Inspect(_) | Self::Load(_) => Vec::new(),
        }
    }

    fn answer(self, outcome: Result<()>) {
        // Whoever asked may have gone; what was written stays.
        match self {
            Self::Unit(job) => drop(job.answer.send(outcome)),
            Self::Inspect(job) => drop(job.answer.send(outcome.map(|()| job.found))),
            Self::Load(job) => drop(job.answer.send(outcome.map(|()| job.counts))),
        }
    }
}

impl UnitJob {
    fn run(&mut self, conn: &Connection) -> Result<()> {
        let now = self.around.clock.now();
        let mut session = Session::new(conn, now, &self.around.random);
        let outcome = guarded(|| (self.unit)(&mut session));
        self.effects = session.finish(outcome)?;
        Ok(())
    }
}

fn inspect(conn: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    const PRAGMAS: [&str; 7] = [
        "journal_mode",
        "synchronous",
        "page_size",
        "page_count",
        "cache_size",
        "wal_autocheckpoint",
        "journal_size_limit",
    ];
    let mut found = vec![
        ("store".to_owned(), "sqlite".to_owned()),
        (
            "path".to_owned(),
            conn.path().unwrap_or_default().to_owned(),
        ),
        ("sqlite_version".to_owned(), rusqlite::version().to_owned()),
    ];
    for name in PRAGMAS {
        let value = conn.pragma_query_value(None, name, |row| {
            Ok(match row.get_ref(0)? {
                rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            })
        })?;
        found.push((name.to_owned(), value));
    }
    Ok(found)
}

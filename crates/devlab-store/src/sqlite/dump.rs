//! Dumps on connections of their own, loads by the writer.

use std::path::Path;

use devlab_core::{AttemptId, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::CACHE_KIB;
use super::files::Database;
use crate::dump::{Counts, LOGS, Loading, Scope, Sink, Source, put_chunk};
use crate::guarded;
use crate::sql::dump::{self, Table, Value};
use crate::sql::error::{DbError, DbResult};
use crate::sql::rows::{change, first};
use crate::sql::{Param, params};

/// Reads both files, each in one view. The view of the logs is the later one, so it has every byte
/// that a record of the state counts on; logs that the state does not know are left out.
pub(super) fn dump(dir: &Path, scope: Scope, mut sink: Sink) -> Result<Counts> {
    let main = Database::main(dir).open_reader(CACHE_KIB)?;
    let logs = Database::logs(dir).open_reader(CACHE_KIB)?;
    begin(&main, "SELECT 1 FROM settings LIMIT 1")?;
    begin(&logs, "SELECT 1 FROM heads LIMIT 1")?;
    let mut counts = dump::tables(&main, scope, &mut sink)?;
    let count = match scope {
        Scope::Lab => all_logs(&main, &logs, &mut sink),
        Scope::Org(org) => {
            const SQL: &str = "SELECT id FROM attempts WHERE org = ?1 ORDER BY id";
            let mut count = 0;
            crate::sql::Sql::query(&main, SQL, params![org], &mut |cols| {
                count += log(&logs, cols.id()?, &mut sink)?;
                Ok(true)
            })
            .map(|()| count)
        }
    };
    counts.push((LOGS, count?));
    Ok(counts)
}

/// A view begins with the first read in it.
fn begin(conn: &Connection, look: &str) -> DbResult<()> {
    change(conn, "BEGIN DEFERRED", params![])?;
    first(conn, look, params![], |_| Ok(()))?;
    Ok(())
}

fn all_logs(main: &Connection, logs: &Connection, sink: &mut Sink) -> DbResult<u64> {
    const ATTEMPTS: &str = "SELECT attempt FROM heads ORDER BY attempt";
    const KNOWN: &str = "SELECT 1 FROM attempts WHERE id = ?1";
    let mut count = 0;
    crate::sql::Sql::query(logs, ATTEMPTS, params![], &mut |cols| {
        let attempt: AttemptId = cols.id()?;
        if first(main, KNOWN, params![attempt], |_| Ok(()))?.is_some() {
            count += log(logs, attempt, sink)?;
        }
        Ok(true)
    })?;
    Ok(count)
}

fn log(logs: &Connection, attempt: AttemptId, sink: &mut Sink) -> DbResult<u64> {
    const CHUNKS: &str = "SELECT start, bytes FROM chunks WHERE attempt = ?1 ORDER BY start";
    let mut count = 0;
    crate::sql::Sql::query(logs, CHUNKS, params![attempt], &mut |cols| {
        put_chunk(sink, attempt, cols.int()?, cols.bytes()?).map_err(DbError::from)?;
        count += 1;
        Ok(true)
    })?;
    Ok(count)
}

/// Records to take in, and who waits for it.
pub(super) struct LoadJob {
    pub(super) how: Loading,
    pub(super) source: Box<dyn Source>,
    pub(super) counts: Counts,
    pub(super) answer: oneshot::Sender<Result<Counts>>,
}

impl LoadJob {
    pub(super) fn run(&mut self, conn: &Connection) -> Result<()> {
        change(conn, "SAVEPOINT load", params![])?;
        let outcome = guarded(|| {
            let source = self.source.as_mut();
            self.counts = dump::load(conn, &self.how, source, &mut |table, rows, conflict| {
                insert(conn, table, rows, conflict)
            })?;
            Ok(())
        });
        if outcome.is_err() && !conn.is_autocommit() {
            change(conn, "ROLLBACK TO load", params![])?;
        }
        if !conn.is_autocommit() {
            change(conn, "RELEASE load", params![])?;
        }
        outcome
    }
}

fn insert(conn: &Connection, table: &Table, rows: &[Vec<Value>], conflict: &str) -> DbResult<()> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let numbers: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
    let conflict = match conflict {
        "" => String::new(),
        conflict => format!(" ON CONFLICT {conflict}"),
    };
    let sql = format!(
        "INSERT INTO {} ({}) VALUES ({}){conflict}",
        table.kind,
        names.join(", "),
        numbers.join(", ")
    );
    for row in rows {
        let row: Vec<Param<'_>> = row.iter().map(Value::param).collect();
        change(conn, &sql, &row)?;
    }
    Ok(())
}

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

/// Reads both files, each in one view, those of the logs in two: one from before that of the state
/// and one from after it. The later one has every byte that a record of the state counts on; what
/// has left it meanwhile, because it was sealed, is in the earlier one. Logs that the state does not
/// know are left out.
pub(super) fn dump(dir: &Path, scope: Scope, mut sink: Sink) -> Result<Counts> {
    let views = Views {
        before: view(&Database::logs(dir), "SELECT 1 FROM heads LIMIT 1")?,
        main: view(&Database::main(dir), "SELECT 1 FROM settings LIMIT 1")?,
        after: view(&Database::logs(dir), "SELECT 1 FROM heads LIMIT 1")?,
    };
    let mut counts = dump::tables(&views.main, scope, &mut sink)?;
    let count = views.logs(scope, &mut sink)?;
    counts.push((LOGS, count));
    Ok(counts)
}

/// A connection with a view, which begins with the first read in it.
fn view(database: &Database, look: &str) -> Result<Connection> {
    let conn = database.open_reader(CACHE_KIB)?;
    change(&conn, "BEGIN DEFERRED", params![])?;
    first(&conn, look, params![], |_| Ok(()))?;
    Ok(conn)
}

struct Views {
    before: Connection,
    main: Connection,
    after: Connection,
}

impl Views {
    /// The chunks of all logs of a scope, by attempt.
    fn logs(&self, scope: Scope, sink: &mut Sink) -> DbResult<u64> {
        const ALL: &str = "SELECT id FROM attempts ORDER BY id";
        const OF_ORG: &str = "SELECT id FROM attempts WHERE org = ?1 ORDER BY id";
        let mut count = 0;
        let mut each = |cols: &mut crate::sql::codec::Cols<'_>| {
            count += self.log(cols.id()?, sink)?;
            Ok(true)
        };
        match scope {
            Scope::Lab => crate::sql::Sql::query(&self.main, ALL, params![], &mut each)?,
            Scope::Org(org) => {
                crate::sql::Sql::query(&self.main, OF_ORG, params![org], &mut each)?;
            }
        }
        Ok(count)
    }

    /// What of a log is not in a blob, from the view that has it.
    fn log(&self, attempt: AttemptId, sink: &mut Sink) -> DbResult<u64> {
        const SEALED: &str = "SELECT len FROM kept_logs WHERE attempt = ?1 AND blob IS NOT NULL";
        const HAS: &str = "SELECT 1 FROM chunks WHERE attempt = ?1 AND start <= ?2 \
            AND start + length(bytes) > ?2";
        let from: i64 =
            first(&self.main, SEALED, params![attempt], |cols| cols.int())?.unwrap_or(0);
        for logs in [&self.after, &self.before] {
            if first(logs, HAS, params![attempt, from], |_| Ok(()))?.is_some() {
                return chunks(logs, attempt, sink);
            }
        }
        Ok(0)
    }
}

fn chunks(logs: &Connection, attempt: AttemptId, sink: &mut Sink) -> DbResult<u64> {
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

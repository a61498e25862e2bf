//! Tables to records.

use super::forms::{self, Form};
use super::kinds::{TABLES, Table};
use super::table::ROWS_NOT_IN_RECORDS;
use crate::dump::{COUNTERS, Counts, Record, Scope, Sink, not_written};
use crate::sql::codec::Cols;
use crate::sql::error::{DbError, DbResult};
use crate::sql::rows::first;
use crate::sql::{Dialect, Sql, params};

/// Most rows that are held at a time.
const ROWS_HELD_MAX: usize = 256;

/// Gives every row of a scope to the sink, and then the counters of a lab. The connection is in one
/// view of the database.
pub(crate) fn tables(conn: &dyn Sql, scope: Scope, sink: &mut Sink) -> DbResult<Counts> {
    super::complete(conn)?;
    let mut counts = Counts::new();
    for table in TABLES {
        if let Some(count) = rows(conn, table, scope, sink)? {
            counts.push((table.kind, count));
        }
    }
    if scope == Scope::Lab {
        let line = serde_json::json!({ "events": last_event(conn)? }).to_string();
        put(sink, COUNTERS, &line)?;
        counts.push((COUNTERS, 1));
    }
    Ok(counts)
}

/// `None` if the scope has no rows of that table.
fn rows(conn: &dyn Sql, table: &Table, scope: Scope, sink: &mut Sink) -> DbResult<Option<u64>> {
    let (condition, params) = match (scope, table.of_org) {
        (Scope::Lab, _) => (left_out(table), vec![]),
        (Scope::Org(_), None) => return Ok(None),
        (Scope::Org(org), Some(condition)) => (
            format!(" WHERE {condition}"),
            vec![crate::sql::Param::Id(org.bytes())],
        ),
    };
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let sql = format!(
        "SELECT {} FROM {}{condition} ORDER BY {}",
        names.join(", "),
        table.kind,
        order(table, conn.dialect())
    );
    let (mut line, mut count) = (Vec::new(), 0);
    conn.scan(&sql, &params, ROWS_HELD_MAX, &mut |cols| {
        line.clear();
        write(table, cols, &mut line)?;
        let text = std::str::from_utf8(&line)
            .map_err(|_| DbError::Damaged(format!("a row of {}", table.kind)))?;
        put(sink, table.kind, text)?;
        count += 1;
        Ok(true)
    })?;
    Ok(Some(count))
}

/// Leaves out what a dump of a lab does not have.
fn left_out(table: &Table) -> String {
    let mut known = ROWS_NOT_IN_RECORDS.iter();
    let known = known.find(|(kind, _, _)| *kind == table.kind);
    known.map_or_else(String::new, |(_, kept, _)| format!(" WHERE {kept}"))
}

/// Text has the order of its bytes, in either database.
fn order(table: &Table, dialect: Dialect) -> String {
    let is_text = |name: &str| {
        let mut columns = table.columns.iter();
        columns.any(|(column, form)| *column == name && matches!(form, Form::Text))
    };
    let keys: Vec<String> = table
        .order
        .split(", ")
        .map(|name| match dialect {
            Dialect::Postgres if is_text(name) => format!("{name} COLLATE \"C\""),
            Dialect::Postgres | Dialect::Sqlite => name.to_owned(),
        })
        .collect();
    keys.join(", ")
}

fn write(table: &Table, cols: &mut Cols<'_>, line: &mut Vec<u8>) -> DbResult<()> {
    for (at, (name, form)) in table.columns.iter().enumerate() {
        line.extend_from_slice(if at == 0 { b"{\"" } else { b",\"" });
        line.extend_from_slice(name.as_bytes());
        line.extend_from_slice(b"\":");
        forms::write(*form, cols, line)?;
    }
    line.push(b'}');
    Ok(())
}

fn put(sink: &mut Sink, kind: &'static str, line: &str) -> DbResult<()> {
    sink(Record { kind, line }).map_err(|error| not_written(&error).into())
}

/// The last place of the stream that was given out, even if its event is gone.
fn last_event(conn: &dyn Sql) -> DbResult<i64> {
    const SQLITE: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'events'";
    const POSTGRES: &str = "SELECT events FROM turn";
    let sql = match conn.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    Ok(first(conn, sql, params![], |cols| cols.int())?.unwrap_or(0))
}

//! The few shapes of a statement: one row, many rows, a change.

use rusqlite::{Connection, Params};
use uuid::Uuid;

use super::codec::Cols;
use super::errors::DbResult;

/// The first row, if there is one.
pub(super) fn first<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&mut Cols<'_>) -> DbResult<T>,
) -> DbResult<Option<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => read(&mut Cols::new(row)).map(Some),
        None => Ok(None),
    }
}

/// All rows. The statement bounds them.
pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&mut Cols<'_>) -> DbResult<T>,
) -> DbResult<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&mut Cols::new(row))?);
    }
    Ok(found)
}

/// Changes rows and returns how many.
pub(super) fn change(conn: &Connection, sql: &str, params: impl Params) -> DbResult<usize> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}

/// Where a page that goes down begins: below the given id, or below all of them (17 bytes sort
/// after any 16).
pub(super) fn below(after: Option<Uuid>) -> Vec<u8> {
    after.map_or_else(|| vec![0xff; 17], |id| id.as_bytes().to_vec())
}

/// Where a page that goes up begins: above the given id, or above nothing.
pub(super) fn above(after: Option<Uuid>) -> Vec<u8> {
    after.map_or_else(Vec::new, |id| id.as_bytes().to_vec())
}

/// How SQLite means to run a statement on a fresh schema.
#[cfg(test)]
pub(super) fn plan(sql: &str) -> String {
    let mut conn = Connection::open_in_memory().unwrap();
    super::schema::Schema::main().migrate(&mut conn).unwrap();
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // The parameters may stay unbound: nothing is run.
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>(3).unwrap());
    }
    steps.join("; ")
}

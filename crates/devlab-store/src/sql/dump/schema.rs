//! What the schema has, held against what is dumped.

use std::collections::{BTreeMap, BTreeSet};

use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;

use super::kinds::{NOT_DUMPED, NOT_IN_RECORDS, TABLES};
use crate::sql::error::{DbError, DbResult};
use crate::sql::rows::all;
use crate::sql::{Dialect, Sql, params};

/// Columns of each table of the database that the connection is on.
fn columns(conn: &dyn Sql) -> DbResult<BTreeMap<String, BTreeSet<String>>> {
    const SQLITE: &str = "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'";
    const POSTGRES: &str = "SELECT c.relname::text, a.attname::text FROM pg_class c \
        JOIN pg_attribute a ON a.attrelid = c.oid \
        WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relkind IN ('r', 'p') \
        AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped";
    let sql = match conn.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (table, column) in all(conn, sql, params![], |cols| {
        Ok((cols.text()?, cols.text()?))
    })? {
        found.entry(table).or_default().insert(column);
    }
    Ok(found)
}

/// Makes sure that the kinds describe every table and column that there is, and none that is not.
///
/// # Errors
/// What is missing, by name.
pub(crate) fn complete(conn: &dyn Sql) -> DbResult<()> {
    let mut found = columns(conn)?;
    let mut wrong = Vec::new();
    for table in TABLES {
        let described: BTreeSet<String> = table
            .columns
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let there = found.remove(table.kind).unwrap_or_default();
        let left_out = |column: &String| {
            let mut known = NOT_IN_RECORDS.iter();
            known.any(|(of, name, _)| *of == table.kind && name == column)
        };
        for column in there
            .symmetric_difference(&described)
            .filter(|column| !left_out(column))
        {
            wrong.push(format!("{}.{column}", table.kind));
        }
    }
    let known = |table: &String| NOT_DUMPED.iter().any(|(name, _)| name == table);
    wrong.extend(found.into_keys().filter(|table| !known(table)));
    if wrong.is_empty() {
        return Ok(());
    }
    Err(DbError::Storage(StorageError::new(
        StorageErrorKind::Other,
        format!(
            "the records do not describe the schema: {}",
            wrong.join(", ")
        ),
    )))
}

//! SQLite as a connection of [`crate::sql`].

use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::errors::storage_error;
use crate::sql::codec::Cols;
use crate::sql::error::{DbError, DbResult};
use crate::sql::{Dialect, Number, Param, Row, Sql};

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(storage_error(&error))
    }
}

impl Sql for Connection {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn in_transaction(&self) -> bool {
        !self.is_autocommit()
    }

    fn next_number(&self, _: Number) -> Option<u64> {
        None
    }

    fn query(
        &self,
        sql: &str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(&mut Cols<'_>) -> DbResult<bool>,
    ) -> DbResult<()> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            if !each(&mut Cols::new(row))? {
                break;
            }
        }
        Ok(())
    }

    fn scan(
        &self,
        sql: &str,
        params: &[Param<'_>],
        _: usize,
        each: &mut dyn FnMut(&mut Cols<'_>) -> DbResult<bool>,
    ) -> DbResult<()> {
        // Rows come one by one anyway.
        self.query(sql, params, each)
    }

    fn execute(&self, sql: &str, params: &[Param<'_>]) -> DbResult<u64> {
        let changed = self
            .prepare_cached(sql)?
            .execute(params_from_iter(params))?;
        Ok(changed as u64)
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Flag(value) => ToSqlOutput::Owned(Value::Integer(i64::from(*value))),
            Self::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Id(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
            Self::Bytes(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
        })
    }
}

impl Row for rusqlite::Row<'_> {
    fn int(&self, at: usize) -> DbResult<Option<i64>> {
        match self.get_ref(at)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(value)),
            ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Err(damaged(self, at)),
        }
    }

    fn flag(&self, at: usize) -> DbResult<Option<bool>> {
        Ok(self.int(at)?.map(|value| value != 0))
    }

    fn text(&self, at: usize) -> DbResult<Option<&str>> {
        let value = self.get_ref(at)?;
        value.as_str_or_null().map_err(|_| damaged(self, at))
    }

    fn bytes(&self, at: usize) -> DbResult<Option<&[u8]>> {
        let value = self.get_ref(at)?;
        value.as_blob_or_null().map_err(|_| damaged(self, at))
    }

    fn id(&self, at: usize) -> DbResult<Option<[u8; 16]>> {
        let Some(bytes) = Row::bytes(self, at)? else {
            return Ok(None);
        };
        let id = bytes.try_into().map_err(|_| damaged(self, at))?;
        Ok(Some(id))
    }

    fn name(&self, at: usize) -> &str {
        self.as_ref().column_name(at).unwrap_or("?")
    }
}

fn damaged(row: &rusqlite::Row<'_>, at: usize) -> DbError {
    DbError::Storage(StorageError::new(
        StorageErrorKind::Corrupt,
        format!(
            "column {} has a value that devlab never writes",
            Row::name(row, at)
        ),
    ))
}

/// How SQLite means to run a statement on a fresh schema.
#[cfg(test)]
pub(crate) fn plan(sql: &str) -> String {
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

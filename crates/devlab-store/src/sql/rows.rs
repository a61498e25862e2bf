//! The few shapes of a statement: one row, many rows, a change.

use uuid::Uuid;

use super::codec::Cols;
use super::error::DbResult;
use super::{Param, Sql};

/// The first row, if there is one.
pub(crate) fn first<T>(
    conn: &dyn Sql,
    sql: &str,
    params: &[Param<'_>],
    read: impl FnOnce(&mut Cols<'_>) -> DbResult<T>,
) -> DbResult<Option<T>> {
    let mut read = Some(read);
    let mut found = None;
    conn.query(sql, params, &mut |cols| {
        if let Some(read) = read.take() {
            found = Some(read(cols)?);
        }
        Ok(false)
    })?;
    Ok(found)
}

/// All rows. The statement bounds them.
pub(crate) fn all<T>(
    conn: &dyn Sql,
    sql: &str,
    params: &[Param<'_>],
    mut read: impl FnMut(&mut Cols<'_>) -> DbResult<T>,
) -> DbResult<Vec<T>> {
    let mut found = Vec::new();
    conn.query(sql, params, &mut |cols| {
        found.push(read(cols)?);
        Ok(true)
    })?;
    Ok(found)
}

/// Changes rows and returns how many.
pub(crate) fn change(conn: &dyn Sql, sql: &str, params: &[Param<'_>]) -> DbResult<u64> {
    conn.execute(sql, params)
}

/// Where a page that goes down begins: below the given id, or below all of them.
pub(crate) fn below(after: Option<Uuid>) -> [u8; 16] {
    after.unwrap_or(Uuid::max()).into_bytes()
}

/// Where a page that goes up begins: above the given id, or above nothing.
pub(crate) fn above(after: Option<Uuid>) -> [u8; 16] {
    after.unwrap_or(Uuid::nil()).into_bytes()
}

/// A statement whose conditions are put together at run time. Its parameters are numbered as they
/// come.
pub(crate) struct Conditions<'a> {
    sql: String,
    params: Vec<Param<'a>>,
}

impl<'a> Conditions<'a> {
    /// Begins with SQL that has one `?`.
    pub(crate) fn new(sql: &str, first: Param<'a>) -> Self {
        let mut list = Self {
            sql: String::with_capacity(512),
            params: Vec::with_capacity(8),
        };
        list.more(sql, first);
        list
    }

    /// One more condition, with one `?`.
    pub(crate) fn and(&mut self, condition: &str, param: Param<'a>) {
        self.text(" AND ");
        self.more(condition, param);
    }

    /// More SQL, with one `?`.
    pub(crate) fn more(&mut self, sql: &str, param: Param<'a>) {
        self.params.push(param);
        let number = self.params.len();
        self.sql
            .push_str(&sql.replacen('?', &format!("?{number}"), 1));
    }

    /// More SQL, without parameters.
    pub(crate) fn text(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    pub(crate) fn params(&self) -> &[Param<'a>] {
        &self.params
    }
}

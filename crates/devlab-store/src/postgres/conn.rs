//! PostgreSQL as a connection of [`crate::sql`].

use std::borrow::Cow;
use std::cell::Cell;
use std::error::Error as StdError;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use futures::StreamExt;
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::errors::{is_lost, no_answer, storage_error};
use crate::sql::codec::Cols;
use crate::sql::error::{DbError, DbResult};
use crate::sql::{Dialect, Number, Param, Row, Sql};

/// Where a thread waits for the database.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wait<'a> {
    /// On a runtime of its own, which drives the connection meanwhile.
    Own(&'a Runtime),
    /// On a thread for blocking work of the runtime that drives the connection.
    Shared(&'a Handle),
}

impl Wait<'_> {
    pub(super) fn on<F: Future>(self, future: F) -> F::Output {
        match self {
            Self::Own(runtime) => runtime.block_on(future),
            Self::Shared(handle) => handle.block_on(future),
        }
    }
}

/// The numbers that a writer gives out during its turn.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) tasks: Cell<u64>,
    pub(super) events: Cell<u64>,
}

impl Numbers {
    pub(super) fn next(&self, of: Number) -> u64 {
        let counter = match of {
            Number::Task => &self.tasks,
            Number::Event => &self.events,
        };
        counter.set(counter.get() + 1);
        counter.get()
    }
}

/// A connection inside a transaction.
pub(super) struct PgConn<'a> {
    pub(super) wait: Wait<'a>,
    pub(super) client: &'a ClientWrapper,
    /// How long an answer is waited for.
    pub(super) answer_max: Duration,
    /// `None` for a connection that only reads.
    pub(super) numbers: Option<&'a Numbers>,
    /// Whether the connection, or the whole transaction, went away.
    pub(super) lost: Cell<bool>,
}

impl PgConn<'_> {
    /// Waits for an answer; a database that says nothing for so long counts as gone.
    pub(super) fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> DbResult<T> {
        self.within(question)?.map_err(|error| self.failed(&error))
    }

    fn within<T>(&self, answer: impl Future<Output = T>) -> DbResult<T> {
        let answered = self
            .wait
            .on(async { tokio::time::timeout(self.answer_max, answer).await });
        answered.map_err(|_| {
            self.lost.set(true);
            DbError::Storage(no_answer())
        })
    }

    fn failed(&self, error: &tokio_postgres::Error) -> DbError {
        if is_lost(error) {
            self.lost.set(true);
        }
        DbError::Storage(storage_error(error))
    }
}

/// Parameters as PostgreSQL writes them: `$1` for `?1`.
pub(super) fn numbered(sql: &str) -> Cow<'_, str> {
    if sql.contains('?') {
        Cow::Owned(sql.replace('?', "$"))
    } else {
        Cow::Borrowed(sql)
    }
}

impl Sql for PgConn<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn in_transaction(&self) -> bool {
        !self.lost.get()
    }

    fn transaction_ended(&self) {
        self.lost.set(true);
    }

    fn next_number(&self, of: Number) -> Option<u64> {
        self.numbers.map(|numbers| numbers.next(of))
    }

    fn query(
        &self,
        sql: &str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(&mut Cols<'_>) -> DbResult<bool>,
    ) -> DbResult<()> {
        let rows = self.ask(async {
            let statement = self.client.prepare_cached(&numbered(sql)).await?;
            let params: Vec<&(dyn ToSql + Sync)> = params
                .iter()
                .map(|param| param as &(dyn ToSql + Sync))
                .collect();
            self.client.query(&statement, &params).await
        });
        for row in rows? {
            if !each(&mut Cols::new(&row))? {
                break;
            }
        }
        Ok(())
    }

    fn scan(
        &self,
        sql: &str,
        params: &[Param<'_>],
        held: usize,
        each: &mut dyn FnMut(&mut Cols<'_>) -> DbResult<bool>,
    ) -> DbResult<()> {
        let begun = self.ask(async {
            let statement = self.client.prepare(&numbered(sql)).await?;
            self.client.query_raw(&statement, params).await
        });
        let mut rows = std::pin::pin!(begun?.chunks(held.max(1)));
        // The connection takes no more from the server than is asked for, so a slow reader costs
        // no memory.
        while let Some(batch) = self.within(rows.next())? {
            for row in batch {
                let row = row.map_err(|error| self.failed(&error))?;
                if !each(&mut Cols::new(&row))? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn execute(&self, sql: &str, params: &[Param<'_>]) -> DbResult<u64> {
        self.ask(async {
            let statement = self.client.prepare_cached(&numbered(sql)).await?;
            let params: Vec<&(dyn ToSql + Sync)> = params
                .iter()
                .map(|param| param as &(dyn ToSql + Sync))
                .collect();
            self.client.execute(&statement, &params).await
        })
    }
}

/// A parameter goes out as the type that its statement wants.
impl ToSql for Param<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => int_to_sql(value, ty, out),
            Self::Flag(value) => value.to_sql_checked(ty, out),
            Self::Text(value) => value.to_sql_checked(ty, out),
            Self::Id(value) => uuid::Uuid::from_bytes(value).to_sql_checked(ty, out),
            Self::Bytes(value) => value.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn int_to_sql(
    value: i64,
    ty: &Type,
    out: &mut BytesMut,
) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
    match *ty {
        Type::INT2 => i16::try_from(value)?.to_sql_checked(ty, out),
        Type::INT4 => i32::try_from(value)?.to_sql_checked(ty, out),
        _ => value.to_sql_checked(ty, out),
    }
}

/// A column as it came.
struct Raw<'r> {
    ty: Type,
    bytes: &'r [u8],
}

impl<'r> FromSql<'r> for Raw<'r> {
    fn from_sql(ty: &Type, bytes: &'r [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self {
            ty: ty.clone(),
            bytes,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn raw(row: &tokio_postgres::Row, at: usize) -> DbResult<Option<Raw<'_>>> {
    row.try_get(at).map_err(|_| damaged(row, at))
}

fn damaged(row: &tokio_postgres::Row, at: usize) -> DbError {
    DbError::Damaged(format!("column {}", Row::name(row, at)))
}

impl Row for tokio_postgres::Row {
    fn int(&self, at: usize) -> DbResult<Option<i64>> {
        let Some(Raw { ty, bytes }) = raw(self, at)? else {
            return Ok(None);
        };
        let value = match (ty, bytes.len()) {
            (Type::INT2, _) => i16::from_sql(&Type::INT2, bytes).map(i64::from),
            (Type::INT4, _) => i32::from_sql(&Type::INT4, bytes).map(i64::from),
            (Type::INT8, _) => i64::from_sql(&Type::INT8, bytes),
            _ => return Err(damaged(self, at)),
        };
        value.map(Some).map_err(|_| damaged(self, at))
    }

    fn flag(&self, at: usize) -> DbResult<Option<bool>> {
        self.try_get(at).map_err(|_| damaged(self, at))
    }

    fn text(&self, at: usize) -> DbResult<Option<&str>> {
        self.try_get(at).map_err(|_| damaged(self, at))
    }

    fn bytes(&self, at: usize) -> DbResult<Option<&[u8]>> {
        Ok(raw(self, at)?.map(|raw| raw.bytes))
    }

    fn id(&self, at: usize) -> DbResult<Option<[u8; 16]>> {
        let id: Option<uuid::Uuid> = self.try_get(at).map_err(|_| damaged(self, at))?;
        Ok(id.map(uuid::Uuid::into_bytes))
    }

    fn name(&self, at: usize) -> &str {
        self.columns().get(at).map_or("?", |column| column.name())
    }
}

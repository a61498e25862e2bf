//! The statements that both databases run, and how values of the core are columns.
//!
//! A statement is written once, with numbered parameters (`?1`), in the SQL that SQLite and
//! PostgreSQL share. Where they differ, [`Dialect`] says it in the statement's own place.

pub(crate) mod accounts;
pub(crate) mod attempts;
mod bytes;
pub(crate) mod codec;
pub(crate) mod dump;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod lists;
mod param;
pub(crate) mod patches;
pub(crate) mod plans;
pub(crate) mod policies;
pub(crate) mod provenance;
pub(crate) mod queues;
pub(crate) mod rows;
pub(crate) mod servers;
mod session;
pub(crate) mod tasks;
mod templates;
pub(crate) mod trains;

pub(crate) use param::{Param, ToParam, params};
pub(crate) use session::Session;

use codec::Cols;
use error::DbResult;

/// Which database runs a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// The truth value that is not true, as a literal. Partial indexes name it, and each planner
    /// knows it only in its own form.
    pub(crate) fn no(self) -> &'static str {
        match self {
            Self::Sqlite => "0",
            Self::Postgres => "FALSE",
        }
    }
}

/// What has numbers in the order of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// [`devlab_core::task::Task::seq`].
    Task,
    /// [`devlab_core::event::Event::seq`].
    Event,
}

/// One column after the other of a row that a database gave.
pub(crate) trait Row {
    /// A number; a flag of SQLite is one too.
    fn int(&self, at: usize) -> DbResult<Option<i64>>;
    /// A truth value.
    fn flag(&self, at: usize) -> DbResult<Option<bool>>;
    /// Text.
    fn text(&self, at: usize) -> DbResult<Option<&str>>;
    /// Bytes.
    fn bytes(&self, at: usize) -> DbResult<Option<&[u8]>>;
    /// The 16 bytes of an id.
    fn id(&self, at: usize) -> DbResult<Option<[u8; 16]>>;
    /// Name of a column.
    fn name(&self, at: usize) -> &str;
}

/// A connection inside a transaction.
pub(crate) trait Sql {
    /// Which database it is.
    fn dialect(&self) -> Dialect;

    /// Whether its transaction is still there: a database may have taken it back by itself.
    fn in_transaction(&self) -> bool;

    /// Told that its transaction had to be ended, with everything that was written in it.
    fn transaction_ended(&self) {}

    /// The number that a new task or event gets; `None` if the database gives it.
    fn next_number(&self, of: Number) -> Option<u64>;

    /// Shows each row that a statement gives, until `each` returns `false`.
    fn query(
        &self,
        sql: &str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(&mut Cols<'_>) -> DbResult<bool>,
    ) -> DbResult<()>;

    /// Shows each row of a result that may be larger than memory: about `held` of them are held at
    /// a time. No other statement may run on the connection meanwhile.
    fn scan(
        &self,
        sql: &str,
        params: &[Param<'_>],
        held: usize,
        each: &mut dyn FnMut(&mut Cols<'_>) -> DbResult<bool>,
    ) -> DbResult<()>;

    /// Runs a statement that changes rows, and returns how many.
    fn execute(&self, sql: &str, params: &[Param<'_>]) -> DbResult<u64>;
}

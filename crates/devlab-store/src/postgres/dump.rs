//! Dumps and loads, on connections of their own.

use std::cell::Cell;

use deadpool_postgres::ClientWrapper;
use devlab_core::{Refusal, Result};
use tokio::runtime::Handle;

use super::conn::{PgConn, Wait};
use super::connect::{LOAD_ANSWER_MAX, Target};
use super::errors::answered;
use super::rows::{Kind, Rows};
use crate::dump::{Counts, LOGS, Loading, Scope, Sink, Source, put_chunk};
use crate::guarded;
use crate::sql::dump::{self, Form, Table, Value};
use crate::sql::error::{DbError, DbResult};
use crate::sql::rows::first;
use crate::sql::{Param, Sql, params};

/// Chunks of logs that are held at a time, each of at most 256 KiB.
const CHUNKS_HELD_MAX: usize = 8;

/// Reads everything in one view.
pub(super) async fn dump(target: &Target, scope: Scope, mut sink: Sink) -> Result<Counts> {
    const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let client = begun(target, target.plain("backup").await?, BEGIN).await?;
    on_thread(client, move |conn| {
        let mut counts = dump::tables(conn, scope, &mut sink)?;
        counts.push((LOGS, logs(conn, scope, &mut sink)?));
        Ok(counts)
    })
    .await
}

/// Takes records in, in one turn.
pub(super) async fn load(
    target: &Target,
    how: Loading,
    mut source: Box<dyn Source>,
) -> Result<Counts> {
    const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    const TURN: &str = "SELECT tasks FROM turn WHERE one FOR UPDATE";
    let client = begun(target, target.loader().await?, BEGIN).await?;
    on_thread(client, move |conn| {
        if matches!(how, Loading::Lab { .. }) {
            refuse_servers(conn)?;
        }
        first(conn, TURN, params![], |_| Ok(()))?;
        let counts = dump::load(conn, &how, source.as_mut(), &mut |table, rows, conflict| {
            insert(conn, table, rows, conflict)
        })?;
        conn.execute("COMMIT", params![])?;
        Ok(counts)
    })
    .await
}

/// A connection in a transaction. It ends with the value, and the transaction with it.
async fn begun(target: &Target, client: ClientWrapper, begin: &str) -> Result<ClientWrapper> {
    answered(target.answer_max, client.batch_execute(begin)).await?;
    Ok(client)
}

/// Runs work on a connection, off the async threads.
async fn on_thread<T: Send + 'static>(
    client: ClientWrapper,
    work: impl FnOnce(&PgConn<'_>) -> DbResult<T> + Send + 'static,
) -> Result<T> {
    let handle = Handle::current();
    let work = move || {
        let conn = PgConn {
            wait: Wait::Shared(&handle),
            client: &client,
            answer_max: LOAD_ANSWER_MAX,
            numbers: None,
            lost: Cell::new(false),
        };
        let mut result = None;
        guarded(|| {
            result = Some(work(&conn)?);
            Ok(())
        })?;
        result.ok_or_else(|| crate::jobs::closed().into())
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(crate::jobs::closed().into()))
}

/// What a whole lab is loaded into is in nobody's use.
fn refuse_servers(conn: &PgConn<'_>) -> DbResult<()> {
    // One is that of the store which this belongs to.
    const LISTENERS: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND application_name = 'devlab listener'";
    let listeners: Option<i64> = first(conn, LISTENERS, params![], |cols| cols.int())?;
    if listeners.is_none_or(|count| count <= 1) {
        return Ok(());
    }
    let text = "a devlab server uses this database: stop it first";
    Err(DbError::Refused(Refusal::Conflict(text.to_owned())))
}

fn logs(conn: &PgConn<'_>, scope: Scope, sink: &mut Sink) -> DbResult<u64> {
    // A log whose beginning is in a blob is given if there is more of it.
    const FROM: &str = "SELECT c.attempt, c.start, c.bytes FROM log_chunks c \
        JOIN attempts a ON a.id = c.attempt \
        LEFT JOIN kept_logs k ON k.attempt = c.attempt AND k.blob IS NOT NULL \
        WHERE EXISTS (SELECT 1 FROM log_chunks x WHERE x.attempt = c.attempt \
        AND x.start <= coalesce(k.len, 0) \
        AND x.start + octet_length(x.bytes) > coalesce(k.len, 0))";
    const ORDER: &str = "ORDER BY c.attempt, c.start";
    let mut count = 0;
    let mut each = |cols: &mut crate::sql::codec::Cols<'_>| {
        let (attempt, start) = (cols.id()?, cols.int()?);
        put_chunk(sink, attempt, start, cols.bytes()?).map_err(DbError::from)?;
        count += 1;
        Ok(true)
    };
    match scope {
        Scope::Lab => {
            let sql = format!("{FROM} {ORDER}");
            conn.scan(&sql, params![], CHUNKS_HELD_MAX, &mut each)?;
        }
        Scope::Org(org) => {
            let sql = format!("{FROM} AND a.org = ?1 {ORDER}");
            conn.scan(&sql, params![org], CHUNKS_HELD_MAX, &mut each)?;
        }
    }
    Ok(count)
}

fn insert(conn: &PgConn<'_>, table: &Table, rows: &[Vec<Value>], conflict: &str) -> DbResult<()> {
    let columns: Vec<(&str, Kind)> = table
        .columns
        .iter()
        .map(|(name, form)| (*name, kind_of(*form)))
        .collect();
    let mut all = Rows::insert(table.kind, &columns, conflict);
    for row in rows {
        let row: Vec<Param<'_>> = row.iter().map(Value::param).collect();
        all.push(&row);
    }
    conn.ask(all.run(conn.client))?;
    Ok(())
}

fn kind_of(form: Form) -> Kind {
    match form {
        Form::Id(..) => Kind::Id,
        Form::Seq(_) | Form::Int | Form::Time | Form::Word(..) => Kind::Int,
        Form::Flag => Kind::Flag,
        Form::Text | Form::Json => Kind::Text,
    }
}

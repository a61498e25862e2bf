//! Servers, and who runs which loop.

use devlab_core::limits::SERVERS_MAX;
use devlab_core::server::{LoopState, Server};
use devlab_core::{ServerId, Timestamp};

use super::codec::{Cols, int};
use super::error::DbResult;
use super::rows::{all, change, first};
use super::{Sql, params};

const COLUMNS: &str = "id, name, url, roles, version, run, started_at, seen_at, gone";

fn read_server(cols: &mut Cols<'_>) -> DbResult<Server> {
    Ok(Server {
        id: cols.id()?,
        name: cols.text()?,
        url: cols.text()?,
        roles: cols.parsed()?,
        version: cols.text()?,
        run: cols.int()?,
        started_at: cols.time()?,
        seen_at: cols.time()?,
        left: cols.flag()?,
    })
}

pub(crate) fn server(conn: &dyn Sql, id: ServerId) -> DbResult<Option<Server>> {
    let sql = format!("SELECT {COLUMNS} FROM servers WHERE id = ?1");
    first(conn, &sql, params![id], read_server)
}

pub(crate) fn servers(conn: &dyn Sql) -> DbResult<Vec<Server>> {
    let sql = format!("SELECT {COLUMNS} FROM servers ORDER BY id LIMIT ?1");
    all(conn, &sql, params![SERVERS_MAX], read_server)
}

pub(crate) fn put(conn: &dyn Sql, server: &Server) -> DbResult<()> {
    let sql = format!(
        "INSERT INTO servers ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, url = excluded.url, \
         roles = excluded.roles, version = excluded.version, run = excluded.run, \
         started_at = excluded.started_at, seen_at = excluded.seen_at, gone = excluded.gone"
    );
    change(
        conn,
        &sql,
        params![
            server.id,
            server.name,
            server.url,
            server.roles.to_string(),
            server.version,
            int(server.run),
            server.started_at.as_millis(),
            server.seen_at.as_millis(),
            server.left,
        ],
    )?;
    Ok(())
}

pub(crate) fn delete(conn: &dyn Sql, id: ServerId) -> DbResult<()> {
    change(conn, "DELETE FROM servers WHERE id = ?1", params![id])?;
    Ok(())
}

pub(crate) fn projects_at(conn: &dyn Sql, home: ServerId) -> DbResult<u64> {
    const SQL: &str = "SELECT count(*) FROM projects WHERE home = ?1";
    Ok(first(conn, SQL, params![home], |cols| cols.int())?.unwrap_or(0))
}

pub(crate) fn loop_state(conn: &dyn Sql, name: &str) -> DbResult<Option<LoopState>> {
    const SQL: &str = "SELECT name, holder, run, held_until, fired_at FROM loops WHERE name = ?1";
    first(conn, SQL, params![name], |cols| {
        Ok(LoopState {
            name: cols.text()?,
            holder: cols.opt_id()?,
            run: cols.int()?,
            until: cols.time()?,
            fired_at: cols.opt_time()?,
        })
    })
}

pub(crate) fn put_loop_state(conn: &dyn Sql, state: &LoopState) -> DbResult<()> {
    const SQL: &str = "INSERT INTO loops (name, holder, run, held_until, fired_at) \
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, \
        run = excluded.run, held_until = excluded.held_until, fired_at = excluded.fired_at";
    change(
        conn,
        SQL,
        params![
            state.name,
            state.holder,
            int(state.run),
            state.until.as_millis(),
            state.fired_at.map(Timestamp::as_millis),
        ],
    )?;
    Ok(())
}

//! The event stream and the audit log.

use super::{Dialect, Number, Param, Sql, params};
use devlab_core::auth::AuditEntry;
use devlab_core::event::{Event, NewEvent};
use devlab_core::tx::{AuditFilter, StoredAudit};
use devlab_core::{OrgId, Timestamp};

use super::codec::{Code, Cols, int, json};
use super::error::DbResult;
use super::rows::{Conditions, all, change, first};

fn read_event(cols: &mut Cols<'_>) -> DbResult<Event> {
    Ok(Event {
        seq: cols.int()?,
        at: cols.time()?,
        event: NewEvent {
            org: cols.id()?,
            kind: cols.code()?,
            project: cols.opt_id()?,
            task: cols.opt_id()?,
            attempt: cols.opt_id()?,
            data: cols.json()?,
        },
    })
}

pub(crate) fn after(
    conn: &dyn Sql,
    org: Option<OrgId>,
    after: u64,
    limit: u32,
) -> DbResult<Vec<Event>> {
    const ALL: &str = "SELECT seq, at, org, kind, project, task, attempt, data FROM events \
        WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    const OF_ORG: &str = "SELECT seq, at, org, kind, project, task, attempt, data FROM events \
        WHERE org = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2";
    match org {
        Some(org) => all(conn, OF_ORG, params![int(after), limit, org], read_event),
        None => all(conn, ALL, params![int(after), limit], read_event),
    }
}

pub(crate) fn last(conn: &dyn Sql) -> DbResult<u64> {
    const SQL: &str = "SELECT seq FROM events ORDER BY seq DESC LIMIT 1";
    Ok(first(conn, SQL, params![], |cols| cols.int())?.unwrap_or(0))
}

pub(crate) fn append(conn: &dyn Sql, event: &NewEvent, at: Timestamp) -> DbResult<()> {
    const SQL: &str = "INSERT INTO events (seq, org, at, kind, project, task, attempt, data) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    change(
        conn,
        SQL,
        params![
            conn.next_number(Number::Event).map(int),
            event.org,
            at.as_millis(),
            event.kind.code(),
            event.project,
            event.task,
            event.attempt,
            json(&event.data)?,
        ],
    )?;
    Ok(())
}

pub(crate) fn audit_log(
    conn: &dyn Sql,
    filter: &AuditFilter,
    before: Option<u64>,
    limit: u32,
) -> DbResult<Vec<(u64, StoredAudit)>> {
    let mut list = Conditions::new(
        "SELECT seq, org, at, actor, action, target, request_id FROM audit WHERE seq < ?",
        Param::Int(before.map_or(i64::MAX, int)),
    );
    if let Some(org) = filter.org {
        list.and("org = ?", Param::Id(org.bytes()));
    }
    if let Some(since) = filter.since {
        list.and("at >= ?", Param::Int(since.as_millis()));
    }
    if let Some(until) = filter.until {
        list.and("at < ?", Param::Int(until.as_millis()));
    }
    for word in &filter.words {
        list.and(has_word(conn.dialect()), Param::Text(word));
    }
    list.more(" ORDER BY seq DESC LIMIT ?", Param::Int(i64::from(limit)));
    let read = |cols: &mut Cols<'_>| {
        Ok((
            cols.int()?,
            StoredAudit {
                org: cols.opt_id()?,
                at: cols.time()?,
                actor: cols.text()?,
                action: cols.text()?,
                target: cols.text()?,
                request_id: cols.text()?,
            },
        ))
    };
    all(conn, list.sql(), list.params(), read)
}

/// Whether an audit entry has a word somewhere. Letters of ASCII only, as SQLite does it.
fn has_word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "instr(lower(action || ' ' || target || ' ' || actor || ' ' || request_id), \
             lower(?)) > 0"
        }
        Dialect::Postgres => {
            "strpos(lower((action || ' ' || target || ' ' || actor || ' ' || request_id) \
             COLLATE \"C\"), lower(?::text COLLATE \"C\")) > 0"
        }
    }
}

pub(crate) fn append_audit(conn: &dyn Sql, entry: &AuditEntry, at: Timestamp) -> DbResult<()> {
    const SQL: &str = "INSERT INTO audit (org, at, actor, action, target, request_id) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    change(
        conn,
        SQL,
        params![
            entry.org,
            at.as_millis(),
            entry.actor,
            entry.action,
            entry.target,
            entry.request_id,
        ],
    )?;
    Ok(())
}

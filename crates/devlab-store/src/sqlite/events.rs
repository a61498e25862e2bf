//! The event stream and the audit log.

use devlab_core::auth::AuditEntry;
use devlab_core::event::{Event, NewEvent};
use devlab_core::tx::StoredAudit;
use devlab_core::{OrgId, Timestamp};
use rusqlite::{Connection, params};

use super::codec::{Code, Cols, int, json, opt_id};
use super::errors::DbResult;
use super::rows::{all, change, first};

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

pub(super) fn after(
    conn: &Connection,
    org: Option<OrgId>,
    after: u64,
    limit: u32,
) -> DbResult<Vec<Event>> {
    const ALL: &str = "SELECT seq, at, org, kind, project, task, attempt, data FROM events \
        WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    const OF_ORG: &str = "SELECT seq, at, org, kind, project, task, attempt, data FROM events \
        WHERE org = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2";
    match org {
        Some(org) => all(
            conn,
            OF_ORG,
            params![int(after), limit, org.bytes()],
            read_event,
        ),
        None => all(conn, ALL, params![int(after), limit], read_event),
    }
}

pub(super) fn last(conn: &Connection) -> DbResult<u64> {
    const SQL: &str = "SELECT seq FROM events ORDER BY seq DESC LIMIT 1";
    Ok(first(conn, SQL, [], |cols| cols.int())?.unwrap_or(0))
}

pub(super) fn append(conn: &Connection, event: &NewEvent, at: Timestamp) -> DbResult<()> {
    const SQL: &str = "INSERT INTO events (org, at, kind, project, task, attempt, data) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    change(
        conn,
        SQL,
        params![
            event.org.bytes(),
            at.as_millis(),
            event.kind.code(),
            opt_id(event.project),
            opt_id(event.task),
            opt_id(event.attempt),
            json(&event.data)?,
        ],
    )?;
    Ok(())
}

pub(super) fn audit_log(
    conn: &Connection,
    org: Option<OrgId>,
    before: Option<u64>,
    limit: u32,
) -> DbResult<Vec<(u64, StoredAudit)>> {
    const ALL: &str = "SELECT seq, org, at, actor, action, target, request_id FROM audit \
        WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2";
    const OF_ORG: &str = "SELECT seq, org, at, actor, action, target, request_id FROM audit \
        WHERE org = ?3 AND seq < ?1 ORDER BY seq DESC LIMIT ?2";
    let before = before.map_or(i64::MAX, int);
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
    match org {
        Some(org) => all(conn, OF_ORG, params![before, limit, org.bytes()], read),
        None => all(conn, ALL, params![before, limit], read),
    }
}

pub(super) fn append_audit(conn: &Connection, entry: &AuditEntry, at: Timestamp) -> DbResult<()> {
    const SQL: &str = "INSERT INTO audit (org, at, actor, action, target, request_id) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    change(
        conn,
        SQL,
        params![
            opt_id(entry.org),
            at.as_millis(),
            entry.actor,
            entry.action,
            entry.target,
            entry.request_id,
        ],
    )?;
    Ok(())
}

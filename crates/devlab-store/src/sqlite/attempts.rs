//! Attempts and agents.

use devlab_core::attempt::{Agent, Attempt};
use devlab_core::tx::Page;
use devlab_core::{AgentId, AttemptId, OrgId, TaskId, Timestamp};
use rusqlite::{Connection, params};

use super::codec::{Code, Cols, opt_id, opt_oid};
use super::errors::{DbError, DbResult};
use super::rows::{all, below, change, first};

fn read_attempt(cols: &mut Cols<'_>) -> DbResult<Attempt> {
    Ok(Attempt {
        id: cols.id()?,
        org: cols.id()?,
        task: cols.id()?,
        number: cols.int()?,
        kind: cols.code()?,
        candidate: cols.opt_id()?,
        agent: cols.id()?,
        claim_id: cols.text()?,
        state: cols.code()?,
        phase: cols.code()?,
        lease_until: cols.time()?,
        base: cols.opt_parsed()?,
        prior: cols.opt_parsed()?,
        merges: cols.opt_parsed()?,
        commit: cols.opt_parsed()?,
        failure: cols.opt_code()?,
        created_at: cols.time()?,
        ended_at: cols.opt_time()?,
    })
}

pub(super) fn get(conn: &Connection, id: AttemptId) -> DbResult<Option<Attempt>> {
    const SQL: &str = "SELECT id, org, task, number, kind, candidate, agent, claim_id, state, phase, \
        lease_until, base, prior, merges, result, failure, created_at, ended_at FROM attempts \
        WHERE id = ?1";
    first(conn, SQL, [id.bytes()], read_attempt)
}

pub(super) fn by_claim(
    conn: &Connection,
    agent: AgentId,
    claim_id: &str,
) -> DbResult<Option<Attempt>> {
    const SQL: &str = "SELECT id, org, task, number, kind, candidate, agent, claim_id, state, phase, \
        lease_until, base, prior, merges, result, failure, created_at, ended_at FROM attempts \
        WHERE agent = ?1 AND claim_id = ?2";
    first(conn, SQL, params![agent.bytes(), claim_id], read_attempt)
}

pub(super) fn of_task(conn: &Connection, task: TaskId) -> DbResult<Vec<Attempt>> {
    const SQL: &str = "SELECT id, org, task, number, kind, candidate, agent, claim_id, state, phase, \
        lease_until, base, prior, merges, result, failure, created_at, ended_at FROM attempts \
        WHERE task = ?1 ORDER BY seq";
    all(conn, SQL, [task.bytes()], read_attempt)
}

pub(super) fn of_agent(conn: &Connection, agent: AgentId) -> DbResult<Vec<Attempt>> {
    const SQL: &str = "SELECT id, org, task, number, kind, candidate, agent, claim_id, state, phase, \
        lease_until, base, prior, merges, result, failure, created_at, ended_at FROM attempts \
        WHERE agent = ?1 AND state < 2 ORDER BY seq";
    all(conn, SQL, [agent.bytes()], read_attempt)
}

pub(super) fn expired(conn: &Connection, now: Timestamp, limit: u32) -> DbResult<Vec<AttemptId>> {
    const SQL: &str = "SELECT id FROM attempts WHERE state = 0 AND lease_until <= ?1 \
        ORDER BY lease_until, seq LIMIT ?2";
    all(conn, SQL, params![now.as_millis(), limit], |cols| cols.id())
}

pub(super) fn next_expiry(conn: &Connection) -> DbResult<Option<Timestamp>> {
    const SQL: &str = "SELECT lease_until FROM attempts WHERE state = 0 \
        ORDER BY lease_until LIMIT 1";
    first(conn, SQL, [], |cols| cols.time())
}

pub(super) fn live(conn: &Connection) -> DbResult<Vec<AttemptId>> {
    const SQL: &str = "SELECT id FROM attempts INDEXED BY attempts_leased WHERE state = 0";
    all(conn, SQL, [], |cols| cols.id())
}

pub(super) fn insert(conn: &Connection, attempt: &Attempt) -> DbResult<()> {
    const SQL: &str = "INSERT INTO attempts (id, state, phase, lease_until, base, prior, merges, \
        result, failure, ended_at, org, task, number, kind, candidate, agent, claim_id, \
        created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    change(
        conn,
        SQL,
        params![
            attempt.id.bytes(),
            attempt.state.code(),
            attempt.phase.code(),
            attempt.lease_until.as_millis(),
            opt_oid(attempt.base.as_ref()),
            opt_oid(attempt.prior.as_ref()),
            opt_oid(attempt.merges.as_ref()),
            opt_oid(attempt.commit.as_ref()),
            attempt.failure.map(Code::code),
            attempt.ended_at.map(Timestamp::as_millis),
            attempt.org.bytes(),
            attempt.task.bytes(),
            attempt.number,
            attempt.kind.code(),
            opt_id(attempt.candidate),
            attempt.agent.bytes(),
            attempt.claim_id,
            attempt.created_at.as_millis(),
        ],
    )?;
    Ok(())
}

/// Replaces what changes. What names an attempt (task, agent, claim, number, kind) never does.
pub(super) fn put(conn: &Connection, attempt: &Attempt) -> DbResult<()> {
    const SQL: &str = "UPDATE attempts SET state = ?2, phase = ?3, lease_until = ?4, base = ?5, \
        prior = ?6, merges = ?7, result = ?8, failure = ?9, ended_at = ?10 WHERE id = ?1";
    let changed = change(
        conn,
        SQL,
        params![
            attempt.id.bytes(),
            attempt.state.code(),
            attempt.phase.code(),
            attempt.lease_until.as_millis(),
            opt_oid(attempt.base.as_ref()),
            opt_oid(attempt.prior.as_ref()),
            opt_oid(attempt.merges.as_ref()),
            opt_oid(attempt.commit.as_ref()),
            attempt.failure.map(Code::code),
            attempt.ended_at.map(Timestamp::as_millis),
        ],
    )?;
    match changed {
        0 => Err(DbError::Missing("attempt")),
        _ => Ok(()),
    }
}

pub(super) fn extend_leases(conn: &Connection, until: Timestamp) -> DbResult<u64> {
    const SQL: &str = "UPDATE attempts SET lease_until = ?1 WHERE state = 0 AND lease_until <> ?1";
    Ok(change(conn, SQL, [until.as_millis()])? as u64)
}

const AGENT_BY_ID: &str = "SELECT id, org, name, labels, capacity, runtime, draining, created_at, \
    seen_at FROM agents WHERE id = ?1";
const AGENT_BY_NAME: &str = "SELECT id, org, name, labels, capacity, runtime, draining, \
    created_at, seen_at FROM agents WHERE org = ?1 AND name = ?2";
const AGENTS: &str = "SELECT id, org, name, labels, capacity, runtime, draining, created_at, \
    seen_at FROM agents WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
const AGENTS_OF_ORG: &str = "SELECT id, org, name, labels, capacity, runtime, draining, \
    created_at, seen_at FROM agents WHERE id < ?1 AND org = ?3 ORDER BY id DESC LIMIT ?2";

fn read_agent(cols: &mut Cols<'_>) -> DbResult<Agent> {
    Ok(Agent {
        id: cols.id()?,
        org: cols.id()?,
        name: cols.text()?,
        labels: cols.parsed()?,
        capacity: cols.int()?,
        runtime: cols.text()?,
        draining: cols.flag()?,
        created_at: cols.time()?,
        seen_at: cols.time()?,
    })
}

pub(super) fn agent(conn: &Connection, id: AgentId) -> DbResult<Option<Agent>> {
    first(conn, AGENT_BY_ID, [id.bytes()], read_agent)
}

pub(super) fn agent_by_name(conn: &Connection, org: OrgId, name: &str) -> DbResult<Option<Agent>> {
    first(conn, AGENT_BY_NAME, params![org.bytes(), name], read_agent)
}

pub(super) fn agents(conn: &Connection, org: Option<OrgId>, page: Page) -> DbResult<Vec<Agent>> {
    let after = below(page.after);
    match org {
        Some(org) => all(
            conn,
            AGENTS_OF_ORG,
            params![after, page.limit, org.bytes()],
            read_agent,
        ),
        None => all(conn, AGENTS, params![after, page.limit], read_agent),
    }
}

pub(super) fn put_agent(conn: &Connection, agent: &Agent) -> DbResult<()> {
    const SQL: &str = "INSERT INTO agents \
        (id, org, name, labels, capacity, runtime, draining, created_at, seen_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
        ON CONFLICT (id) DO UPDATE SET name = ?3, labels = ?4, capacity = ?5, runtime = ?6, \
        draining = ?7, seen_at = ?9";
    change(
        conn,
        SQL,
        params![
            agent.id.bytes(),
            agent.org.bytes(),
            agent.name,
            agent.labels.as_str(),
            agent.capacity,
            agent.runtime,
            agent.draining,
            agent.created_at.as_millis(),
            agent.seen_at.as_millis(),
        ],
    )?;
    Ok(())
}

pub(super) fn delete_agent(conn: &Connection, id: AgentId) -> DbResult<()> {
    change(conn, "DELETE FROM agents WHERE id = ?1", [id.bytes()])?;
    Ok(())
}

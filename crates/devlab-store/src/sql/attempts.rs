//! Attempts and agents.

use super::{Param, Sql, params};
use devlab_core::attempt::{Agent, Attempt};
use devlab_core::check::Sha256Hex;
use devlab_core::tx::Page;
use devlab_core::{AgentId, AttemptId, Oid, OrgId, TaskId, Timestamp};

use super::codec::{Code, Cols, opt_id, opt_text, opt_time};
use super::error::{DbError, DbResult};
use super::rows::{all, below, change, first};

pub(crate) fn read_attempt(cols: &mut Cols<'_>) -> DbResult<Attempt> {
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
        terms: cols.opt_parsed()?,
        lane: cols.parsed()?,
        created_at: cols.time()?,
        ended_at: cols.opt_time()?,
    })
}

pub(crate) fn get(conn: &dyn Sql, id: AttemptId) -> DbResult<Option<Attempt>> {
    const SQL: &str = "SELECT id, org, task, number, kind, candidate, agent, claim_id, state, phase, \
        lease_until, base, prior, merges, result, failure, terms, lane, created_at, \
        ended_at FROM attempts \
        WHERE id = ?1";
    first(conn, SQL, params![id], read_attempt)
}

pub(crate) fn by_claim(
    conn: &dyn Sql,
    agent: AgentId,
    claim_id: &str,
) -> DbResult<Option<Attempt>> {
    const SQL: &str = "SELECT id, org, task, number, kind, candidate, agent, claim_id, state, phase, \
        lease_until, base, prior, merges, result, failure, terms, lane, created_at, \
        ended_at FROM attempts \
        WHERE agent = ?1 AND claim_id = ?2";
    first(conn, SQL, params![agent, claim_id], read_attempt)
}

pub(crate) fn of_task(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<Attempt>> {
    const SQL: &str = "SELECT id, org, task, number, kind, candidate, agent, claim_id, state, phase, \
        lease_until, base, prior, merges, result, failure, terms, lane, created_at, \
        ended_at FROM attempts \
        WHERE task = ?1 ORDER BY seq";
    all(conn, SQL, params![task], read_attempt)
}

pub(crate) fn of_agent(conn: &dyn Sql, agent: AgentId) -> DbResult<Vec<Attempt>> {
    const SQL: &str = "SELECT id, org, task, number, kind, candidate, agent, claim_id, state, phase, \
        lease_until, base, prior, merges, result, failure, terms, lane, created_at, \
        ended_at FROM attempts \
        WHERE agent = ?1 AND state < 2 ORDER BY seq";
    all(conn, SQL, params![agent], read_attempt)
}

pub(crate) fn expired(conn: &dyn Sql, now: Timestamp, limit: u32) -> DbResult<Vec<AttemptId>> {
    const SQL: &str = "SELECT id FROM attempts WHERE state = 0 AND lease_until <= ?1 \
        ORDER BY lease_until, seq LIMIT ?2";
    all(conn, SQL, params![now.as_millis(), limit], |cols| cols.id())
}

pub(crate) fn next_expiry(conn: &dyn Sql) -> DbResult<Option<Timestamp>> {
    const SQL: &str = "SELECT lease_until FROM attempts WHERE state = 0 \
        ORDER BY lease_until LIMIT 1";
    first(conn, SQL, params![], |cols| cols.time())
}

pub(crate) fn live(conn: &dyn Sql) -> DbResult<Vec<AttemptId>> {
    const SQL: &str = "SELECT id FROM attempts WHERE state = 0 ORDER BY lease_until";
    all(conn, SQL, params![], |cols| cols.id())
}

/// Columns of [`new_row`] in their order; the first eleven are those of [`changing`].
pub(crate) const NEW_COLUMNS: [&str; 20] = [
    "id",
    "state",
    "phase",
    "lease_until",
    "base",
    "prior",
    "merges",
    "result",
    "failure",
    "lane",
    "ended_at",
    "org",
    "task",
    "number",
    "kind",
    "candidate",
    "agent",
    "claim_id",
    "terms",
    "created_at",
];

/// What finds an attempt, and what of it changes. What names it (task, agent, claim, number, kind)
/// never does.
pub(crate) fn changing(attempt: &Attempt) -> [Param<'_>; 11] {
    [
        Param::Id(attempt.id.bytes()),
        Param::Int(attempt.state.code()),
        Param::Int(attempt.phase.code()),
        Param::Int(attempt.lease_until.as_millis()),
        opt_text(attempt.base.as_ref().map(Oid::as_str)),
        opt_text(attempt.prior.as_ref().map(Oid::as_str)),
        opt_text(attempt.merges.as_ref().map(Oid::as_str)),
        opt_text(attempt.commit.as_ref().map(Oid::as_str)),
        attempt
            .failure
            .map_or(Param::Null, |failure| Param::Int(failure.code())),
        Param::Text(attempt.lane.as_str()),
        opt_time(attempt.ended_at),
    ]
}

/// A whole new attempt.
pub(crate) fn new_row(attempt: &Attempt) -> [Param<'_>; 20] {
    let [
        id,
        state,
        phase,
        lease_until,
        base,
        prior,
        merges,
        result,
        failure,
        lane,
        ended_at,
    ] = changing(attempt);
    [
        id,
        state,
        phase,
        lease_until,
        base,
        prior,
        merges,
        result,
        failure,
        lane,
        ended_at,
        Param::Id(attempt.org.bytes()),
        Param::Id(attempt.task.bytes()),
        Param::Int(attempt.number.into()),
        Param::Int(attempt.kind.code()),
        opt_id(attempt.candidate),
        Param::Id(attempt.agent.bytes()),
        Param::Text(&attempt.claim_id),
        opt_text(attempt.terms.as_ref().map(Sha256Hex::as_str)),
        Param::Int(attempt.created_at.as_millis()),
    ]
}

pub(crate) fn insert(conn: &dyn Sql, attempt: &Attempt) -> DbResult<()> {
    const SQL: &str = "INSERT INTO attempts (id, state, phase, lease_until, base, prior, merges, \
        result, failure, lane, ended_at, org, task, number, kind, candidate, agent, claim_id, \
        terms, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
        ?19, ?20)";
    change(conn, SQL, &new_row(attempt))?;
    Ok(())
}

/// Replaces what changes.
pub(crate) fn put(conn: &dyn Sql, attempt: &Attempt) -> DbResult<()> {
    const SQL: &str = "UPDATE attempts SET state = ?2, phase = ?3, lease_until = ?4, base = ?5, \
        prior = ?6, merges = ?7, result = ?8, failure = ?9, lane = ?10, \
        ended_at = ?11 WHERE id = ?1";
    match change(conn, SQL, &changing(attempt))? {
        0 => Err(DbError::Missing("attempt")),
        _ => Ok(()),
    }
}

pub(crate) fn extend_leases(conn: &dyn Sql, until: Timestamp) -> DbResult<u64> {
    const SQL: &str = "UPDATE attempts SET lease_until = ?1 WHERE state = 0 AND lease_until <> ?1";
    change(conn, SQL, params![until.as_millis()])
}

const AGENT_BY_ID: &str = "SELECT id, org, name, labels, capacity, runtime, draining, lane, \
    created_at, seen_at FROM agents WHERE id = ?1";
const AGENT_BY_NAME: &str = "SELECT id, org, name, labels, capacity, runtime, draining, lane, \
    created_at, seen_at FROM agents WHERE org = ?1 AND name = ?2";
const AGENTS: &str = "SELECT id, org, name, labels, capacity, runtime, draining, lane, \
    created_at, seen_at FROM agents WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
const AGENTS_OF_ORG: &str = "SELECT id, org, name, labels, capacity, runtime, draining, lane, \
    created_at, seen_at FROM agents WHERE id < ?1 AND org = ?3 ORDER BY id DESC LIMIT ?2";

pub(crate) fn read_agent(cols: &mut Cols<'_>) -> DbResult<Agent> {
    Ok(Agent {
        id: cols.id()?,
        org: cols.id()?,
        name: cols.text()?,
        labels: cols.parsed()?,
        capacity: cols.int()?,
        runtime: cols.text()?,
        draining: cols.flag()?,
        lane: cols.parsed()?,
        created_at: cols.time()?,
        seen_at: cols.time()?,
    })
}

pub(crate) fn agent(conn: &dyn Sql, id: AgentId) -> DbResult<Option<Agent>> {
    first(conn, AGENT_BY_ID, params![id], read_agent)
}

pub(crate) fn agent_by_name(conn: &dyn Sql, org: OrgId, name: &str) -> DbResult<Option<Agent>> {
    first(conn, AGENT_BY_NAME, params![org, name], read_agent)
}

pub(crate) fn agents(conn: &dyn Sql, org: Option<OrgId>, page: Page) -> DbResult<Vec<Agent>> {
    let after = below(page.after);
    match org {
        Some(org) => all(
            conn,
            AGENTS_OF_ORG,
            params![after, page.limit, org],
            read_agent,
        ),
        None => all(conn, AGENTS, params![after, page.limit], read_agent),
    }
}

/// Columns of [`agent_row`] in their order.
pub(crate) const AGENT_COLUMNS: [&str; 10] = [
    "id",
    "org",
    "name",
    "labels",
    "capacity",
    "runtime",
    "draining",
    "lane",
    "created_at",
    "seen_at",
];

/// A whole agent.
pub(crate) fn agent_row(agent: &Agent) -> [Param<'_>; 10] {
    [
        Param::Id(agent.id.bytes()),
        Param::Id(agent.org.bytes()),
        Param::Text(&agent.name),
        Param::Text(agent.labels.as_str()),
        Param::Int(agent.capacity.into()),
        Param::Text(&agent.runtime),
        Param::Flag(agent.draining),
        Param::Text(agent.lane.as_str()),
        Param::Int(agent.created_at.as_millis()),
        Param::Int(agent.seen_at.as_millis()),
    ]
}

pub(crate) fn put_agent(conn: &dyn Sql, agent: &Agent) -> DbResult<()> {
    const SQL: &str = "INSERT INTO agents \
        (id, org, name, labels, capacity, runtime, draining, lane, created_at, seen_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, labels = excluded.labels, \
        capacity = excluded.capacity, runtime = excluded.runtime, draining = excluded.draining, \
        lane = excluded.lane, seen_at = excluded.seen_at";
    change(conn, SQL, &agent_row(agent))?;
    Ok(())
}

pub(crate) fn delete_agent(conn: &dyn Sql, id: AgentId) -> DbResult<()> {
    change(conn, "DELETE FROM agents WHERE id = ?1", params![id])?;
    Ok(())
}

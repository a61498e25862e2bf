//! Tasks, their words, their edges and what failed on them.

use devlab_core::check::{CheckSet, Sha256Hex};
use devlab_core::limits::FEEDBACK_MAX;
use devlab_core::task::{Feedback, Task, TaskSpec};
use devlab_core::{TaskId, Timestamp};
use rusqlite::{Connection, params};

use super::codec::{
    Code, Cols, decode_state, decode_tries, int, json, opt_id, opt_oid, tries_code, waits_code,
};
use super::errors::{DbError, DbResult};
use super::rows::{all, change, first};

/// Columns of a task in the order of [`read_task`].
pub(super) const COLUMNS: &str = "seq, id, org, project, parent, goal, depth, kind, state, waits, \
    unmet, priority, path, requires, attempts, live, lost, tries, not_before, open_children, \
    started, head, prior, merges, published, review, accepted, side_effects, proof, check_set, \
    archived, created_at, updated_at";

pub(super) fn read_task(cols: &mut Cols<'_>) -> DbResult<Task> {
    Ok(Task {
        seq: cols.int()?,
        id: cols.id()?,
        org: cols.id()?,
        project: cols.opt_id()?,
        parent: cols.opt_id()?,
        goal: cols.id()?,
        depth: cols.int()?,
        kind: cols.code()?,
        state: decode_state(cols.int()?, cols.opt_int()?)?,
        unmet: cols.int()?,
        priority: cols.int()?,
        path: cols.int()?,
        requires: cols.parsed()?,
        attempts: cols.int()?,
        live: cols.opt_id()?,
        lost: cols.opt_id()?,
        tries: decode_tries(cols.int()?)?,
        not_before: cols.opt_time()?,
        open_children: cols.int()?,
        started: cols.flag()?,
        head: cols.opt_parsed()?,
        prior: cols.opt_parsed()?,
        merges: cols.opt_parsed()?,
        published: cols.opt_parsed()?,
        review: cols.flag()?,
        accepted: cols.opt_parsed()?,
        side_effects: cols.flag()?,
        proof: cols.code()?,
        check_set: cols.opt_parsed()?,
        archived: cols.flag()?,
        created_at: cols.time()?,
        updated_at: cols.time()?,
    })
}

pub(super) fn get(conn: &Connection, id: TaskId) -> DbResult<Option<Task>> {
    const SQL: &str = "SELECT seq, id, org, project, parent, goal, depth, kind, state, waits, \
        unmet, priority, path, requires, attempts, live, lost, tries, not_before, open_children, \
        started, head, prior, merges, published, review, accepted, side_effects, proof, check_set, \
        archived, created_at, updated_at FROM tasks WHERE id = ?1";
    first(conn, SQL, [id.bytes()], read_task)
}

pub(super) fn spec(conn: &Connection, id: TaskId) -> DbResult<Option<TaskSpec>> {
    const SQL: &str = "SELECT s.title, s.goal, s.driver, s.checks FROM tasks t \
        JOIN task_specs s ON s.seq = t.seq WHERE t.id = ?1";
    first(conn, SQL, [id.bytes()], |cols| {
        Ok(TaskSpec {
            title: cols.text()?,
            goal: cols.text()?,
            driver: cols.opt_json()?,
            checks: cols.opt_json()?.unwrap_or_default(),
        })
    })
}

pub(super) fn insert(conn: &Connection, task: &Task, spec: &TaskSpec) -> DbResult<u64> {
    const SQL: &str = "INSERT INTO tasks (id, org, project, parent, goal, depth, created_at, kind, \
        state, waits, unmet, priority, path, requires, attempts, live, lost, tries, not_before, \
        open_children, started, head, prior, merges, published, review, accepted, side_effects, \
        proof, check_set, archived, updated_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
        ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)";
    change(
        conn,
        SQL,
        params![
            task.id.bytes(),
            task.org.bytes(),
            opt_id(task.project),
            opt_id(task.parent),
            task.goal.bytes(),
            task.depth,
            task.created_at.as_millis(),
            task.kind.code(),
            task.state.name().code(),
            waits_code(task.state),
            task.unmet,
            task.priority,
            task.path,
            task.requires.as_str(),
            task.attempts,
            opt_id(task.live),
            opt_id(task.lost),
            tries_code(task.tries),
            task.not_before.map(Timestamp::as_millis),
            task.open_children,
            task.started,
            opt_oid(task.head.as_ref()),
            opt_oid(task.prior.as_ref()),
            opt_oid(task.merges.as_ref()),
            opt_oid(task.published.as_ref()),
            task.review,
            opt_oid(task.accepted.as_ref()),
            task.side_effects,
            task.proof.code(),
            task.check_set.as_ref().map(Sha256Hex::as_str),
            task.archived,
            task.updated_at.as_millis(),
        ],
    )?;
    let seq = conn.last_insert_rowid();
    const SPEC: &str = "INSERT INTO task_specs (seq, title, goal, driver, checks) \
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let (driver, checks) = spec_columns(spec)?;
    change(
        conn,
        SPEC,
        params![seq, spec.title, spec.goal, driver, checks],
    )?;
    u64::try_from(seq).map_err(|_| DbError::Damaged("tasks.seq".into()))
}

fn spec_columns(spec: &TaskSpec) -> DbResult<(Option<String>, Option<String>)> {
    let driver = spec.driver.as_ref().map(json).transpose()?;
    let checks = (!spec.checks.is_empty())
        .then(|| json(&spec.checks))
        .transpose()?;
    Ok((driver, checks))
}

/// Replaces what changes. What a task is born with (org, project, parent, goal, depth, time) stays,
/// so that an update does not touch the indexes on it.
pub(super) fn put(conn: &Connection, task: &Task) -> DbResult<()> {
    // The seq finds the row without the index on ids; the id guards against a seq that was not set.
    const SQL: &str = "UPDATE tasks SET kind = ?3, state = ?4, waits = ?5, unmet = ?6, \
        priority = ?7, path = ?8, requires = ?9, attempts = ?10, live = ?11, lost = ?12, \
        tries = ?13, not_before = ?14, open_children = ?15, started = ?16, head = ?17, \
        prior = ?18, merges = ?19, published = ?20, review = ?21, accepted = ?22, \
        side_effects = ?23, proof = ?24, check_set = ?25, archived = ?26, updated_at = ?27 \
        WHERE seq = ?1 AND id = ?2";
    let changed = change(
        conn,
        SQL,
        params![
            int(task.seq),
            task.id.bytes(),
            task.kind.code(),
            task.state.name().code(),
            waits_code(task.state),
            task.unmet,
            task.priority,
            task.path,
            task.requires.as_str(),
            task.attempts,
            opt_id(task.live),
            opt_id(task.lost),
            tries_code(task.tries),
            task.not_before.map(Timestamp::as_millis),
            task.open_children,
            task.started,
            opt_oid(task.head.as_ref()),
            opt_oid(task.prior.as_ref()),
            opt_oid(task.merges.as_ref()),
            opt_oid(task.published.as_ref()),
            task.review,
            opt_oid(task.accepted.as_ref()),
            task.side_effects,
            task.proof.code(),
            task.check_set.as_ref().map(Sha256Hex::as_str),
            task.archived,
            task.updated_at.as_millis(),
        ],
    )?;
    if changed == 1 {
        return Ok(());
    }
    match seq_of(conn, task.id)? {
        Some(seq) if seq != task.seq => put(
            conn,
            &Task {
                seq,
                ..task.clone()
            },
        ),
        Some(_) | None => Err(DbError::Missing("task")),
    }
}

fn seq_of(conn: &Connection, id: TaskId) -> DbResult<Option<u64>> {
    first(
        conn,
        "SELECT seq FROM tasks WHERE id = ?1",
        [id.bytes()],
        |cols| cols.int(),
    )
}

pub(super) fn put_spec(conn: &Connection, id: TaskId, spec: &TaskSpec) -> DbResult<()> {
    const SQL: &str = "UPDATE task_specs SET title = ?2, goal = ?3, driver = ?4, checks = ?5 \
        WHERE seq = (SELECT seq FROM tasks WHERE id = ?1)";
    let (driver, checks) = spec_columns(spec)?;
    match change(
        conn,
        SQL,
        params![id.bytes(), spec.title, spec.goal, driver, checks],
    )? {
        0 => Err(DbError::Missing("task")),
        _ => Ok(()),
    }
}

fn ids(conn: &Connection, sql: &str, of: TaskId) -> DbResult<Vec<TaskId>> {
    all(conn, sql, [of.bytes()], |cols| cols.id())
}

pub(super) fn children(conn: &Connection, parent: TaskId) -> DbResult<Vec<TaskId>> {
    ids(
        conn,
        "SELECT id FROM tasks WHERE parent = ?1 ORDER BY seq",
        parent,
    )
}

pub(super) fn dependencies(conn: &Connection, task: TaskId) -> DbResult<Vec<TaskId>> {
    const SQL: &str = "SELECT dependency FROM edges WHERE dependent = ?1 ORDER BY dependency";
    ids(conn, SQL, task)
}

pub(super) fn dependents(conn: &Connection, task: TaskId) -> DbResult<Vec<TaskId>> {
    const SQL: &str = "SELECT dependent FROM edges WHERE dependency = ?1 ORDER BY dependent";
    ids(conn, SQL, task)
}

pub(super) fn insert_edge(conn: &Connection, from: TaskId, to: TaskId) -> DbResult<bool> {
    const SQL: &str = "INSERT INTO edges (dependency, dependent) VALUES (?1, ?2) \
        ON CONFLICT DO NOTHING";
    Ok(change(conn, SQL, [from.bytes(), to.bytes()])? == 1)
}

pub(super) fn startable(conn: &Connection, limit: u32) -> DbResult<Vec<TaskId>> {
    // The two conditions are those of the index tasks_startable.
    const SQL: &str = "SELECT id FROM tasks WHERE kind = 1 AND state = 2 ORDER BY seq LIMIT ?1";
    all(conn, SQL, [limit], |cols| cols.id())
}

pub(super) fn feedback(conn: &Connection, task: TaskId) -> DbResult<Vec<Feedback>> {
    const SQL: &str = "SELECT body FROM feedback WHERE task = ?1 ORDER BY seq DESC LIMIT ?2";
    let limit = int(FEEDBACK_MAX as u64);
    let mut newest = all(conn, SQL, params![task.bytes(), limit], |cols| cols.json())?;
    newest.reverse();
    Ok(newest)
}

pub(super) fn add_feedback(conn: &Connection, task: TaskId, feedback: &Feedback) -> DbResult<()> {
    const SQL: &str = "INSERT INTO feedback (task, body) VALUES (?1, ?2)";
    change(conn, SQL, params![task.bytes(), json(feedback)?])?;
    Ok(())
}

pub(super) fn check_set(conn: &Connection, hash: &Sha256Hex) -> DbResult<Option<CheckSet>> {
    const SQL: &str = "SELECT body FROM check_sets WHERE hash = ?1";
    first(conn, SQL, [hash.as_str()], |cols| cols.json())
}

pub(super) fn put_check_set(conn: &Connection, set: &CheckSet) -> DbResult<()> {
    const SQL: &str = "INSERT INTO check_sets (hash, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    change(conn, SQL, params![set.hash().as_str(), json(set)?])?;
    Ok(())
}

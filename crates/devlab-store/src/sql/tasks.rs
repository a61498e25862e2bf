//! Tasks, their words, their edges and what failed on them.

use super::{Number, Param, Sql, params};
use devlab_core::check::{CheckSet, Sha256Hex};
use devlab_core::limits::FEEDBACK_MAX;
use devlab_core::task::{Feedback, Made, Task, TaskSpec};
use devlab_core::tx::{Beside, Edge, Touching};
use devlab_core::{Oid, ServerId, TaskId};

use super::codec::{
    Code, Cols, choice_code, chosen, decode_choice, decode_state, decode_tries, int, json, opt_id,
    opt_text, opt_time, tries_code, waits_code,
};
use super::error::{DbError, DbResult};
use super::rows::{all, change, first};

/// Columns of a task in the order of [`read_task`].
pub(crate) const COLUMNS: &str = "seq, id, org, project, parent, goal, depth, kind, state, waits, \
    unmet, priority, path, requires, attempts, live, lost, tries, not_before, open_children, \
    started, head, prior, merges, published, review, asked, accepted, side_effects, proof, \
    check_set, terms, lane, told, choice, chosen, held_by, holds, archived, created_at, updated_at";

pub(crate) fn read_task(cols: &mut Cols<'_>) -> DbResult<Task> {
    let asked;
    let mut task = Task {
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
        asked: {
            asked = cols.opt_int()?;
            None
        },
        accepted: cols.opt_parsed()?,
        side_effects: cols.flag()?,
        proof: cols.code()?,
        check_set: cols.opt_parsed()?,
        terms: cols.opt_parsed()?,
        lane: cols.parsed()?,
        told: cols.flag()?,
        choice: decode_choice(cols.opt_int()?, cols.opt_id()?)?,
        held_by: cols.opt_id()?,
        holds: cols.flag()?,
        archived: cols.flag()?,
        created_at: cols.time()?,
        updated_at: cols.time()?,
    };
    task.asked = decode_asked(asked, task.review)?;
    Ok(task)
}

/// What was asked about a review, as its column has it.
fn asked_code(asked: Option<bool>) -> i64 {
    match asked {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    }
}

/// The reverse of [`asked_code`]. Of a task from before this was kept, what it has is what was asked.
fn decode_asked(code: Option<i64>, review: bool) -> DbResult<Option<bool>> {
    match code {
        None => Ok(Some(review)),
        Some(0) => Ok(None),
        Some(1) => Ok(Some(false)),
        Some(2) => Ok(Some(true)),
        Some(_) => Err(DbError::Damaged("tasks.asked".into())),
    }
}

pub(crate) fn get(conn: &dyn Sql, id: TaskId) -> DbResult<Option<Task>> {
    const SQL: &str = "SELECT seq, id, org, project, parent, goal, depth, kind, state, waits, \
        unmet, priority, path, requires, attempts, live, lost, tries, not_before, open_children, \
        started, head, prior, merges, published, review, asked, accepted, side_effects, proof, \
        check_set, terms, lane, told, choice, chosen, held_by, holds, archived, created_at, updated_at FROM tasks WHERE id = ?1";
    first(conn, SQL, params![id], read_task)
}

pub(crate) fn spec(conn: &dyn Sql, id: TaskId) -> DbResult<Option<TaskSpec>> {
    const SQL: &str = "SELECT s.title, s.goal, s.driver, s.checks, s.artifacts, s.paths FROM tasks t \
        JOIN task_specs s ON s.seq = t.seq WHERE t.id = ?1";
    first(conn, SQL, params![id], read_spec)
}

pub(crate) fn read_spec(cols: &mut Cols<'_>) -> DbResult<TaskSpec> {
    Ok(TaskSpec {
        title: cols.text()?,
        goal: cols.text()?,
        driver: cols.opt_json()?,
        checks: cols.opt_json()?.unwrap_or_default(),
        artifacts: cols.opt_json()?.unwrap_or_default(),
        paths: cols.opt_json()?.unwrap_or_default(),
    })
}

/// What a task is born with; [`new_row`] begins with these, and goes on as [`changing`] does.
pub(crate) const BIRTH_COLUMNS: [&str; 8] = [
    "seq",
    "id",
    "org",
    "project",
    "parent",
    "goal",
    "depth",
    "created_at",
];

/// A whole new task.
pub(crate) fn new_row(task: &Task, seq: Option<u64>) -> Vec<Param<'_>> {
    let mut row = vec![
        seq.map_or(Param::Null, |seq| Param::Int(int(seq))),
        Param::Id(task.id.bytes()),
        Param::Id(task.org.bytes()),
        opt_id(task.project),
        opt_id(task.parent),
        Param::Id(task.goal.bytes()),
        Param::Int(task.depth.into()),
        Param::Int(task.created_at.as_millis()),
    ];
    row.extend(changing(task));
    row
}

/// Columns of [`changing`] in their order.
pub(crate) const CHANGING_COLUMNS: [&str; 33] = [
    "kind",
    "state",
    "waits",
    "unmet",
    "priority",
    "path",
    "requires",
    "attempts",
    "live",
    "lost",
    "tries",
    "not_before",
    "open_children",
    "started",
    "head",
    "prior",
    "merges",
    "published",
    "review",
    "asked",
    "accepted",
    "side_effects",
    "proof",
    "check_set",
    "terms",
    "lane",
    "told",
    "choice",
    "chosen",
    "held_by",
    "holds",
    "archived",
    "updated_at",
];

/// What of a task changes. What it is born with (org, project, parent, goal, depth, time) stays, so
/// that an update does not touch the indexes on it.
pub(crate) fn changing(task: &Task) -> [Param<'_>; 33] {
    [
        Param::Int(task.kind.code()),
        Param::Int(task.state.name().code()),
        waits_code(task.state).map_or(Param::Null, Param::Int),
        Param::Int(task.unmet.into()),
        Param::Int(task.priority.into()),
        Param::Int(task.path.into()),
        Param::Text(task.requires.as_str()),
        Param::Int(task.attempts.into()),
        opt_id(task.live),
        opt_id(task.lost),
        Param::Int(tries_code(task.tries)),
        opt_time(task.not_before),
        Param::Int(task.open_children.into()),
        Param::Flag(task.started),
        opt_text(task.head.as_ref().map(Oid::as_str)),
        opt_text(task.prior.as_ref().map(Oid::as_str)),
        opt_text(task.merges.as_ref().map(Oid::as_str)),
        opt_text(task.published.as_ref().map(Oid::as_str)),
        Param::Flag(task.review),
        Param::Int(asked_code(task.asked)),
        opt_text(task.accepted.as_ref().map(Oid::as_str)),
        Param::Flag(task.side_effects),
        Param::Int(task.proof.code()),
        opt_text(task.check_set.as_ref().map(Sha256Hex::as_str)),
        opt_text(task.terms.as_ref().map(Sha256Hex::as_str)),
        Param::Text(task.lane.as_str()),
        Param::Flag(task.told),
        choice_code(task.choice).map_or(Param::Null, Param::Int),
        opt_id(chosen(task.choice)),
        opt_id(task.held_by),
        Param::Flag(task.holds),
        Param::Flag(task.archived),
        Param::Int(task.updated_at.as_millis()),
    ]
}

pub(crate) fn insert(conn: &dyn Sql, task: &Task, spec: &TaskSpec, made: &Made) -> DbResult<u64> {
    const SQL: &str = "INSERT INTO tasks (seq, id, org, project, parent, goal, depth, created_at, \
        kind, state, waits, unmet, priority, path, requires, attempts, live, lost, tries, \
        not_before, open_children, started, head, prior, merges, published, review, asked, accepted, \
        side_effects, proof, check_set, terms, lane, told, choice, chosen, held_by, \
        holds, archived, updated_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
        ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, \
        ?37, ?38, ?39, ?40, ?41) RETURNING seq";
    const SPEC: &str = "INSERT INTO task_specs (seq, title, goal, driver, checks, artifacts, paths, \
        made) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let row = new_row(task, conn.next_number(Number::Task));
    let seq: Option<u64> = first(conn, SQL, &row, |cols| cols.int())?;
    let seq = seq.ok_or_else(|| DbError::Damaged("tasks.seq".into()))?;
    let [driver, checks, artifacts, paths] = spec_columns(spec)?;
    change(
        conn,
        SPEC,
        params![
            int(seq),
            spec.title,
            spec.goal,
            driver,
            checks,
            artifacts,
            paths,
            json(made)?
        ],
    )?;
    Ok(seq)
}

/// Driver, checks, artifacts and paths, as their columns have them.
pub(crate) fn spec_columns(spec: &TaskSpec) -> DbResult<[Option<String>; 4]> {
    let list = |texts: &Vec<String>| (!texts.is_empty()).then(|| json(texts)).transpose();
    let driver = spec.driver.as_ref().map(json).transpose()?;
    let checks = (!spec.checks.is_empty())
        .then(|| json(&spec.checks))
        .transpose()?;
    Ok([driver, checks, list(&spec.artifacts)?, list(&spec.paths)?])
}

/// Replaces what changes.
pub(crate) fn put(conn: &dyn Sql, task: &Task) -> DbResult<()> {
    // The seq finds the row without the index on ids; the id guards against a seq that was not set.
    const SQL: &str = "UPDATE tasks SET kind = ?1, state = ?2, waits = ?3, unmet = ?4, \
        priority = ?5, path = ?6, requires = ?7, attempts = ?8, live = ?9, lost = ?10, \
        tries = ?11, not_before = ?12, open_children = ?13, started = ?14, head = ?15, \
        prior = ?16, merges = ?17, published = ?18, review = ?19, asked = ?20, accepted = ?21, \
        side_effects = ?22, proof = ?23, check_set = ?24, terms = ?25, lane = ?26, told = ?27, \
        choice = ?28, chosen = ?29, held_by = ?30, holds = ?31, archived = ?32, updated_at = ?33 \
        WHERE seq = ?34 AND id = ?35";
    let mut row = changing(task).to_vec();
    row.extend([Param::Int(int(task.seq)), Param::Id(task.id.bytes())]);
    if change(conn, SQL, &row)? == 1 {
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

fn seq_of(conn: &dyn Sql, id: TaskId) -> DbResult<Option<u64>> {
    first(
        conn,
        "SELECT seq FROM tasks WHERE id = ?1",
        params![id],
        |cols| cols.int(),
    )
}

pub(crate) fn put_spec(conn: &dyn Sql, id: TaskId, spec: &TaskSpec) -> DbResult<()> {
    const SQL: &str = "UPDATE task_specs SET title = ?2, goal = ?3, driver = ?4, checks = ?5, \
        artifacts = ?6, paths = ?7 WHERE seq = (SELECT seq FROM tasks WHERE id = ?1)";
    let [driver, checks, artifacts, paths] = spec_columns(spec)?;
    match change(
        conn,
        SQL,
        params![id, spec.title, spec.goal, driver, checks, artifacts, paths],
    )? {
        0 => Err(DbError::Missing("task")),
        _ => Ok(()),
    }
}

/// Who a task was made for, if that is known.
pub(crate) fn made(conn: &dyn Sql, id: TaskId) -> DbResult<Option<Made>> {
    const SQL: &str = "SELECT s.made FROM tasks t JOIN task_specs s ON s.seq = t.seq \
        WHERE t.id = ?1";
    let found = first(conn, SQL, params![id], |cols| cols.opt_json())?;
    Ok(found.flatten())
}

pub(crate) fn touched(conn: &dyn Sql, id: TaskId) -> DbResult<Vec<String>> {
    const SQL: &str = "SELECT s.touched FROM tasks t JOIN task_specs s ON s.seq = t.seq \
        WHERE t.id = ?1";
    let found = first(conn, SQL, params![id], |cols| cols.opt_json())?;
    Ok(found.flatten().unwrap_or_default())
}

pub(crate) fn put_touched(conn: &dyn Sql, id: TaskId, paths: &[String]) -> DbResult<()> {
    const SQL: &str = "UPDATE task_specs SET touched = ?2 \
        WHERE seq = (SELECT seq FROM tasks WHERE id = ?1)";
    let text = (!paths.is_empty()).then(|| json(&paths)).transpose()?;
    match change(conn, SQL, params![id, text])? {
        0 => Err(DbError::Missing("task")),
        _ => Ok(()),
    }
}

pub(crate) fn touching(conn: &dyn Sql, beside: Beside, limit: u32) -> DbResult<Vec<Touching>> {
    let (of, id) = match beside {
        Beside::ChildrenOf(id) => ("t.parent = ?1", Param::Id(id.bytes())),
        // Says what the index goals_open needs to be told, in its own words.
        Beside::GoalsOf(id) => ("t.project = ?1 AND t.parent IS NULL", Param::Id(id.bytes())),
        Beside::BelowGoal(id) => (
            "t.goal = ?1 AND t.parent IS NOT NULL",
            Param::Id(id.bytes()),
        ),
    };
    let columns: Vec<String> = COLUMNS
        .split(", ")
        .map(|name| format!("t.{name}"))
        .collect();
    let sql = format!(
        "SELECT {}, s.title, s.paths, s.touched FROM tasks t JOIN task_specs s ON s.seq = t.seq \
         WHERE {of} AND t.state BETWEEN 2 AND 5 \
         AND (s.paths IS NOT NULL OR s.touched IS NOT NULL) \
         ORDER BY CASE WHEN t.state IN (3, 4) THEN 0 WHEN t.held_by IS NULL THEN 2 ELSE 1 END, \
         t.id DESC LIMIT ?2",
        columns.join(", ")
    );
    all(conn, &sql, &[id, Param::Int(limit.into())], |cols| {
        Ok(Touching {
            task: read_task(cols)?,
            title: cols.text()?,
            declared: cols.opt_json()?.unwrap_or_default(),
            observed: cols.opt_json()?.unwrap_or_default(),
        })
    })
}

pub(crate) fn held_behind(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<TaskId>> {
    ids(
        conn,
        "SELECT id FROM tasks WHERE held_by = ?1 ORDER BY seq",
        task,
    )
}

fn ids(conn: &dyn Sql, sql: &str, of: TaskId) -> DbResult<Vec<TaskId>> {
    all(conn, sql, params![of], |cols| cols.id())
}

pub(crate) fn children(conn: &dyn Sql, parent: TaskId) -> DbResult<Vec<TaskId>> {
    ids(
        conn,
        "SELECT id FROM tasks WHERE parent = ?1 ORDER BY seq",
        parent,
    )
}

pub(crate) fn dependencies(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<TaskId>> {
    const SQL: &str = "SELECT dependency FROM edges WHERE dependent = ?1 ORDER BY dependency";
    ids(conn, SQL, task)
}

pub(crate) fn dependents(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<TaskId>> {
    const SQL: &str = "SELECT dependent FROM edges WHERE dependency = ?1 ORDER BY dependent";
    ids(conn, SQL, task)
}

/// Nothing comes before it: no id is all zeros.
const FIRST: [u8; 16] = [0; 16];

pub(crate) fn edges_below(
    conn: &dyn Sql,
    composite: TaskId,
    after: Option<Edge>,
    limit: u32,
) -> DbResult<Vec<Edge>> {
    const SQL: &str = "WITH RECURSIVE below (id) AS (SELECT id FROM tasks WHERE parent = ?1 \
        UNION ALL SELECT t.id FROM below b JOIN tasks t ON t.parent = b.id) \
        SELECT dependent, dependency FROM edges WHERE dependent IN (SELECT id FROM below) \
        AND (dependent, dependency) > (?2, ?3) ORDER BY dependent, dependency LIMIT ?4";
    let [dependent, dependency] = match after {
        Some(edge) => [edge.dependent.bytes(), edge.dependency.bytes()],
        None => [FIRST, FIRST],
    };
    let read = |cols: &mut Cols<'_>| {
        Ok(Edge {
            dependent: cols.id()?,
            dependency: cols.id()?,
        })
    };
    all(
        conn,
        SQL,
        params![composite, dependent, dependency, limit],
        read,
    )
}

pub(crate) fn insert_edge(conn: &dyn Sql, from: TaskId, to: TaskId) -> DbResult<bool> {
    const SQL: &str = "INSERT INTO edges (dependency, dependent) VALUES (?1, ?2) \
        ON CONFLICT DO NOTHING";
    Ok(change(conn, SQL, params![from, to])? == 1)
}

pub(crate) fn delete_edge(conn: &dyn Sql, from: TaskId, to: TaskId) -> DbResult<bool> {
    const SQL: &str = "DELETE FROM edges WHERE dependent = ?2 AND dependency = ?1";
    Ok(change(conn, SQL, params![from, to])? == 1)
}

pub(crate) fn startable(
    conn: &dyn Sql,
    home: Option<ServerId>,
    limit: u32,
) -> DbResult<Vec<TaskId>> {
    // The first two conditions are those of the index tasks_startable.
    const AT: &str = "SELECT tasks.id FROM tasks JOIN projects ON projects.id = tasks.project \
        WHERE kind = 1 AND state = 2 AND home = ?2 AND moving_to IS NULL ORDER BY seq LIMIT ?1";
    const NOWHERE: &str = "SELECT id FROM tasks WHERE kind = 1 AND state = 2 \
        AND project IS NULL ORDER BY seq LIMIT ?1";
    match home {
        Some(home) => all(conn, AT, params![limit, home], |cols| cols.id()),
        None => all(conn, NOWHERE, params![limit], |cols| cols.id()),
    }
}

pub(crate) fn feedback(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<Feedback>> {
    const SQL: &str = "SELECT body FROM feedback WHERE task = ?1 ORDER BY seq DESC LIMIT ?2";
    let limit = int(FEEDBACK_MAX as u64);
    let mut newest = all(conn, SQL, params![task, limit], |cols| cols.json())?;
    newest.reverse();
    Ok(newest)
}

pub(crate) fn add_feedback(conn: &dyn Sql, task: TaskId, feedback: &Feedback) -> DbResult<()> {
    const SQL: &str = "INSERT INTO feedback (task, body) VALUES (?1, ?2)";
    change(conn, SQL, params![task, json(feedback)?])?;
    Ok(())
}

pub(crate) fn check_set(conn: &dyn Sql, hash: &Sha256Hex) -> DbResult<Option<CheckSet>> {
    const SQL: &str = "SELECT body FROM check_sets WHERE hash = ?1";
    first(conn, SQL, params![hash.as_str()], |cols| cols.json())
}

pub(crate) fn put_check_set(conn: &dyn Sql, set: &CheckSet) -> DbResult<()> {
    const SQL: &str = "INSERT INTO check_sets (hash, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    change(conn, SQL, params![set.hash().as_str(), json(set)?])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_comes_back_and_of_an_older_task_it_is_what_it_has() {
        for asked in [None, Some(false), Some(true)] {
            let back = decode_asked(Some(asked_code(asked)), true);
            assert_eq!(back.unwrap(), asked);
        }
        for review in [false, true] {
            assert_eq!(decode_asked(None, review).unwrap(), Some(review));
        }
        assert!(decode_asked(Some(3), true).is_err());
    }
}

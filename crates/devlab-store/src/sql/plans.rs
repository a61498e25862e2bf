//! Revisions of plans.

use std::collections::BTreeMap;

use devlab_core::TaskId;
use devlab_core::plan::{Plan, Revision};

use super::codec::{Code, Cols, json};
use super::error::{DbError, DbResult};
use super::rows::{all, change, first};
use super::{Param, Sql, params};

fn read_revision(cols: &mut Cols<'_>) -> DbResult<Revision> {
    Ok(Revision {
        task: cols.id()?,
        number: cols.int()?,
        org: cols.id()?,
        parent: match cols.opt_int()? {
            None => None,
            Some(number) => {
                Some(u32::try_from(number).map_err(|_| DbError::Damaged("plans.parent".into()))?)
            }
        },
        state: cols.code()?,
        origin: cols.json()?,
        tasks: cols.int()?,
        proposed_by: cols.text()?,
        proposed_at: cols.time()?,
        decision: cols.opt_json()?,
    })
}

pub(crate) fn revisions(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<Revision>> {
    const SQL: &str = "SELECT task, number, org, parent, state, origin, tasks, proposed_by, \
        proposed_at, decision FROM plans WHERE task = ?1 ORDER BY number";
    all(conn, SQL, params![task], read_revision)
}

pub(crate) fn get(conn: &dyn Sql, task: TaskId, number: u32) -> DbResult<Option<Plan>> {
    const SQL: &str = "SELECT plan FROM plans WHERE task = ?1 AND number = ?2";
    first(conn, SQL, params![task, number], |cols| cols.json())
}

pub(crate) fn tasks(
    conn: &dyn Sql,
    task: TaskId,
    number: u32,
) -> DbResult<BTreeMap<String, TaskId>> {
    const SQL: &str = "SELECT made FROM plans WHERE task = ?1 AND number = ?2";
    let made = first(conn, SQL, params![task, number], |cols| cols.opt_json())?;
    Ok(made.flatten().unwrap_or_default())
}

pub(crate) fn insert(conn: &dyn Sql, revision: &Revision, plan: &Plan) -> DbResult<()> {
    const SQL: &str = "INSERT INTO plans (task, number, org, parent, state, origin, tasks, \
        proposed_by, proposed_at, decision, plan) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let decision = revision.decision.as_ref().map(json).transpose()?;
    change(
        conn,
        SQL,
        params![
            revision.task,
            revision.number,
            revision.org,
            revision.parent.map(i64::from),
            revision.state.code(),
            json(&revision.origin)?,
            revision.tasks,
            revision.proposed_by,
            revision.proposed_at.as_millis(),
            decision,
            json(plan)?,
        ],
    )?;
    Ok(())
}

fn put_one(conn: &dyn Sql, sql: &str, row: &[Param<'_>]) -> DbResult<()> {
    match change(conn, sql, row)? {
        0 => Err(DbError::Missing("plan")),
        _ => Ok(()),
    }
}

pub(crate) fn put(conn: &dyn Sql, revision: &Revision) -> DbResult<()> {
    const SQL: &str = "UPDATE plans SET state = ?3, decision = ?4 WHERE task = ?1 AND number = ?2";
    let decision = revision.decision.as_ref().map(json).transpose()?;
    put_one(
        conn,
        SQL,
        params![
            revision.task,
            revision.number,
            revision.state.code(),
            decision
        ],
    )
}

pub(crate) fn put_tasks(
    conn: &dyn Sql,
    task: TaskId,
    number: u32,
    tasks: &BTreeMap<String, TaskId>,
) -> DbResult<()> {
    const SQL: &str = "UPDATE plans SET made = ?3 WHERE task = ?1 AND number = ?2";
    put_one(conn, SQL, params![task, number, json(tasks)?])
}

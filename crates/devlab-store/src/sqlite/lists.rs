//! Lists and counts of tasks.

use devlab_core::OrgId;
use devlab_core::state::StateName;
use devlab_core::task::Task;
use devlab_core::tx::{Page, TaskFilter};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::codec::Code;
use super::errors::DbResult;
use super::rows::{all, below, first};
use super::tasks::{COLUMNS, read_task};

/// A page of tasks. With states, each state is read in its own order and the pages are merged: one
/// index serves each of them, and none of them reads more than a page.
pub(super) fn tasks(conn: &Connection, filter: &TaskFilter, page: Page) -> DbResult<Vec<Task>> {
    if filter.states.is_empty() {
        return in_state(conn, filter, None, page);
    }
    let mut states = filter.states.clone();
    states.sort_unstable();
    states.dedup();
    let mut found = Vec::new();
    for state in states {
        found.extend(in_state(conn, filter, Some(state), page)?);
    }
    found.sort_unstable_by_key(|task| std::cmp::Reverse(task.id));
    found.truncate(page.limit as usize);
    Ok(found)
}

fn in_state(
    conn: &Connection,
    filter: &TaskFilter,
    state: Option<StateName>,
    page: Page,
) -> DbResult<Vec<Task>> {
    let (sql, values) = statement(filter, state, page);
    all(conn, &sql, params_from_iter(values), read_task)
}

fn statement(filter: &TaskFilter, state: Option<StateName>, page: Page) -> (String, Vec<Value>) {
    let mut sql = format!("SELECT {COLUMNS} FROM tasks WHERE id < ?");
    let mut values = vec![Value::Blob(below(page.after))];
    let blob = |bytes: [u8; 16]| Value::Blob(bytes.to_vec());
    if let Some(org) = filter.org {
        sql.push_str(" AND org = ?");
        values.push(blob(org.bytes()));
    }
    if let Some(project) = filter.project {
        sql.push_str(" AND project = ?");
        values.push(blob(project.bytes()));
    }
    if let Some(parent) = filter.parent {
        sql.push_str(" AND parent = ?");
        values.push(blob(parent.bytes()));
    }
    if let Some(goal) = filter.goal {
        sql.push_str(
            " AND id IN (SELECT id FROM tasks WHERE goal = ? AND parent IS NOT NULL \
             UNION ALL SELECT ?)",
        );
        values.push(blob(goal.bytes()));
        values.push(blob(goal.bytes()));
    }
    if filter.goals_only {
        sql.push_str(" AND parent IS NULL");
    }
    if let Some(state) = state {
        sql.push_str(" AND state = ?");
        values.push(Value::Integer(state.code()));
        if state != StateName::Done && !filter.archived {
            // Says what the index tasks_open needs to be told, in its own words.
            sql.push_str(" AND state <> 6");
        }
    }
    if !filter.archived {
        sql.push_str(" AND archived = 0");
    }
    if let Some(text) = &filter.text {
        sql.push_str(
            " AND EXISTS (SELECT 1 FROM task_specs s WHERE s.seq = tasks.seq \
             AND instr(lower(s.title), lower(?)) > 0)",
        );
        values.push(Value::Text(text.clone()));
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    values.push(Value::Integer(i64::from(page.limit)));
    (sql, values)
}

/// Counts by state. Done tasks are counted as they become done; the others are counted here.
pub(super) fn counts(conn: &Connection, org: Option<OrgId>) -> DbResult<Vec<(StateName, u64)>> {
    let mut counts = Vec::new();
    for state in StateName::ALL {
        let n = match (state, org) {
            (StateName::Done, Some(org)) => first(
                conn,
                "SELECT tasks FROM done_counts WHERE org = ?1",
                [org.bytes()],
                |cols| cols.int(),
            )?,
            (StateName::Done, None) => first(
                conn,
                "SELECT coalesce(sum(tasks), 0) FROM done_counts",
                [],
                |cols| cols.int(),
            )?,
            (_, Some(org)) => first(
                conn,
                "SELECT count(*) FROM tasks \
                 WHERE org = ?1 AND state = ?2 AND state <> 6 AND archived = 0",
                rusqlite::params![org.bytes(), state.code()],
                |cols| cols.int(),
            )?,
            (_, None) => first(
                conn,
                "SELECT count(*) FROM tasks INDEXED BY tasks_open \
                 WHERE state = ?1 AND state <> 6 AND archived = 0",
                [state.code()],
                |cols| cols.int(),
            )?,
        };
        let n = n.unwrap_or(0_u64);
        if n > 0 {
            counts.push((state, n));
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::rows::plan;

    fn plan_of(filter: &TaskFilter, state: Option<StateName>) -> String {
        let page = Page {
            after: None,
            limit: 50,
        };
        plan(&statement(filter, state, page).0)
    }

    #[test]
    fn the_usual_lists_are_read_in_order_from_an_index() {
        let of_org = TaskFilter {
            org: Some(OrgId::from_uuid(uuid::Uuid::nil())),
            ..TaskFilter::default()
        };
        let goals = TaskFilter {
            goals_only: true,
            ..of_org.clone()
        };
        for (filter, state, index) in [
            (&of_org, None, "tasks_of_org (org=?"),
            (&goals, None, "goals_of_org (org=?"),
            (
                &of_org,
                Some(StateName::Ready),
                "tasks_open (org=? AND state=?",
            ),
            (&of_org, Some(StateName::Done), "tasks_of_org (org=?"),
        ] {
            let plan = plan_of(filter, state);
            assert!(plan.contains(&format!("USING INDEX {index}")), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}

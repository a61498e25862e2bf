//! Lists and counts of tasks.

use super::{Dialect, Param, Sql};
use devlab_core::state::StateName;
use devlab_core::task::Task;
use devlab_core::tx::{Page, TaskFilter};
use devlab_core::{OrgId, TaskId};
use uuid::Uuid;

use super::codec::Code;
use super::error::DbResult;
use super::rows::{Conditions, all, below, first};
use super::tasks::{COLUMNS, read_task};

/// A page of tasks. With states, each state is read in its own order and the pages are merged: one
/// index serves each of them, and none of them reads more than a page.
pub(crate) fn tasks(conn: &dyn Sql, filter: &TaskFilter, page: Page) -> DbResult<Vec<Task>> {
    if filter.states.is_empty() {
        return in_state(conn, filter, None, page);
    }
    let mut found = Vec::new();
    for state in each_state(filter) {
        found.extend(in_state(conn, filter, state, page)?);
    }
    found.sort_unstable_by_key(|task| std::cmp::Reverse(task.id));
    found.truncate(page.limit as usize);
    Ok(found)
}

/// The states that a filter names, or the one `None` that stands for all of them.
fn each_state(filter: &TaskFilter) -> Vec<Option<StateName>> {
    let mut states: Vec<_> = filter.states.iter().copied().map(Some).collect();
    states.sort_unstable();
    states.dedup();
    if states.is_empty() {
        states.push(None);
    }
    states
}

/// Where a search ends that looks at so many tasks: of several states, the newest of their ends,
/// as all of them were looked at down to there.
pub(crate) fn search_end(
    conn: &dyn Sql,
    filter: &TaskFilter,
    after: Option<Uuid>,
    searched: u32,
) -> DbResult<Option<TaskId>> {
    let mut end = None;
    for state in each_state(filter) {
        let mut last =
            Conditions::new("SELECT id FROM tasks WHERE id < ?", Param::Id(below(after)));
        restrict(&mut last, conn.dialect(), filter, state);
        last.more(
            " ORDER BY id DESC LIMIT 1 OFFSET ?",
            Param::Int(i64::from(searched.saturating_sub(1))),
        );
        let found = first(conn, last.sql(), last.params(), |cols| cols.id())?;
        end = end.max(found);
    }
    Ok(end)
}

fn in_state(
    conn: &dyn Sql,
    filter: &TaskFilter,
    state: Option<StateName>,
    page: Page,
) -> DbResult<Vec<Task>> {
    let list = statement(conn.dialect(), filter, state, page);
    all(conn, list.sql(), list.params(), read_task)
}

fn statement(
    dialect: Dialect,
    filter: &TaskFilter,
    state: Option<StateName>,
    page: Page,
) -> Conditions<'_> {
    let mut list = Conditions::new(
        &format!("SELECT {COLUMNS} FROM tasks WHERE id < ?"),
        Param::Id(below(page.after)),
    );
    restrict(&mut list, dialect, filter, state);
    if let Some(floor) = filter.floor {
        list.and("id >= ?", Param::Id(floor.bytes()));
    }
    if let Some(text) = &filter.text {
        let contains = match dialect {
            Dialect::Sqlite => "instr(lower(s.title), lower(?)) > 0",
            // Letters of ASCII only, as SQLite does it.
            Dialect::Postgres => {
                "strpos(lower(s.title COLLATE \"C\"), lower(?::text COLLATE \"C\")) > 0"
            }
        };
        list.and(
            &format!("EXISTS (SELECT 1 FROM task_specs s WHERE s.seq = tasks.seq AND {contains})"),
            Param::Text(text),
        );
    }
    list.more(
        " ORDER BY id DESC LIMIT ?",
        Param::Int(i64::from(page.limit)),
    );
    list
}

/// Adds what an index or a row says about a task: everything but its title.
fn restrict(
    list: &mut Conditions<'_>,
    dialect: Dialect,
    filter: &TaskFilter,
    state: Option<StateName>,
) {
    if let Some(org) = filter.org {
        list.and("org = ?", Param::Id(org.bytes()));
    }
    if let Some(project) = filter.project {
        list.and("project = ?", Param::Id(project.bytes()));
    }
    if let Some(parent) = filter.parent {
        list.and("parent = ?", Param::Id(parent.bytes()));
    }
    if let Some(goal) = filter.goal {
        // A goal itself has no parent, and is found by its own id.
        list.and(
            "id IN (SELECT id FROM tasks WHERE goal = ? AND parent IS NOT NULL",
            Param::Id(goal.bytes()),
        );
        list.more(
            " UNION ALL SELECT id FROM tasks WHERE id = ?",
            Param::Id(goal.bytes()),
        );
        list.text(")");
    }
    if filter.goals_only {
        list.text(" AND parent IS NULL");
    }
    if let Some(state) = state {
        list.and("state = ?", Param::Int(state.code()));
        if state != StateName::Done && !filter.archived {
            // Says what the index tasks_open needs to be told, in its own words.
            list.text(" AND state <> 6");
        }
    }
    if !filter.archived {
        list.text(" AND archived = ");
        list.text(dialect.no());
    }
}

/// Counts by state. Done tasks are counted as they become done; the others are counted here.
pub(crate) fn counts(conn: &dyn Sql, org: Option<OrgId>) -> DbResult<Vec<(StateName, u64)>> {
    let (of, params): (_, &[Param<'_>]) = match org {
        Some(org) => ("org = ?1", &[Param::Id(org.bytes())]),
        None => ("TRUE", &[]),
    };
    let open = format!(
        "SELECT state, count(*) FROM tasks \
         WHERE {of} AND state <> 6 AND archived = {} GROUP BY state",
        conn.dialect().no()
    );
    let done =
        format!("SELECT CAST(coalesce(sum(tasks), 0) AS BIGINT) FROM done_counts WHERE {of}");
    let mut counts = all(conn, &open, params, |cols| {
        Ok((cols.code::<StateName>()?, cols.int::<u64>()?))
    })?;
    let done = first(conn, &done, params, |cols| cols.int())?.unwrap_or(0);
    if done > 0 {
        counts.push((StateName::Done, done));
    }
    counts.sort_unstable_by_key(|(state, _)| *state);
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::conn::plan;

    fn plan_of(filter: &TaskFilter, state: Option<StateName>) -> String {
        let page = Page {
            after: None,
            limit: 50,
        };
        plan(statement(Dialect::Sqlite, filter, state, page).sql())
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

    #[test]
    fn a_search_walks_the_index_of_its_list() {
        let filter = TaskFilter {
            org: Some(OrgId::from_uuid(uuid::Uuid::nil())),
            text: Some("parser".to_owned()),
            floor: Some(TaskId::from_uuid(uuid::Uuid::nil())),
            ..TaskFilter::default()
        };
        let plan = plan_of(&filter, None);
        assert!(
            plan.contains("USING INDEX tasks_of_org (org=? AND id>? AND id<?)"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

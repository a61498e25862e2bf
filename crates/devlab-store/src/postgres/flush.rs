//! Writing what the units of a batch have changed, all at once.

use deadpool_postgres::ClientWrapper;
use devlab_core::error::StorageErrorKind;
use devlab_core::{StorageError, Timestamp};

use super::overlay::Overlay;
use super::rows::{Kind, Rows};
use super::writer::Trouble;
use crate::sql::codec::{Code as _, int, json, opt_id};
use crate::sql::error::DbResult;
use crate::sql::{Param, attempts, queues, tasks};

/// What the columns of our tables hold, by name.
fn kind_of(column: &str) -> Kind {
    match column {
        "id" | "org" | "project" | "parent" | "goal" | "live" | "lost" | "chosen" | "held_by"
        | "task" | "candidate" | "agent" | "attempt" | "work" | "dependency" | "dependent" => {
            Kind::Id
        }
        "started" | "review" | "side_effects" | "archived" | "draining" | "told" | "holds" => {
            Kind::Flag
        }
        "requires" | "head" | "prior" | "merges" | "published" | "accepted" | "check_set"
        | "base" | "result" | "claim_id" | "name" | "labels" | "runtime" | "title" | "driver"
        | "checks" | "hash" | "body" | "key" | "answer" | "data" | "actor" | "action" | "terms"
        | "lane" | "target" | "request_id" | "words" => Kind::Text,
        _ => Kind::Int,
    }
}

fn columns(names: &[&'static str]) -> Vec<(&'static str, Kind)> {
    names.iter().map(|name| (*name, kind_of(name))).collect()
}

/// Writes all changes of an overlay. Several statements, sent before the first is answered.
pub(super) async fn flush(
    client: &ClientWrapper,
    overlay: &Overlay,
    now: Timestamp,
) -> Result<(), Trouble> {
    let statements = statements(overlay, now)?;
    let runs = statements
        .iter()
        .filter(|statement| !statement.rows.is_empty())
        .map(|statement| async move {
            let changed = statement.rows.run(client).await;
            let changed = changed.map_err(|error| Trouble::of(&error))?;
            if statement.exactly && changed != statement.rows.len() as u64 {
                return Err(Trouble::Failed(StorageError::new(
                    StorageErrorKind::Other,
                    format!("{changed} of {} rows changed", statement.rows.len()),
                )));
            }
            Ok(())
        });
    for outcome in futures::future::join_all(runs).await {
        outcome?;
    }
    Ok(())
}

struct Statement {
    rows: Rows,
    /// Whether every row has to change something.
    exactly: bool,
}

impl Statement {
    fn exactly(rows: Rows) -> Self {
        Self {
            rows,
            exactly: true,
        }
    }
    fn at_most(rows: Rows) -> Self {
        Self {
            rows,
            exactly: false,
        }
    }
}

fn statements(overlay: &Overlay, now: Timestamp) -> DbResult<Vec<Statement>> {
    let mut all = Vec::with_capacity(16);
    push_tasks(overlay, &mut all)?;
    push_queues(overlay, &mut all);
    push_attempts(overlay, &mut all);
    push_streams(overlay, now, &mut all)?;
    push_rest(overlay, &mut all)?;
    Ok(all)
}

fn push_tasks(overlay: &Overlay, all: &mut Vec<Statement>) -> DbResult<()> {
    let born = [&tasks::BIRTH_COLUMNS[..], &tasks::CHANGING_COLUMNS].concat();
    let mut new = Rows::insert("tasks", &columns(&born), "");
    let mut specs = Rows::insert(
        "task_specs",
        // `goal` is text here, and an id of tasks: so it is named in the statement.
        &[
            ("seq", Kind::Int),
            ("title", Kind::Text),
            ("goal", Kind::Text),
            ("driver", Kind::Text),
            ("checks", Kind::Text),
            ("artifacts", Kind::Text),
            ("paths", Kind::Text),
            ("made", Kind::Text),
        ],
        "",
    );
    let mut names = vec!["seq"];
    names.extend(tasks::CHANGING_COLUMNS);
    let mut changed = Rows::update("tasks", &columns(&names));
    for id in &overlay.tasks.born {
        let Some(task) = overlay.tasks.get(id) else {
            continue;
        };
        new.push(&tasks::new_row(task, Some(task.seq)));
        if let Some(spec) = overlay.specs.get(id) {
            let [driver, checks, artifacts, paths] = tasks::spec_columns(spec)?;
            let made = overlay.made.get(id).map(json).transpose()?;
            specs.push(&[
                Param::Int(int(task.seq)),
                Param::Text(&spec.title),
                Param::Text(&spec.goal),
                driver.as_deref().map_or(Param::Null, Param::Text),
                checks.as_deref().map_or(Param::Null, Param::Text),
                artifacts.as_deref().map_or(Param::Null, Param::Text),
                paths.as_deref().map_or(Param::Null, Param::Text),
                made.as_deref().map_or(Param::Null, Param::Text),
            ]);
        }
    }
    for task in overlay.tasks.map.values().filter(|task| !task.is_new) {
        let mut row = vec![Param::Int(int(task.value.seq))];
        row.extend(tasks::changing(&task.value));
        changed.push(&row);
    }
    let mut edges = Rows::insert(
        "edges",
        &columns(&["dependency", "dependent"]),
        "DO NOTHING",
    );
    for (dependency, dependent) in &overlay.edges.all {
        edges.push(&[Param::Id(dependency.bytes()), Param::Id(dependent.bytes())]);
    }
    all.push(Statement::exactly(new));
    all.push(Statement::exactly(specs));
    all.push(Statement::exactly(changed));
    all.push(Statement::at_most(edges));
    Ok(())
}

fn push_queues(overlay: &Overlay, all: &mut Vec<Statement>) {
    let of = columns(&queues::COLUMNS);
    let mut out = Rows::delete("ready", &of);
    for entry in overlay.queues.taken_entries.values() {
        out.push(&queues::row(entry, &entry.queue()));
    }
    let mut entered = Rows::insert("ready", &of, "DO NOTHING");
    for entry in overlay
        .queues
        .put_in
        .values()
        .flat_map(|queue| queue.values())
    {
        entered.push(&queues::row(entry, &entry.queue()));
    }
    let mut due = Rows::insert(
        "due",
        &columns(&["task", "at"]),
        "(task) DO UPDATE SET at = excluded.at",
    );
    let mut not_due = Rows::delete("due", &columns(&["task"]));
    for (task, at) in &overlay.due.map {
        match at.value {
            Some(at) => due.push(&[Param::Id(task.bytes()), Param::Int(at.as_millis())]),
            None => not_due.push(&[Param::Id(task.bytes())]),
        }
    }
    all.push(Statement::exactly(out));
    all.push(Statement::at_most(entered));
    all.push(Statement::at_most(due));
    all.push(Statement::at_most(not_due));
}

fn push_attempts(overlay: &Overlay, all: &mut Vec<Statement>) {
    let mut new = Rows::insert("attempts", &columns(&attempts::NEW_COLUMNS), "");
    let mut changed = Rows::update("attempts", &columns(&attempts::NEW_COLUMNS[..11]));
    for id in &overlay.attempts.born {
        if let Some(attempt) = overlay.attempts.get(id) {
            new.push(&attempts::new_row(attempt));
        }
    }
    for attempt in overlay.attempts.map.values().filter(|a| !a.is_new) {
        changed.push(&attempts::changing(&attempt.value));
    }
    let mut agents = Rows::update("agents", &columns(&attempts::AGENT_COLUMNS));
    for agent in overlay.agents.map.values() {
        agents.push(&attempts::agent_row(&agent.value));
    }
    all.push(Statement::exactly(new));
    all.push(Statement::exactly(changed));
    all.push(Statement::exactly(agents));
}

fn push_streams(overlay: &Overlay, now: Timestamp, all: &mut Vec<Statement>) -> DbResult<()> {
    let mut events = Rows::insert(
        "events",
        &columns(&[
            "seq", "org", "at", "kind", "project", "task", "attempt", "data",
        ]),
        "",
    );
    for (seq, event) in &overlay.events.all {
        let data = json(&event.data)?;
        events.push(&[
            Param::Int(int(*seq)),
            Param::Id(event.org.bytes()),
            Param::Int(now.as_millis()),
            Param::Int(event.kind.code()),
            opt_id(event.project),
            opt_id(event.task),
            opt_id(event.attempt),
            Param::Text(&data),
        ]);
    }
    let mut audit = Rows::insert(
        "audit",
        &columns(&["org", "at", "actor", "action", "target", "request_id"]),
        "",
    );
    for entry in &overlay.audit.all {
        audit.push(&[
            opt_id(entry.org),
            Param::Int(now.as_millis()),
            Param::Text(&entry.actor),
            Param::Text(&entry.action),
            Param::Text(&entry.target),
            Param::Text(&entry.request_id),
        ]);
    }
    all.push(Statement::exactly(events));
    all.push(Statement::exactly(audit));
    Ok(())
}

fn push_rest(overlay: &Overlay, all: &mut Vec<Statement>) -> DbResult<()> {
    let mut sets = Rows::insert("check_sets", &columns(&["hash", "body"]), "DO NOTHING");
    for (hash, set) in &overlay.check_sets.map {
        let body = json(&set.value)?;
        sets.push(&[Param::Text(hash.as_str()), Param::Text(&body)]);
    }
    let mut remembered = Rows::insert(
        "remembered",
        &columns(&["key", "body", "status", "answer", "expires_at"]),
        "(key) DO UPDATE SET body = excluded.body, status = excluded.status, \
         answer = excluded.answer, expires_at = excluded.expires_at",
    );
    for (key, answer) in &overlay.remembered.map {
        remembered.push(&[
            Param::Text(key),
            Param::Text(answer.value.body.as_str()),
            Param::Int(answer.value.status.into()),
            Param::Text(&answer.value.answer),
            Param::Int(answer.value.expires_at.as_millis()),
        ]);
    }
    push_limits(overlay, all)?;
    all.push(Statement::at_most(sets));
    all.push(Statement::at_most(remembered));
    Ok(())
}

fn push_limits(overlay: &Overlay, all: &mut Vec<Statement>) -> DbResult<()> {
    let mut terms = Rows::insert("terms", &columns(&["hash", "body"]), "DO NOTHING");
    for (hash, of) in &overlay.terms.map {
        let body = json(&of.value)?;
        terms.push(&[Param::Text(hash.as_str()), Param::Text(&body)]);
    }
    let mut limits = Rows::insert(
        "limits",
        &columns(&["org", "name", "used", "most"]),
        "(org, name) DO UPDATE SET used = excluded.used, most = excluded.most",
    );
    let mut gone = Rows::delete("limits", &columns(&["org", "name"]));
    for ((org, key), slots) in &overlay.limits.map {
        let name = key.to_string();
        let (org, name) = (Param::Id(org.bytes()), Param::Text(&name));
        match slots.value {
            Some(slots) => {
                let most = slots
                    .most
                    .map_or(Param::Null, |most| Param::Int(most.into()));
                limits.push(&[org, name, Param::Int(slots.used.into()), most]);
            }
            None => gone.push(&[org, name]),
        }
    }
    all.push(Statement::at_most(terms));
    all.push(Statement::at_most(limits));
    all.push(Statement::at_most(gone));
    Ok(())
}

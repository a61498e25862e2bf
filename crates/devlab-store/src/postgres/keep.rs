//! Rows that were fetched, as what is known.

use std::collections::HashMap;

use devlab_core::attempt::Attempt;
use devlab_core::tx::{Queued, Remembered};
use devlab_core::{OrgId, TaskId};
use tokio_postgres::Row;

use super::changes::place;
use super::fetch::{HEADS, MORE};
use super::overlay::{Known, Window};
use crate::sql::codec::Cols;
use crate::sql::error::DbResult;
use crate::sql::{accounts, attempts, policies, queues, tasks};

pub(super) fn keep_rest(
    known: &mut Known,
    [check_sets, remembered, settings, feedback]: [Vec<Row>; 4],
) -> DbResult<()> {
    for row in check_sets {
        let mut cols = Cols::new(&row);
        known.check_sets.insert(cols.parsed()?, Some(cols.json()?));
    }
    for row in remembered {
        let mut cols = Cols::new(&row);
        let key = cols.text()?;
        let answer = Remembered {
            body: cols.parsed()?,
            status: cols.int()?,
            answer: cols.text()?,
            expires_at: cols.time()?,
        };
        known.remembered.insert(key, Some(answer));
    }
    for row in settings {
        let mut cols = Cols::new(&row);
        known.settings.insert(cols.text()?, Some(cols.text()?));
    }
    for row in feedback {
        let mut cols = Cols::new(&row);
        let task = cols.id()?;
        known.feedback.entry(task).or_default().push(cols.json()?);
    }
    Ok(())
}

pub(super) fn keep_policies(
    known: &mut Known,
    [policies, terms]: [Vec<Row>; 2],
    limits: Vec<(OrgId, Vec<Row>)>,
) -> DbResult<()> {
    for row in policies {
        let revision = policies::read_policy(&mut Cols::new(&row))?;
        known.policies.insert(revision.level, Some(revision));
    }
    for row in terms {
        let mut cols = Cols::new(&row);
        known.terms.insert(cols.parsed()?, Some(cols.json()?));
    }
    for (org, rows) in limits {
        let of_org = known.limits.entry(org).or_default();
        for row in rows {
            let (key, slots) = policies::read_limit(&mut Cols::new(&row))?;
            of_org.insert(key, slots);
        }
    }
    Ok(())
}

pub(super) fn keep_names(
    known: &mut Known,
    orgs: Vec<Row>,
    org_names: Vec<Row>,
    projects: Vec<Row>,
    project_names: Vec<Row>,
    heads: Vec<Row>,
) -> DbResult<()> {
    for row in orgs.iter().chain(&org_names) {
        let org = accounts::read_org(&mut Cols::new(row))?;
        known
            .orgs_by_name
            .insert(org.name.clone(), Some(org.clone()));
        known.orgs.insert(org.id, Some(org));
    }
    for row in projects.iter().chain(&project_names) {
        let project = accounts::read_project(&mut Cols::new(row))?;
        let key = (project.org, project.name.clone());
        known.projects_by_name.insert(key, Some(project.clone()));
        known.projects.insert(project.id, Some(project));
    }
    for row in heads {
        let mut cols = Cols::new(&row);
        let key = (cols.id()?, cols.parsed()?);
        known.heads.insert(key, Some(cols.parsed()?));
    }
    Ok(())
}

pub(super) fn keep_tasks(known: &mut Known, tasks: Vec<Row>, specs: Vec<Row>) -> DbResult<()> {
    for row in tasks {
        let task = tasks::read_task(&mut Cols::new(&row))?;
        known.tasks.insert(task.id, Some(task));
    }
    for row in specs {
        let mut cols = Cols::new(&row);
        let id = cols.id()?;
        known.specs.insert(id, Some(tasks::read_spec(&mut cols)?));
    }
    Ok(())
}

pub(super) fn keep_lists(lists: &mut HashMap<TaskId, Vec<TaskId>>, rows: Vec<Row>) -> DbResult<()> {
    for row in rows {
        let mut cols = Cols::new(&row);
        let (of, id) = (cols.id()?, cols.id()?);
        lists.entry(of).or_default().push(id);
    }
    Ok(())
}

pub(super) fn keep_work(
    known: &mut Known,
    attempts: Vec<Row>,
    claims: Vec<Row>,
    held: Vec<Row>,
    agents: Vec<Row>,
) -> DbResult<()> {
    let read = |row: &Row| -> DbResult<Attempt> { attempts::read_attempt(&mut Cols::new(row)) };
    for row in attempts {
        let attempt = read(&row)?;
        known.attempts.insert(attempt.id, Some(attempt));
    }
    for row in claims {
        let attempt = read(&row)?;
        let key = (attempt.agent, attempt.claim_id.clone());
        known.claims.insert(key, Some(attempt.id));
        known.attempts.insert(attempt.id, Some(attempt));
    }
    for row in held {
        let attempt = read(&row)?;
        known
            .held
            .entry(attempt.agent)
            .or_default()
            .push(attempt.id);
        known.attempts.insert(attempt.id, Some(attempt));
    }
    for row in agents {
        let agent = attempts::read_agent(&mut Cols::new(&row))?;
        known.agents.insert(agent.id, Some(agent));
    }
    Ok(())
}

fn read_entries(org: OrgId, rows: Vec<Row>) -> DbResult<Vec<Queued>> {
    rows.iter()
        .map(|row| queues::read_queued(org, &mut Cols::new(row)))
        .collect()
}

pub(super) fn keep_queues(known: &mut Known, org: OrgId, rows: Vec<Row>) -> DbResult<()> {
    let queues = known.queues.entry(org).or_default();
    for entry in read_entries(org, rows)? {
        let window = queues.entry(entry.queue()).or_default();
        window.entries.push(entry);
    }
    for window in queues.values_mut() {
        window.whole = (window.entries.len() as i64) < HEADS;
        window.entries.sort_by_key(place);
    }
    Ok(())
}

pub(super) fn keep_window(
    known: &mut Known,
    org: OrgId,
    requires: &str,
    rows: Vec<Row>,
) -> DbResult<()> {
    let queues = known.queues.entry(org).or_default();
    let window: &mut Window = queues.entry(requires.to_owned()).or_default();
    window.whole = (rows.len() as i64) < MORE;
    window.entries.extend(read_entries(org, rows)?);
    window.entries.sort_by_key(place);
    Ok(())
}

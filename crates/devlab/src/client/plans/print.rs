//! How plans are printed.

use devlab_api::plan::{PlanDetail, PlanDiff, PlanRevision, PlanTaskDiff, PlannedTask};
use devlab_core::plan::diff::Change;
use devlab_core::plan::{PlanState, Problem};

use super::super::find::brief;
use crate::args::Output;
use crate::show;

/// A revision with its tasks.
pub(super) fn detail(output: Output, plan: &PlanDetail) -> anyhow::Result<()> {
    if output == Output::Json {
        return show::json(plan);
    }
    let revision = &plan.revision;
    let origin = &revision.origin;
    let at = origin
        .commit
        .as_deref()
        .map(|c| format!(" at {}", show::commit(c)));
    let in_turn = match origin.stories_in_turn {
        true => ", stories in turn",
        false => "",
    };
    let priority = (plan.priority != 0).then(|| plan.priority.to_string());
    let fields = [
        (
            "plan",
            format!("revision {} of {}", revision.number, revision.task),
        ),
        ("state", revision.state.to_string()),
        ("goal", plan.title.clone()),
        (
            "from",
            format!("{}{}{in_turn}", origin.source, at.unwrap_or_default()),
        ),
        ("why", origin.why.clone()),
        ("labels", plan.labels.join(" ")),
        ("priority", priority.unwrap_or_default()),
        ("touches", show::printable(&plan.paths.join(" "))),
        ("tasks", revision.task_count.to_string()),
    ];
    show::fields(output, plan, &fields)?;
    show::line("")?;
    let mut rows = Vec::new();
    collect(&plan.tasks, 0, &mut rows);
    let mut columns = vec!["key", "id", "needs", "title", "touches"];
    if rows
        .iter()
        .all(|row| row.last().is_none_or(String::is_empty))
    {
        columns.pop();
        rows.iter_mut().for_each(|row| row.truncate(columns.len()));
    }
    show::table(&columns, rows.into_iter())?;
    for warning in &plan.warnings {
        let warning = Problem::from(warning.clone());
        show::note(&format!("{0}note:{0:#} {warning}", show::YELLOW));
    }
    Ok(())
}

fn collect(tasks: &[PlannedTask], depth: usize, rows: &mut Vec<Vec<String>>) {
    for task in tasks {
        let id = match (&task.task, task.done) {
            (Some(id), _) => brief(id),
            (None, true) => "done".to_owned(),
            (None, false) => String::new(),
        };
        rows.push(vec![
            format!("{:1$}{2}", "", depth * 2, task.key),
            id,
            task.depends_on.join(" "),
            show::short(&task.title, 70),
            show::short(&show::printable(&task.paths.join(" ")), 40),
        ]);
        collect(&task.tasks, depth + 1, rows);
        for (number, one) in (1..).zip(&task.alternatives) {
            let title = one.title.as_ref().unwrap_or(&task.title);
            rows.push(vec![
                format!("{:1$}{number}", "", (depth + 1) * 2),
                one.task.as_ref().map(brief).unwrap_or_default(),
                String::new(),
                show::short(&format!("or: {title}"), 70),
            ]);
        }
    }
}

/// What a revision changes.
pub(super) fn diff(output: Output, diff: &PlanDiff) -> anyhow::Result<()> {
    if output == Output::Json {
        return show::json(diff);
    }
    if !diff.fields.is_empty() {
        show::line(&format!("~ the goal: {}", diff.fields.join(", ")))?;
    }
    diff.tasks.iter().try_for_each(|task| one(task, 0))
}

fn one(task: &PlanTaskDiff, depth: usize) -> anyhow::Result<()> {
    let same = task.was.is_none() && task.needs_more.is_empty() && task.needs_less.is_empty();
    let (sign, style) = match task.change {
        Change::Kept if same => (' ', show::DIM),
        Change::Kept | Change::Changed => ('~', show::YELLOW),
        Change::Added => ('+', show::GREEN),
        Change::Removed => ('-', show::RED),
    };
    let mut text = format!("{sign} {:1$}{2} {3}", "", depth * 2, task.key, task.title);
    if let Some(was) = &task.was {
        text += &format!(" (was {was})");
    }
    if !task.fields.is_empty() {
        text += &format!(" [{}]", task.fields.join(", "));
    }
    for (sign, keys) in [('+', &task.needs_more), ('-', &task.needs_less)] {
        if !keys.is_empty() {
            text += &format!(" {sign}needs {}", keys.join(", "));
        }
    }
    show::line(&format!("{style}{}{style:#}", show::printable(&text)))?;
    task.tasks.iter().try_for_each(|task| one(task, depth + 1))
}

/// All revisions.
pub(super) fn history(output: Output, all: &[PlanRevision]) -> anyhow::Result<()> {
    let columns = [
        "revision",
        "state",
        "made from",
        "tasks",
        "source",
        "proposed",
        "by",
        "decided by",
        "why",
    ];
    show::list(output, all, &columns, |revision| {
        let decision = revision.decision.as_ref();
        let parent = revision.parent.map(|parent| parent.to_string());
        vec![
            revision.number.to_string(),
            revision.state.to_string(),
            parent.unwrap_or_default(),
            revision.task_count.to_string(),
            revision.origin.source.clone(),
            revision.proposed_at.to_string(),
            revision.proposed_by.clone(),
            decision.map(|d| d.by.clone()).unwrap_or_default(),
            decision
                .map(|d| show::short(&d.why, 50))
                .unwrap_or_default(),
        ]
    })
}

/// Where a revision is, and what a person can do next.
pub(super) fn decided(output: Output, revision: &PlanRevision) -> anyhow::Result<()> {
    if output == Output::Json {
        return show::json(revision);
    }
    let id = revision.task;
    show::line(&match revision.state {
        PlanState::Proposed => format!(
            "{id}: revision {} waits for its approval; `devlab plan approve {id}` carries it out",
            revision.number
        ),
        PlanState::Current | PlanState::Superseded | PlanState::Rejected => {
            format!("{id}: revision {} is {}", revision.number, revision.state)
        }
    })
}

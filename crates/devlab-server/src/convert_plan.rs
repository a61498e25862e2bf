//! Wire types of plans from entities, and back.

use std::collections::BTreeMap;

use devlab_api::plan as wire;
use devlab_core::label::Labels;
use devlab_core::plan::diff::Diff;
use devlab_core::plan::file::File;
use devlab_core::plan::revision::Decision;
use devlab_core::plan::single::Single;
use devlab_core::plan::{Origin, Plan, PlanTask, Revision};
use devlab_core::task::TaskSpec;
use devlab_core::{Refusal, TaskId};
use devlab_orchestrator::plans::{Feature, PlanSource};

/// What a caller wants to be planned.
///
/// # Errors
/// [`Refusal::Invalid`] for labels.
pub fn source(input: wire::PlanInput) -> Result<PlanSource, Refusal> {
    Ok(match input {
        wire::PlanInput::Single(single) => PlanSource::Single(Single {
            labels: Labels::new(&single.labels)?,
            spec: TaskSpec {
                goal: single.goal.unwrap_or_else(|| single.title.clone()),
                title: single.title,
                driver: single.driver.map(Into::into),
                checks: single.checks.into_iter().map(Into::into).collect(),
                artifacts: Vec::new(),
                paths: Vec::new(),
            },
        }),
        wire::PlanInput::File(file) => PlanSource::File(File {
            name: file.name,
            text: file.text,
        }),
        wire::PlanInput::SpecKit(feature) => PlanSource::SpecKit(Feature {
            folder: feature.folder,
            at: feature.at,
            stories_in_parallel: feature.stories_in_parallel,
            driver: feature.driver.map(Into::into),
        }),
    })
}

fn origin(origin: Origin) -> wire::PlanOrigin {
    wire::PlanOrigin {
        planner: origin.planner,
        source: origin.source,
        commit: origin.commit.map(|commit| commit.to_string()),
        input: origin.input.to_string(),
        why: origin.why,
    }
}

fn decision(decision: Decision) -> wire::PlanDecision {
    wire::PlanDecision {
        by: decision.by,
        at: decision.at,
        why: decision.why,
    }
}

/// A revision.
#[must_use]
pub fn revision(revision: Revision) -> wire::PlanRevision {
    wire::PlanRevision {
        task: revision.task,
        number: revision.number,
        parent: revision.parent,
        state: revision.state,
        origin: origin(revision.origin),
        task_count: revision.tasks,
        proposed_by: revision.proposed_by,
        proposed_at: revision.proposed_at,
        decision: revision.decision.map(decision),
    }
}

fn words(labels: &Labels) -> Vec<String> {
    labels.iter().map(str::to_owned).collect()
}

fn task(task: PlanTask, prefix: &str, made: &BTreeMap<String, TaskId>) -> wire::PlannedTask {
    let path = format!("{prefix}{}", task.key);
    let below = task.tasks.into_iter();
    let ways = (1..).zip(task.alternatives);
    let prefix = format!("{path}/");
    wire::PlannedTask {
        key: task.key,
        task: made.get(&path).copied(),
        title: task.spec.title,
        goal: task.spec.goal,
        depends_on: task.depends_on,
        driver: task.spec.driver.map(Into::into),
        checks: task.spec.checks.into_iter().map(Into::into).collect(),
        paths: task.spec.paths,
        labels: words(&task.labels),
        priority: task.priority,
        review: task.review,
        side_effects: task.side_effects,
        done: task.done,
        group: task.group,
        line: task.line,
        tasks: below
            .map(|child| self::task(child, &prefix, made))
            .collect(),
        alternatives: ways
            .map(|(number, one)| wire::PlannedAlternative {
                task: made.get(&format!("{path}/{number}")).copied(),
                title: one.title,
                driver: one.driver.map(Into::into),
                labels: one.labels.map(|labels| words(&labels)),
            })
            .collect(),
    }
}

/// A revision with its plan, and the tasks that it was carried out with.
#[must_use]
pub fn detail(revision: Revision, plan: Plan, made: &BTreeMap<String, TaskId>) -> wire::PlanDetail {
    wire::PlanDetail {
        revision: self::revision(revision),
        title: plan.goal.title,
        goal: plan.goal.goal,
        driver: plan.goal.driver.map(Into::into),
        checks: plan.goal.checks.into_iter().map(Into::into).collect(),
        review: plan.review,
        tasks: plan
            .tasks
            .into_iter()
            .map(|one| task(one, "", made))
            .collect(),
        warnings: plan.warnings.into_iter().map(Into::into).collect(),
    }
}

/// A difference.
#[must_use]
pub fn diff(task: TaskId, from: Option<u32>, to: u32, diff: Diff) -> wire::PlanDiff {
    wire::PlanDiff {
        task,
        from,
        to,
        fields: diff.fields.into_iter().map(str::to_owned).collect(),
        tasks: diff.tasks.into_iter().map(Into::into).collect(),
    }
}

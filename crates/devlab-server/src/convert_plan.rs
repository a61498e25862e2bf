//! Wire types of plans from entities, and back.

use std::collections::BTreeMap;

use devlab_api::plan as wire;
use devlab_core::label::Labels;
use devlab_core::plan::diff::Diff;
use devlab_core::plan::file::File;
use devlab_core::plan::revision::Decision;
use devlab_core::plan::single::Single;
use devlab_core::plan::{Origin, Plan, PlanTask, Revision};
use devlab_core::rules::again::Before;
use devlab_core::task::TaskSpec;
use devlab_core::{Refusal, TaskId};
use devlab_orchestrator::plans::{Feature, PlanSource};

/// What a caller wants to be planned; what is left out of a feature is as it was `before`.
///
/// # Errors
/// [`Refusal::Invalid`] for labels, and for a driver beside none.
pub fn source(input: wire::PlanInput, before: Before) -> Result<PlanSource, Refusal> {
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
        wire::PlanInput::SpecKit(feature) => PlanSource::SpecKit(self::feature(feature, before)?),
    })
}

fn feature(input: wire::SpecKitInput, before: Before) -> Result<Feature, Refusal> {
    if input.no_driver && input.driver.is_some() {
        let problem = "cannot stand beside a driver";
        return Err(Refusal::invalid("input.spec_kit.no_driver", problem));
    }
    let known = before.driver.filter(|_| !input.no_driver);
    let in_parallel = input.stories_in_parallel;
    Ok(Feature {
        folder: input.folder,
        at: input.at,
        stories_in_parallel: in_parallel.unwrap_or(!before.stories_in_turn),
        driver: input.driver.map(Into::into).or(known),
    })
}

fn origin(origin: Origin) -> wire::PlanOrigin {
    wire::PlanOrigin {
        planner: origin.planner,
        source: origin.source,
        commit: origin.commit.map(|commit| commit.to_string()),
        input: origin.input.to_string(),
        stories_in_turn: origin.stories_in_turn,
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
        paths: plan.goal.paths,
        labels: words(&plan.labels),
        priority: plan.priority,
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

#[cfg(test)]
mod tests {
    use devlab_core::check::{CommandSpec, DriverSpec};
    use serde_json::{Value, json};

    use super::*;

    fn command(program: &str) -> DriverSpec {
        DriverSpec::Command(CommandSpec {
            argv: vec![program.to_owned()],
            script: None,
            env: BTreeMap::new(),
            timeout_secs: 1_800,
        })
    }

    fn read(mut input: Value, before: &Before) -> Result<(bool, Option<DriverSpec>), Refusal> {
        input["folder"] = json!("specs/001-login-page");
        let input = serde_json::from_value(json!({ "spec_kit": input })).unwrap();
        match source(input, before.clone())? {
            PlanSource::SpecKit(feature) => Ok((feature.stories_in_parallel, feature.driver)),
            PlanSource::Single(_) | PlanSource::File(_) => panic!("it is a feature"),
        }
    }

    #[test]
    fn what_is_left_out_of_a_feature_is_as_it_was() {
        let before = Before {
            driver: Some(command("agent")),
            stories_in_turn: true,
        };
        let none = Before::default();
        let known = before.driver.clone();
        assert_eq!(read(json!({}), &none).unwrap(), (true, None));
        assert_eq!(read(json!({}), &before).unwrap(), (false, known.clone()));
        let parallel = json!({ "stories_in_parallel": true });
        assert_eq!(read(parallel, &before).unwrap(), (true, known));
        let other = json!({ "driver": { "command": { "argv": ["other"] } } });
        let expected = (false, Some(command("other")));
        assert_eq!(read(other.clone(), &before).unwrap(), expected);
        let alone = json!({ "no_driver": true });
        assert_eq!(read(alone, &before).unwrap(), (false, None));
        let mut both = other;
        both["no_driver"] = json!(true);
        assert!(read(both, &before).is_err());
    }
}

//! The planner *single*: a goal that one task does. It can be planned again, in more parts.

use serde_json::json;

use crate::check::Sha256Hex;
use crate::label::Labels;
use crate::limits::GOAL_BYTES_MAX;
use crate::name;
use crate::task::TaskSpec;

use super::{Plan, PlanTask, Planned, Planner, PlannerKind, Problem};

/// Key of the one task.
const KEY: &str = "task";

/// One task in words, with how it is done and judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Single {
    /// Words, driver and checks.
    pub spec: TaskSpec,
    /// Labels that an agent needs.
    pub labels: Labels,
}

impl Planner for Single {
    fn kind(&self) -> PlannerKind {
        PlannerKind::Single
    }

    fn input_hash(&self) -> Sha256Hex {
        let input = json!(["single", self.spec, self.labels]);
        Sha256Hex::of(input.to_string().as_bytes())
    }

    fn plan(&self) -> Planned {
        let spec = &self.spec;
        let found = [
            name::check_title("title", &spec.title).err(),
            name::check_text("goal", &spec.goal, GOAL_BYTES_MAX).err(),
            spec.driver
                .as_ref()
                .and_then(|d| d.validate("driver").err()),
        ];
        let problems: Vec<_> = found
            .into_iter()
            .flatten()
            .map(Problem::of_refusal)
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Plan {
            goal: spec.clone(),
            labels: self.labels.clone(),
            priority: 0,
            review: None,
            tasks: vec![PlanTask {
                key: KEY.to_owned(),
                spec: spec.clone(),
                labels: self.labels.clone(),
                priority: 0,
                review: false,
                side_effects: false,
                depends_on: Vec::new(),
                tasks: Vec::new(),
                alternatives: Vec::new(),
                done: false,
                group: None,
                line: None,
            }],
            warnings: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(title: &str) -> Single {
        Single {
            spec: TaskSpec {
                title: title.into(),
                goal: title.into(),
                driver: None,
                checks: Vec::new(),
                artifacts: Vec::new(),
                paths: Vec::new(),
            },
            labels: Labels::default(),
        }
    }

    #[test]
    fn one_task_is_a_plan() {
        let plan = single("Say hello").plan().unwrap();
        assert_eq!(plan.goal.title, "Say hello");
        assert_eq!(plan.tasks[0].spec, plan.goal);
        assert_ne!(single("a").input_hash(), single("b").input_hash());
    }

    #[test]
    fn a_title_is_wanted() {
        let problems = single(" ").plan().unwrap_err();
        assert_eq!(problems[0].to_string(), "title: must not be empty");
    }
}

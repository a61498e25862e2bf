//! Plans as data, and the planners that make them.
//!
//! A plan says how a composite is done: its tasks, what each needs before it, and what each is
//! judged by. It leaves no choice to what carries it out. A [`Planner`] turns an input into a plan,
//! or into problems that name their place; it reads nothing but its input, so the same input is the
//! same plan everywhere. There are three: [`single`], [`file`] and [`spec_kit`].
//!
//! What two plans of one composite differ in is [`diff`]'s to say.

mod check;
pub mod diff;
pub mod file;
pub mod revision;
pub mod single;
pub mod spec_kit;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::check::Sha256Hex;
use crate::choice::Alternative;
use crate::label::Labels;
use crate::limits::PLAN_PROBLEMS_MAX;
use crate::rules::schedule::NewTask;
use crate::task::TaskSpec;

pub use revision::{Origin, PlanState, Revision};

/// How a composite is done. Immutable once it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Words, driver and checks of the composite itself.
    pub goal: TaskSpec,
    /// Labels that an agent needs for what is generated for the composite.
    #[serde(default, skip_serializing_if = "no_labels")]
    pub labels: Labels,
    /// Higher is earlier.
    #[serde(default)]
    pub priority: i16,
    /// Whether a person reviews the composite's result; absent leaves it to the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<bool>,
    /// Its children. Empty: the composite is a leaf after all.
    pub tasks: Vec<PlanTask>,
    /// What a person should know before approving it, such as an open question in the input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
}

/// One task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTask {
    /// Name among its siblings.
    pub key: String,
    /// Words, driver and checks.
    pub spec: TaskSpec,
    /// Labels that an agent needs.
    #[serde(default, skip_serializing_if = "no_labels")]
    pub labels: Labels,
    /// Higher is earlier.
    #[serde(default)]
    pub priority: i16,
    /// Whether a person reviews the result.
    #[serde(default)]
    pub review: bool,
    /// Whether it does things outside that must not be repeated.
    #[serde(default)]
    pub side_effects: bool,
    /// Keys of siblings that have to be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Children; a task with children is a composite with a plan of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Self>,
    /// Ways to do it, of which one is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// Whether the input says that it is done already. It is shown, with all below it, and never
    /// executed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub done: bool,
    /// The part of the plan that it stands in, such as a phase's heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Line of the input that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

fn no_labels(labels: &Labels) -> bool {
    *labels == Labels::default()
}

fn is_false(value: &bool) -> bool {
    !value
}

/// What is wrong with an input, or what is worth knowing about it, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Name of the file, as the planner was given it; empty for a request.
    pub file: String,
    /// Line in it, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Path of the value, such as `tasks[3].depends_on[0]`; empty where lines say it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| line.to_string());
        let place = [Some(self.file.as_str()), line.as_deref()];
        let place: Vec<_> = place
            .into_iter()
            .flatten()
            .filter(|p| !p.is_empty())
            .collect();
        let parts = [place.join(":"), self.at.clone(), self.message.clone()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        f.write_str(&parts.join(": "))
    }
}

/// Result of planning. Problems are in the order of the input, never empty, and at most
/// [`PLAN_PROBLEMS_MAX`].
pub type Planned = std::result::Result<Plan, Vec<Problem>>;

/// How a plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannerKind {
    /// One task.
    Single,
    /// A file.
    File,
    /// A Spec-Kit feature.
    SpecKit,
}

impl PlannerKind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::File => "file",
            Self::SpecKit => "spec_kit",
        }
    }
}

/// Makes a plan of an input that it holds, and of nothing else.
pub trait Planner {
    /// Which one it is.
    fn kind(&self) -> PlannerKind;
    /// Identity of what the plan depends on. The same hash is the same plan.
    fn input_hash(&self) -> Sha256Hex;
    /// Plans.
    ///
    /// # Errors
    /// What keeps the input from being a plan, each with its place.
    fn plan(&self) -> Planned;
}

/// Puts problems in order and cuts them at the bound.
fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| problem.line);
    problems.truncate(PLAN_PROBLEMS_MAX);
    problems
}

impl Plan {
    /// How many tasks there are, at every depth.
    #[must_use]
    pub fn count(&self) -> usize {
        count(&self.tasks)
    }

    /// How many dependencies there are, at every depth.
    #[must_use]
    pub fn count_edges(&self) -> usize {
        fn edges(tasks: &[PlanTask]) -> usize {
            let one = |task: &PlanTask| task.depends_on.len() + edges(&task.tasks);
            tasks.iter().map(one).sum()
        }
        edges(&self.tasks)
    }

    /// What has to be made for the children: those that are not done already. What a done one
    /// depends on is passed on to those that depend on it.
    #[must_use]
    pub fn children(&self) -> Vec<NewTask> {
        children(&self.tasks)
    }
}

fn count(tasks: &[PlanTask]) -> usize {
    let one = |task: &PlanTask| 1 + task.alternatives.len() + count(&task.tasks);
    tasks.iter().map(one).sum()
}

/// Indexes of siblings that have to be done before each, those that are not open replaced by what
/// they depend on themselves. Keys that are not among `siblings` are left out.
#[must_use]
pub fn open_dependencies(
    siblings: &[PlanTask],
    is_open: impl Fn(usize) -> bool,
) -> Vec<BTreeSet<usize>> {
    let needs = indexes(siblings);
    let open = |i: usize| {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut behind = needs[i].clone();
        while let Some(dependency) = behind.pop() {
            if is_open(dependency) {
                found.insert(dependency);
            } else if seen.insert(dependency) {
                behind.extend(&needs[dependency]);
            }
        }
        found
    };
    (0..siblings.len()).map(open).collect()
}

/// What each sibling depends on, as indexes.
fn indexes(siblings: &[PlanTask]) -> Vec<Vec<usize>> {
    let by_key: HashMap<&str, usize> = (0..)
        .zip(siblings)
        .map(|(i, task)| (task.key.as_str(), i))
        .collect();
    let of = |task: &PlanTask| {
        let keys = task.depends_on.iter();
        keys.filter_map(|key| by_key.get(key.as_str()).copied())
            .collect()
    };
    siblings.iter().map(of).collect()
}

/// Indexes of siblings in an order in which dependencies come first; those that are part of a cycle
/// are left out.
pub(crate) fn order(siblings: &[PlanTask]) -> Vec<usize> {
    check::order(&indexes(siblings))
}

/// Whether there is an order of execution, given what each task needs.
pub(crate) fn acyclic(needs: &[Vec<usize>]) -> bool {
    check::order(needs).len() == needs.len()
}

pub(crate) fn children(siblings: &[PlanTask]) -> Vec<NewTask> {
    let is_open: Vec<bool> = siblings.iter().map(|task| !task.is_done()).collect();
    let needs = open_dependencies(siblings, |i| is_open[i]);
    let open = (0..).zip(siblings).zip(needs);
    let open = open.filter(|((i, _), _)| is_open[*i]);
    let keys = |needs: BTreeSet<usize>| needs.into_iter().map(|i| siblings[i].key.clone());
    open.map(|((_, task), needs)| task.as_new(keys(needs).collect()))
        .collect()
}

impl PlanTask {
    /// Whether nothing of it is left to do: it is done already, or all tasks below it are. A composite
    /// of which nothing is made would be a leaf that does it all again.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done || (!self.tasks.is_empty() && self.tasks.iter().all(Self::is_done))
    }

    /// Whether an agent does it as it stands: nothing is made below it.
    pub(crate) fn is_leaf(&self) -> bool {
        self.tasks.is_empty() && self.alternatives.is_empty()
    }

    /// What has to be made for it.
    #[must_use]
    pub fn as_new(&self, depends_on: Vec<String>) -> NewTask {
        NewTask {
            key: self.key.clone(),
            spec: self.spec.clone(),
            requires: self.labels.clone(),
            priority: self.priority,
            review: self.review.then_some(true),
            side_effects: self.side_effects,
            depends_on,
            children: children(&self.tasks),
            alternatives: self.alternatives.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn task(key: &str, depends_on: &[&str], done: bool) -> PlanTask {
        PlanTask {
            key: key.to_owned(),
            spec: TaskSpec {
                title: key.to_owned(),
                goal: key.to_owned(),
                driver: None,
                checks: Vec::new(),
                artifacts: Vec::new(),
                paths: Vec::new(),
            },
            labels: Labels::default(),
            priority: 0,
            review: false,
            side_effects: false,
            depends_on: depends_on.iter().map(|&key| key.to_owned()).collect(),
            tasks: Vec::new(),
            alternatives: Vec::new(),
            done,
            group: None,
            line: None,
        }
    }

    #[test]
    fn what_is_done_hands_its_dependencies_on() {
        let tasks = [
            task("a", &[], false),
            task("b", &["a"], true),
            task("c", &["b"], true),
            task("d", &["c", "a"], false),
            task("e", &["b", "d"], false),
        ];
        let made = children(&tasks);
        let made: Vec<_> = made
            .iter()
            .map(|new| (new.key.as_str(), new.depends_on.join(",")))
            .collect();
        let expected = [("a", ""), ("d", "a"), ("e", "a,d")];
        assert_eq!(made, expected.map(|(key, on)| (key, on.to_owned())));
    }

    #[test]
    fn a_composite_of_which_everything_is_done_is_not_made() {
        let mut outer = task("outer", &["a"], false);
        outer.tasks = vec![task("x", &[], true), task("y", &["x"], true)];
        let mut half = outer.clone();
        half.key = "half".to_owned();
        half.tasks[1].done = false;
        let after = task("b", &["outer"], false);
        let made = children(&[task("a", &[], false), outer, half, after]);
        let keys: Vec<_> = made.iter().map(|new| new.key.as_str()).collect();
        assert_eq!(keys, ["a", "half", "b"]);
        assert_eq!(made[1].children[0].key, "y");
        assert_eq!(made[2].depends_on, ["a"]);
    }

    #[test]
    fn a_problem_says_where_it_is() {
        let mut problem = Problem {
            file: "plan.yaml".into(),
            line: Some(3),
            at: "tasks[0].key".into(),
            message: "is empty".into(),
        };
        assert_eq!(problem.to_string(), "plan.yaml:3: tasks[0].key: is empty");
        problem.file.clear();
        problem.line = None;
        assert_eq!(problem.to_string(), "tasks[0].key: is empty");
    }
}

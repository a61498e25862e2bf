//! What every plan has to keep, whoever made it: bounds, keys that are unique and known, no cycle.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::check::CheckSet;
use crate::choice;
use crate::error::Refusal;
use crate::limits::{
    DEPENDENCIES_MAX, DEPTH_MAX, GOAL_BYTES_MAX, PLAN_EDGES_MAX, PLAN_PROBLEMS_MAX, PLAN_TASKS_MAX,
};
use crate::name;
use crate::paths;
use crate::task::TaskSpec;

use super::{Plan, PlanTask, Problem, indexes};

/// Most keys of a cycle that are shown.
const CYCLE_SHOWN_MAX: usize = 12;

impl Problem {
    /// What a rule says of a value.
    pub(super) fn of_refusal(refusal: Refusal) -> Self {
        let (at, message) = if let Refusal::Invalid { field, problem } = refusal {
            (field, problem)
        } else {
            (String::new(), refusal.to_string())
        };
        Self {
            file: String::new(),
            line: None,
            at,
            message,
        }
    }
}

/// Everything that is wrong with a plan, with the path and, as far as the tasks know it, the line.
pub(super) fn problems(plan: &Plan) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    let tasks = plan.count();
    if tasks > PLAN_TASKS_MAX {
        let message = format!("{tasks} tasks: the limit is {PLAN_TASKS_MAX}");
        found.add("tasks", None, message);
        return found.0;
    }
    let edges = plan.count_edges();
    if edges > PLAN_EDGES_MAX {
        let message = format!("{edges} dependencies: the limit is {PLAN_EDGES_MAX}");
        found.add("tasks", None, message);
        return found.0;
    }
    found.spec(String::new, &plan.goal, None);
    found.siblings("", &plan.tasks, 1);
    found.0
}

struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, at: impl Into<String>, line: Option<u32>, message: impl Into<String>) {
        if self.0.len() < PLAN_PROBLEMS_MAX {
            self.0.push(Problem {
                file: String::new(),
                line,
                at: at.into(),
                message: message.into(),
            });
        }
    }

    /// Adds what a rule says of a field below `prefix`. A path is only written out when something is
    /// wrong: a plan has tens of thousands of fields.
    fn refused(
        &mut self,
        prefix: impl Fn() -> String,
        result: Result<(), Refusal>,
        line: Option<u32>,
    ) {
        if let Err(refusal) = result {
            let problem = Problem::of_refusal(refusal);
            self.add(prefix() + &problem.at, line, problem.message);
        }
    }

    fn spec(&mut self, prefix: impl Fn() -> String, spec: &TaskSpec, line: Option<u32>) {
        self.refused(&prefix, name::check_title("title", &spec.title), line);
        let goal = name::check_text("goal", &spec.goal, GOAL_BYTES_MAX);
        self.refused(&prefix, goal, line);
        if let Some(driver) = &spec.driver {
            self.refused(&prefix, driver.validate("driver"), line);
        }
        self.refused(&prefix, paths::validate("paths", &spec.paths), line);
        if spec.checks.is_empty() {
            return;
        }
        let own = CheckSet {
            checks: spec.checks.clone(),
            ..CheckSet::default()
        };
        self.refused(&prefix, own.validate("checks"), line);
    }

    fn siblings(&mut self, prefix: &str, tasks: &[PlanTask], depth: u8) {
        if depth > DEPTH_MAX {
            let line = tasks.first().and_then(|task| task.line);
            let message = format!("nested deeper than {DEPTH_MAX}");
            return self.add(format!("{prefix}tasks"), line, message);
        }
        let before = self.0.len();
        let by_key = self.keys(prefix, tasks);
        let keys_are_good = self.0.len() == before;
        for (i, task) in tasks.iter().enumerate() {
            let at = || format!("{prefix}tasks[{i}].");
            self.spec(at, &task.spec, task.line);
            if let Some(group) = &task.group {
                self.refused(at, name::check_title("group", group), task.line);
            }
            self.dependencies(at, task, &by_key);
            let has_tasks = !task.tasks.is_empty();
            let ways = choice::validate(&task.alternatives, has_tasks, task.side_effects);
            self.refused(at, ways, task.line);
            if !task.alternatives.is_empty() && depth >= DEPTH_MAX {
                let message = format!("nested deeper than {DEPTH_MAX}");
                self.add(format!("{}alternatives", at()), task.line, message);
            }
            if has_tasks {
                self.siblings(&at(), &task.tasks, depth + 1);
            }
        }
        // Of two tasks with one key nobody knows which one is meant.
        if keys_are_good {
            self.cycle(prefix, tasks);
        }
    }

    fn keys<'a>(&mut self, prefix: &str, tasks: &'a [PlanTask]) -> HashMap<&'a str, usize> {
        let mut by_key: HashMap<&str, usize> = HashMap::with_capacity(tasks.len());
        for (i, task) in tasks.iter().enumerate() {
            let at = || format!("{prefix}tasks[{i}].key");
            if let Err(refusal) = name::check_title("", &task.key) {
                self.refused(at, Err(refusal), task.line);
            } else if task.key.contains('/') {
                self.add(at(), task.line, "must be without /");
            } else if let Some(&first) = by_key.get(task.key.as_str()) {
                let first = match tasks[first].line {
                    Some(line) => format!("line {line}"),
                    None => format!("{prefix}tasks[{first}]"),
                };
                let message = format!("{} is used twice: first at {first}", task.key);
                self.add(at(), task.line, message);
            } else {
                by_key.insert(&task.key, i);
            }
        }
        by_key
    }

    fn dependencies(
        &mut self,
        at: impl Fn() -> String,
        task: &PlanTask,
        by_key: &HashMap<&str, usize>,
    ) {
        if task.depends_on.len() > DEPENDENCIES_MAX {
            let many = task.depends_on.len();
            let message = format!("{many} dependencies: the limit is {DEPENDENCIES_MAX}");
            return self.add(format!("{}depends_on", at()), task.line, message);
        }
        for (d, key) in task.depends_on.iter().enumerate() {
            if !by_key.contains_key(key.as_str()) {
                let message = format!("there is no sibling {key}");
                self.add(format!("{}depends_on[{d}]", at()), task.line, message);
            }
        }
    }

    /// Names one cycle, if there is any.
    fn cycle(&mut self, prefix: &str, tasks: &[PlanTask]) {
        let Some(way) = circle(&indexes(tasks)) else {
            return;
        };
        let first = way[0];
        let mut names: Vec<_> = way.iter().map(|&i| tasks[i].key.as_str()).collect();
        if names.len() > CYCLE_SHOWN_MAX {
            names.truncate(CYCLE_SHOWN_MAX);
            names.push("…");
        }
        names.push(&tasks[first].key);
        let message = format!("is a cycle: {}", names.join(" needs "));
        let at = format!("{prefix}tasks[{first}].depends_on");
        self.add(at, tasks[first].line, message);
    }
}

/// Tasks that need each other in turn, the last of them the first; begins with the smallest.
fn circle(on: &[Vec<usize>]) -> Option<Vec<usize>> {
    let left = left_over(on);
    let mut here = *left.iter().min()?;
    let mut place = HashMap::new();
    let mut way = Vec::new();
    // What is left over needs something that is left over: this way leads in circles.
    while !place.contains_key(&here) {
        place.insert(here, way.len());
        way.push(here);
        here = *on[here].iter().find(|next| left.contains(next))?;
    }
    way.drain(..place[&here]);
    let first = (0..way.len()).min_by_key(|&at| way[at])?;
    way.rotate_left(first);
    Some(way)
}

/// Tasks that no order of execution reaches.
fn left_over(on: &[Vec<usize>]) -> HashSet<usize> {
    let reached: HashSet<usize> = order(on).into_iter().collect();
    (0..on.len()).filter(|i| !reached.contains(i)).collect()
}

/// An order of execution, given what each task needs, as far as there is one.
pub(super) fn order(on: &[Vec<usize>]) -> Vec<usize> {
    let mut dependents = vec![Vec::new(); on.len()];
    let mut unmet: Vec<usize> = on.iter().map(Vec::len).collect();
    for (i, dependencies) in on.iter().enumerate() {
        for &dependency in dependencies {
            dependents[dependency].push(i);
        }
    }
    let mut free: VecDeque<usize> = (0..on.len()).filter(|i| unmet[*i] == 0).collect();
    let mut order = Vec::with_capacity(on.len());
    while let Some(i) = free.pop_front() {
        order.push(i);
        for &dependent in &dependents[i] {
            unmet[dependent] -= 1;
            if unmet[dependent] == 0 {
                free.push_back(dependent);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::super::tests::task;
    use super::*;
    use crate::label::Labels;

    fn found(tasks: Vec<PlanTask>) -> Vec<String> {
        let plan = Plan {
            goal: task("goal", &[], false).spec,
            labels: Labels::default(),
            priority: 0,
            review: None,
            tasks,
            warnings: Vec::new(),
        };
        problems(&plan).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keys_are_unique_and_known() {
        let tasks = vec![
            task("a", &["b"], false),
            task("a", &["c"], false),
            task("b", &[], false),
            task("x/y", &[], false),
        ];
        let expected = [
            "tasks[1].key: a is used twice: first at tasks[0]",
            "tasks[3].key: must be without /",
            "tasks[1].depends_on[0]: there is no sibling c",
        ];
        assert_eq!(found(tasks), expected);
    }

    #[test]
    fn a_cycle_is_shown_once_and_without_what_only_waits_for_it() {
        let tasks = vec![
            task("z", &["c"], false),
            task("a", &["c"], false),
            task("b", &["a"], false),
            task("c", &["b"], false),
        ];
        let expected = ["tasks[1].depends_on: is a cycle: a needs c needs b needs a"];
        assert_eq!(found(tasks), expected);
        let itself = vec![task("a", &["a"], false)];
        assert_eq!(
            found(itself),
            ["tasks[0].depends_on: is a cycle: a needs a"]
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let mut deep = task("leaf", &[], false);
        for _ in 0..DEPTH_MAX {
            let mut outer = task("outer", &[], false);
            outer.tasks = vec![deep];
            deep = outer;
        }
        let problems = found(vec![deep]);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].ends_with("nested deeper than 8"),
            "{problems:?}"
        );
    }
}

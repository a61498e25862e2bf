//! What two plans of one composite differ in.
//!
//! Tasks are matched by what they say before they are matched by their keys, so that a task that
//! only got another number is still the same task. Lines, groups and paths are no difference.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Plan, PlanTask};
use crate::task::TaskSpec;

/// What became of a task from one plan to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It says the same. Its key or its dependencies may be others.
    Kept,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has the same key and says something else.
    Changed,
}

impl Change {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One task in a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDiff {
    /// Its key: in the newer plan, or, for a removed one, in the older.
    pub key: String,
    /// Its key in the older plan, if that is another.
    pub was: Option<String>,
    /// Its title.
    pub title: String,
    /// What became of it.
    pub change: Change,
    /// Fields that differ, if it is changed. `tasks` means what is below it.
    pub fields: Vec<&'static str>,
    /// Keys of what it needs now and did not before.
    pub needs_more: Vec<String>,
    /// Keys (in the older plan) of what it needed before and does not now.
    pub needs_less: Vec<String>,
    /// Differences below it.
    pub tasks: Vec<Self>,
    /// Index among the siblings of the older plan.
    pub from: Option<usize>,
    /// Index among the siblings of the newer plan.
    pub to: Option<usize>,
}

/// What two plans differ in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// Fields of the composite itself that differ.
    pub fields: Vec<&'static str>,
    /// Every task of both plans: those of the newer one in its order, then the removed ones.
    pub tasks: Vec<TaskDiff>,
}

impl Diff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.tasks.iter().all(TaskDiff::is_same)
    }
}

impl TaskDiff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.change == Change::Kept
            && self.was.is_none()
            && self.needs_more.is_empty()
            && self.needs_less.is_empty()
    }
}

/// Compares two plans.
#[must_use]
pub fn diff(old: &Plan, new: &Plan) -> Diff {
    let mut fields = Vec::new();
    let ours = [
        ("title", old.goal.title != new.goal.title),
        ("goal", old.goal.goal != new.goal.goal),
        ("driver", old.goal.driver != new.goal.driver),
        ("checks", old.goal.checks != new.goal.checks),
        ("labels", old.labels != new.labels),
        ("priority", old.priority != new.priority),
        ("review", old.review != new.review),
    ];
    fields.extend(ours.iter().filter(|(_, differs)| *differs).map(|(f, _)| *f));
    Diff {
        fields,
        tasks: siblings(&old.tasks, &new.tasks),
    }
}

/// What a task says, without its key, place and dependencies. Two tasks with the same text are one.
fn says(task: &PlanTask) -> String {
    let below: Vec<_> = task
        .tasks
        .iter()
        .map(|child| (&child.key, says(child), &child.depends_on))
        .collect();
    // Paths are a hint: another one is not other work.
    let TaskSpec {
        title,
        goal,
        driver,
        checks,
        artifacts,
        paths: _,
    } = &task.spec;
    let (spec, task) = (
        (title, goal, driver, checks, artifacts),
        (
            &task.labels,
            task.priority,
            task.review,
            task.side_effects,
            below,
            &task.alternatives,
        ),
    );
    // Nothing of it cannot be written.
    serde_json::to_string(&(spec, task)).unwrap_or_default()
}

/// Whether two tasks are the same work: at most what is done of it differs.
pub(crate) fn is_same_work(old: &PlanTask, new: &PlanTask) -> bool {
    says(old) == says(new)
}

/// Takes boxes that were ticked since `old` for none: what the older plan has to do, in the same words,
/// is still to be done. Whoever works on a feature ticks boxes; that it is done, its proof says.
pub fn without_new_ticks(old: &[PlanTask], new: &mut [PlanTask]) {
    let pairs = Pairs::of(old, new);
    for (task, from) in new.iter_mut().zip(pairs.from) {
        let Some(before) = from.map(|i| &old[i]) else {
            continue;
        };
        if task.done && !before.done && is_same_work(before, task) {
            task.done = false;
        }
    }
}

/// Pairs of an older and a newer task that are one: by key and words, by words, by key.
struct Pairs {
    to: Vec<Option<usize>>,
    from: Vec<Option<usize>>,
}

impl Pairs {
    fn join(&mut self, old: usize, new: usize) {
        self.to[old] = Some(new);
        self.from[new] = Some(old);
    }

    fn of(old: &[PlanTask], new: &[PlanTask]) -> Self {
        let mut pairs = Self {
            to: vec![None; old.len()],
            from: vec![None; new.len()],
        };
        let old_says: Vec<_> = old.iter().map(says).collect();
        let new_says: Vec<_> = new.iter().map(says).collect();
        let by_key: HashMap<&str, usize> =
            (0..).zip(old).map(|(i, t)| (t.key.as_str(), i)).collect();
        let same_key = |j: usize| by_key.get(new[j].key.as_str()).copied();
        for (j, words) in new_says.iter().enumerate() {
            if let Some(i) = same_key(j).filter(|&i| old_says[i] == *words) {
                pairs.join(i, j);
            }
        }
        let mut by_words: HashMap<&str, Vec<usize>> = HashMap::new();
        for i in (0..old.len()).rev().filter(|&i| pairs.to[i].is_none()) {
            by_words.entry(&old_says[i]).or_default().push(i);
        }
        for (j, words) in new_says.iter().enumerate() {
            let free = pairs.from[j].is_none();
            let known = by_words.get_mut(words.as_str()).filter(|_| free);
            if let Some(i) = known.and_then(Vec::pop) {
                pairs.join(i, j);
            }
        }
        for j in (0..new.len())
            .filter(|&j| pairs.from[j].is_none())
            .collect::<Vec<_>>()
        {
            if let Some(i) = same_key(j).filter(|&i| pairs.to[i].is_none()) {
                pairs.join(i, j);
            }
        }
        pairs
    }
}

/// Compares the tasks of one parent.
pub(crate) fn siblings(old: &[PlanTask], new: &[PlanTask]) -> Vec<TaskDiff> {
    let pairs = Pairs::of(old, new);
    let old_keys: HashMap<&str, usize> = (0..).zip(old).map(|(i, t)| (t.key.as_str(), i)).collect();
    let mut found = Vec::with_capacity(new.len());
    for (j, task) in new.iter().enumerate() {
        let Some(i) = pairs.from[j] else {
            found.push(alone(task, Change::Added, None, Some(j)));
            continue;
        };
        let before = &old[i];
        let fields = fields(before, task);
        let change = match fields.is_empty() {
            true => Change::Kept,
            false => Change::Changed,
        };
        // What it needed before, by today's keys.
        let mut needed: BTreeSet<&str> = BTreeSet::new();
        let mut gone = Vec::new();
        for key in &before.depends_on {
            match old_keys.get(key.as_str()).and_then(|&i| pairs.to[i]) {
                Some(j) => {
                    needed.insert(&new[j].key);
                }
                None => gone.push(key.clone()),
            }
        }
        let needs: BTreeSet<&str> = task.depends_on.iter().map(String::as_str).collect();
        let more = needs.difference(&needed).map(|&key| key.to_owned());
        let less = needed.difference(&needs).map(|&key| key.to_owned());
        gone.extend(less);
        found.push(TaskDiff {
            key: task.key.clone(),
            was: (before.key != task.key).then(|| before.key.clone()),
            title: task.spec.title.clone(),
            change,
            fields,
            needs_more: more.collect(),
            needs_less: gone,
            tasks: siblings(&before.tasks, &task.tasks),
            from: Some(i),
            to: Some(j),
        });
    }
    let removed = (0..old.len()).filter(|&i| pairs.to[i].is_none());
    found.extend(removed.map(|i| alone(&old[i], Change::Removed, Some(i), None)));
    found
}

fn alone(task: &PlanTask, change: Change, from: Option<usize>, to: Option<usize>) -> TaskDiff {
    let below = task.tasks.iter().enumerate();
    TaskDiff {
        key: task.key.clone(),
        was: None,
        title: task.spec.title.clone(),
        change,
        fields: Vec::new(),
        needs_more: Vec::new(),
        needs_less: Vec::new(),
        tasks: below
            .map(|(i, child)| alone(child, change, from.map(|_| i), to.map(|_| i)))
            .collect(),
        from,
        to,
    }
}

fn fields(old: &PlanTask, new: &PlanTask) -> Vec<&'static str> {
    let below = |task: &PlanTask| -> Vec<_> {
        let children = task.tasks.iter();
        children
            .map(|child| {
                let words = (child.key.clone(), says(child), child.depends_on.clone());
                (words, marks(child))
            })
            .collect()
    };
    let all = [
        ("title", old.spec.title != new.spec.title),
        ("goal", old.spec.goal != new.spec.goal),
        ("driver", old.spec.driver != new.spec.driver),
        ("checks", old.spec.checks != new.spec.checks),
        ("labels", old.labels != new.labels),
        ("priority", old.priority != new.priority),
        ("review", old.review != new.review),
        ("side_effects", old.side_effects != new.side_effects),
        ("alternatives", old.alternatives != new.alternatives),
        ("done", old.done != new.done),
        ("tasks", below(old) != below(new)),
    ];
    let differ = all.iter().filter(|(_, differs)| *differs);
    differ.map(|(field, _)| *field).collect()
}

/// What is said to be done of a task and of all below it, in their order.
fn marks(task: &PlanTask) -> Vec<bool> {
    let below = task.tasks.iter().flat_map(marks);
    std::iter::once(task.done).chain(below).collect()
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.fields.is_empty() {
            writeln!(f, "~ the goal: {}", self.fields.join(", "))?;
        }
        self.tasks.iter().try_for_each(|task| task.write(f, 0))
    }
}

impl TaskDiff {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let sign = match self.change {
            Change::Kept if self.is_same() => ' ',
            Change::Kept | Change::Changed => '~',
            Change::Added => '+',
            Change::Removed => '-',
        };
        let indent = "  ".repeat(depth);
        write!(f, "{sign} {indent}{} {}", self.key, self.title)?;
        if let Some(was) = &self.was {
            write!(f, " (was {was})")?;
        }
        if !self.fields.is_empty() {
            write!(f, " [{}]", self.fields.join(", "))?;
        }
        for (sign, keys) in [('+', &self.needs_more), ('-', &self.needs_less)] {
            if !keys.is_empty() {
                write!(f, " {sign}needs {}", keys.join(", "))?;
            }
        }
        writeln!(f)?;
        self.tasks
            .iter()
            .try_for_each(|task| task.write(f, depth + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::task;
    use super::*;
    use crate::label::Labels;

    fn plan(tasks: Vec<PlanTask>) -> Plan {
        Plan {
            goal: task("goal", &[], false).spec,
            labels: Labels::default(),
            priority: 0,
            review: None,
            tasks,
            warnings: Vec::new(),
        }
    }

    fn named(key: &str, title: &str, depends_on: &[&str]) -> PlanTask {
        let mut named = task(key, depends_on, false);
        named.spec.title = title.to_owned();
        named.spec.goal = title.to_owned();
        named
    }

    fn check(old: Vec<PlanTask>, new: Vec<PlanTask>, expected: &str) {
        let diff = diff(&plan(old), &plan(new));
        assert_eq!(diff.to_string(), expected);
    }

    #[test]
    fn every_kind_of_change_is_told() {
        let old = vec![
            named("a", "model", &[]),
            named("b", "page", &["a"]),
            named("c", "style", &["b"]),
        ];
        let mut new = vec![
            named("a", "model", &[]),
            named("b", "page, better", &["a"]),
            named("d", "script", &["b"]),
        ];
        new[0].line = Some(7);
        new[1].priority = 3;
        let expected =
            "  a model\n~ b page, better [title, goal, priority]\n+ d script\n- c style\n";
        check(old, new, expected);
    }

    #[test]
    fn what_is_done_is_told_and_a_box_that_was_ticked_since_is_not() {
        let old = vec![
            named("a", "model", &[]),
            named("b", "page", &["a"]),
            task("c", &[], true),
        ];
        let mut new = old.clone();
        new[0].done = true;
        new[1].done = true;
        new[1].spec.goal = "better".to_owned();
        new[2].done = false;
        let mut outer = named("outer", "part", &[]);
        outer.tasks = new.clone();
        let mut before = outer.clone();
        before.tasks[0].done = false;
        let told = "~ b page [goal, done]\n~ c c [done]\n";
        check(
            old.clone(),
            new.clone(),
            &format!("~ a model [done]\n{told}"),
        );
        without_new_ticks(&old, &mut new);
        check(old, new, &format!("  a model\n{told}"));
        let expected = "~ outer part [tasks]\n~   a model [done]\n    b page\n    c c\n";
        check(vec![before], vec![outer], expected);
    }

    #[test]
    fn other_paths_are_not_other_work() {
        let mut new = vec![named("a", "model", &[])];
        new[0].spec.paths = vec!["src".to_owned()];
        check(vec![named("a", "model", &[])], new, "  a model\n");
    }

    #[test]
    fn a_task_that_only_got_another_number_is_the_same_task() {
        let old = vec![
            named("T001", "model", &[]),
            named("T002", "page", &["T001"]),
            named("T003", "docs", &["T002"]),
        ];
        let new = vec![
            named("T001", "setup", &[]),
            named("T002", "model", &["T001"]),
            named("T003", "page", &["T002"]),
            named("T004", "docs", &["T003"]),
        ];
        let expected = "+ T001 setup\n~ T002 model (was T001) +needs T001\n\
                        ~ T003 page (was T002)\n~ T004 docs (was T003)\n";
        check(old, new, expected);
    }

    #[test]
    fn twins_stay_what_they_are() {
        let twins = |keys: [&str; 2]| keys.map(|key| named(key, "test it", &[])).to_vec();
        check(
            twins(["a", "b"]),
            twins(["b", "a"]),
            "  b test it\n  a test it\n",
        );
        let expected = "  a test it\n~ c test it (was b)\n";
        check(twins(["a", "b"]), twins(["a", "c"]), expected);
    }

    #[test]
    fn what_is_below_a_task_is_compared_too() {
        let nested = |inner: Vec<PlanTask>| {
            let mut outer = named("outer", "part", &[]);
            outer.tasks = inner;
            vec![outer]
        };
        let old = nested(vec![named("x", "one", &[]), named("y", "two", &["x"])]);
        let new = nested(vec![named("x", "one", &[]), named("z", "three", &[])]);
        let expected = "~ outer part [tasks]\n    x one\n+   z three\n-   y two\n";
        check(old.clone(), new, expected);
        check(old.clone(), old, "  outer part\n    x one\n    y two\n");
    }

    #[test]
    fn a_dependency_that_is_gone_is_named_as_it_was() {
        let old = vec![named("a", "one", &[]), named("b", "two", &["a"])];
        let new = vec![named("b", "two", &[])];
        check(old, new, "~ b two -needs a\n- a one\n");
    }
}

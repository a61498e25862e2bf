//! The planner *file*: a plan written by hand or by a program, as YAML or JSON.
//!
//! Its form is published as a JSON Schema ([`SCHEMA`]). It is what `POST /schedule` takes as a
//! graph, without the place that the graph goes to.

use serde::Deserialize;
use serde_saphyr::{Spanned, budget, options};

use crate::check::{Check, CommandSpec, DriverSpec, Sha256Hex};
use crate::choice::{self, Alternative};
use crate::label::Labels;
use crate::limits::{
    DEPTH_MAX, PLAN_BYTES_MAX, PLAN_FILE_BYTES_MAX, PLAN_TASKS_MAX, TIMEOUT_SECS_DEFAULT,
};
use crate::task::TaskSpec;

use super::{Plan, PlanTask, Planned, Planner, PlannerKind, Problem, check, in_order};

/// The JSON Schema of a plan file (draft 2020-12).
pub const SCHEMA: &str = include_str!("../../../../docs/plan.schema.json");

/// A plan file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, for problems.
    pub name: String,
    /// Its content: JSON if it begins with a brace, else YAML.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    title: String,
    goal: Option<String>,
    driver: Option<RawDriver>,
    #[serde(default)]
    checks: Vec<RawCheck>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    priority: i16,
    review: Option<bool>,
    #[serde(default)]
    paths: Vec<String>,
    tasks: Vec<RawTask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTask {
    key: Spanned<String>,
    title: String,
    goal: Option<String>,
    #[serde(default)]
    depends_on: Vec<Spanned<String>>,
    driver: Option<RawDriver>,
    #[serde(default)]
    checks: Vec<RawCheck>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    priority: i16,
    #[serde(default)]
    review: bool,
    #[serde(default)]
    side_effects: bool,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    done: bool,
    group: Option<String>,
    #[serde(default)]
    tasks: Vec<Self>,
    best_of: Option<u8>,
    alternatives: Option<Vec<RawAlternative>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlternative {
    title: Option<String>,
    driver: Option<RawDriver>,
    labels: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    name: String,
    run: String,
    #[serde(default = "timeout_default")]
    timeout_secs: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDriver {
    command: RawCommand,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCommand {
    #[serde(default)]
    argv: Vec<String>,
    script: Option<String>,
    #[serde(default)]
    env: std::collections::BTreeMap<String, String>,
    #[serde(default = "timeout_default")]
    timeout_secs: u32,
}

fn timeout_default() -> u32 {
    TIMEOUT_SECS_DEFAULT
}

impl Planner for File {
    fn kind(&self) -> PlannerKind {
        PlannerKind::File
    }

    fn input_hash(&self) -> Sha256Hex {
        Sha256Hex::of(self.text.as_bytes())
    }

    fn plan(&self) -> Planned {
        let raw = self.parse().map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let driver = raw.driver.as_ref().map(DriverSpec::from);
        let mut found = Found {
            problems: &mut problems,
            bytes: 0,
        };
        let above = Above {
            driver: sound(driver.as_ref()),
            done: false,
        };
        let tasks = tasks(&raw.tasks, "", above, &mut found);
        let plan = Plan {
            goal: TaskSpec {
                goal: raw.goal.unwrap_or_else(|| raw.title.clone()),
                title: raw.title,
                driver,
                checks: raw.checks.iter().map(Check::from).collect(),
                artifacts: Vec::new(),
                paths: raw.paths,
            },
            labels: labels(&raw.labels, "labels", None, &mut problems),
            priority: raw.priority,
            review: raw.review,
            tasks,
            warnings: Vec::new(),
        };
        if plan.tasks.is_empty() {
            problems.push(Problem {
                file: String::new(),
                line: None,
                at: "tasks".into(),
                message: "must not be empty".into(),
            });
        }
        problems.extend(check::problems(&plan));
        if problems.is_empty() {
            return Ok(plan);
        }
        for problem in &mut problems {
            problem.file.clone_from(&self.name);
            if let Some(line) = line_of(&raw.tasks, &problem.at) {
                problem.line = Some(line);
            }
        }
        Err(in_order(problems))
    }
}

impl File {
    fn problem(&self, line: Option<u64>, message: String) -> Problem {
        Problem {
            file: self.name.clone(),
            line: line.and_then(known_line),
            at: String::new(),
            message,
        }
    }

    fn parse(&self) -> Result<RawPlan, Problem> {
        if self.text.len() > PLAN_FILE_BYTES_MAX {
            let message = format!("has more than {PLAN_FILE_BYTES_MAX} bytes");
            return Err(self.problem(None, message));
        }
        if self.text.trim_start().starts_with('{') {
            return serde_json::from_str(&self.text)
                .map_err(|error| self.problem(Some(error.line() as u64), error.to_string()));
        }
        let nodes = PLAN_TASKS_MAX * 32;
        let options = options! {
            strict_booleans: true,
            with_snippet: false,
            budget: budget! {
                max_events: nodes * 2,
                max_nodes: nodes,
                max_total_scalar_bytes: PLAN_FILE_BYTES_MAX,
                max_documents: 1,
                // Three levels for each task, and what a driver has below it.
                max_depth: 8 + 3 * usize::from(DEPTH_MAX),
            },
        };
        serde_saphyr::from_str_with_options(&self.text, options).map_err(|error| {
            let line = error.location().map(|location| location.line());
            let message = error.without_snippet().to_string();
            // The problem says the line itself.
            let end = message.rfind(" at line ").filter(|_| line.is_some());
            self.problem(line, message[..end.unwrap_or(message.len())].to_owned())
        })
    }
}

/// Line 0 means that the parser does not know it.
fn known_line(line: u64) -> Option<u32> {
    u32::try_from(line).ok().filter(|line| *line > 0)
}

fn line<T>(value: &Spanned<T>) -> Option<u32> {
    known_line(value.referenced.line())
}

impl From<&RawDriver> for DriverSpec {
    fn from(raw: &RawDriver) -> Self {
        let command = &raw.command;
        Self::Command(CommandSpec {
            argv: command.argv.clone(),
            script: command.script.clone(),
            env: command.env.clone(),
            timeout_secs: command.timeout_secs,
        })
    }
}

impl From<&RawCheck> for Check {
    fn from(raw: &RawCheck) -> Self {
        Self {
            name: raw.name.clone(),
            run: raw.run.clone(),
            timeout_secs: raw.timeout_secs,
        }
    }
}

fn labels(raw: &[String], at: &str, line: Option<u32>, problems: &mut Vec<Problem>) -> Labels {
    Labels::new(raw).unwrap_or_else(|refusal| {
        let problem = Problem::of_refusal(refusal);
        problems.push(Problem {
            line,
            at: at.to_owned(),
            ..problem
        });
        Labels::default()
    })
}

/// The ways to do a task.
fn alternatives(raw: &RawTask, at: &str, problems: &mut Vec<Problem>) -> Vec<Alternative> {
    let line = line(&raw.key);
    let list = raw.alternatives.as_ref().map(|list| {
        let one = |(i, one): (usize, &RawAlternative)| Alternative {
            title: one.title.clone(),
            driver: one.driver.as_ref().map(DriverSpec::from),
            labels: one.labels.as_ref().map(|list| {
                let at = format!("{at}alternatives[{i}].labels");
                labels(list, &at, line, problems)
            }),
        };
        list.iter().enumerate().map(one).collect()
    });
    choice::wanted(raw.best_of, list).unwrap_or_else(|refusal| {
        let problem = Problem::of_refusal(refusal.at(|field| format!("{at}{field}")));
        problems.push(Problem { line, ..problem });
        Vec::new()
    })
}

/// A driver that can be handed down. One that is refused is named once, and not copied.
fn sound(driver: Option<&DriverSpec>) -> Option<&DriverSpec> {
    driver.filter(|driver| driver.validate("driver").is_ok())
}

/// What is known of the tasks so far.
struct Found<'p> {
    problems: &'p mut Vec<Problem>,
    /// Bytes of all drivers that were inherited, alternatives included.
    bytes: usize,
}

impl Found<'_> {
    /// A copy of what a task inherits, as long as there is room for it. Says once that there is none.
    fn inherit(&mut self, driver: &DriverSpec, raw: &RawTask, at: &str) -> Option<DriverSpec> {
        let had_room = self.bytes <= PLAN_BYTES_MAX;
        let ways =
            raw.alternatives.as_ref().map_or(0, Vec::len) + usize::from(raw.best_of.unwrap_or(0));
        let bytes = driver.bytes().saturating_mul(1 + ways);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= PLAN_BYTES_MAX {
            return Some(driver.clone());
        }
        if had_room {
            let message = format!(
                "what the tasks up to here inherit has more than {PLAN_BYTES_MAX} bytes in all: put \
                 the driver's script into a file of the project"
            );
            self.problems.push(Problem {
                file: String::new(),
                line: line(&raw.key),
                at: format!("{at}driver"),
                message,
            });
        }
        None
    }
}

/// What tasks inherit.
#[derive(Clone, Copy)]
struct Above<'d> {
    /// How they are done if they do not say it.
    driver: Option<&'d DriverSpec>,
    /// Whether what they are part of is done, and they with it.
    done: bool,
}

/// Tasks, each with the driver that it inherits if it has none of its own.
fn tasks(raw: &[RawTask], prefix: &str, above: Above<'_>, found: &mut Found<'_>) -> Vec<PlanTask> {
    let one = |(i, raw): (usize, &RawTask)| {
        let at = format!("{prefix}tasks[{i}].");
        let own = raw.driver.as_ref().map(DriverSpec::from);
        let driver = own.or_else(|| found.inherit(above.driver?, raw, &at));
        let line = line(&raw.key);
        let done = raw.done || above.done;
        PlanTask {
            key: raw.key.value.clone(),
            labels: labels(&raw.labels, &format!("{at}labels"), line, found.problems),
            priority: raw.priority,
            review: raw.review,
            side_effects: raw.side_effects,
            depends_on: raw.depends_on.iter().map(|on| on.value.clone()).collect(),
            tasks: match raw.tasks.is_empty() {
                true => Vec::new(),
                false => {
                    let driver = sound(driver.as_ref());
                    tasks(&raw.tasks, &at, Above { driver, done }, found)
                }
            },
            alternatives: alternatives(raw, &at, found.problems),
            done,
            group: raw.group.clone(),
            line,
            spec: TaskSpec {
                title: raw.title.clone(),
                goal: raw.goal.clone().unwrap_or_else(|| raw.title.clone()),
                driver,
                checks: raw.checks.iter().map(Check::from).collect(),
                artifacts: Vec::new(),
                paths: raw.paths.clone(),
            },
        }
    };
    raw.iter().enumerate().map(one).collect()
}

/// Line of the dependency at a path such as `tasks[3].depends_on[0]`, if it names one.
fn line_of(mut tasks: &[RawTask], path: &str) -> Option<u32> {
    let index = |part: &str, name: &str| -> Option<usize> {
        let number = part.strip_prefix(name)?.strip_prefix('[')?;
        number.strip_suffix(']')?.parse().ok()
    };
    let mut found = None;
    for part in path.split('.') {
        if let Some(i) = index(part, "tasks") {
            let task = tasks.get(i)?;
            tasks = &task.tasks;
            found = Some(task);
        } else if let Some(d) = index(part, "depends_on") {
            return line(found?.depends_on.get(d)?);
        }
    }
    None
}

#[cfg(test)]
mod tests;

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
        let tasks = tasks(&raw.tasks, "", sound(driver.as_ref()), &mut found);
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

/// Tasks, each with the driver that it inherits if it has none of its own.
fn tasks(
    raw: &[RawTask],
    prefix: &str,
    inherited: Option<&DriverSpec>,
    found: &mut Found<'_>,
) -> Vec<PlanTask> {
    let one = |(i, raw): (usize, &RawTask)| {
        let at = format!("{prefix}tasks[{i}].");
        let own = raw.driver.as_ref().map(DriverSpec::from);
        let driver = own.or_else(|| found.inherit(inherited?, raw, &at));
        let line = line(&raw.key);
        PlanTask {
            key: raw.key.value.clone(),
            labels: labels(&raw.labels, &format!("{at}labels"), line, found.problems),
            priority: raw.priority,
            review: raw.review,
            side_effects: raw.side_effects,
            depends_on: raw.depends_on.iter().map(|on| on.value.clone()).collect(),
            tasks: match raw.tasks.is_empty() {
                true => Vec::new(),
                false => tasks(&raw.tasks, &at, sound(driver.as_ref()), found),
            },
            alternatives: alternatives(raw, &at, found.problems),
            done: false,
            group: None,
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
mod tests {
    use super::*;
    use crate::limits::COMMAND_BYTES_MAX;
    use serde_json::Value;

    const GREETING: &str = r#"
title: Greeting service
driver: { command: { argv: [make, agent] } }
checks:
  - { name: test, run: make test }
tasks:
  - key: model
    title: Write the model
    labels: [rust]
    paths: [src/model/, docs/model.md]
  - key: page
    title: Write the page
    goal: |
      A page that greets.
    depends_on: [model]
    driver: { command: { script: "echo hello > page", timeout_secs: 60 } }
    tasks:
      - { key: html, title: HTML }
"#;

    fn file(text: &str) -> File {
        File {
            name: "plan.yaml".to_owned(),
            text: text.to_owned(),
        }
    }

    fn problems(text: &str) -> Vec<String> {
        let problems = file(text).plan().unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn yaml_and_json_are_the_same_plan() {
        let plan = file(GREETING).plan().unwrap();
        assert_eq!(plan.goal.goal, "Greeting service");
        assert_eq!(plan.count(), 3);
        let [model, page] = &plan.tasks[..] else {
            panic!("two tasks");
        };
        assert_eq!(model.line, Some(7));
        assert_eq!(model.spec.driver, plan.goal.driver, "handed down");
        assert_eq!(model.spec.paths, ["src/model/", "docs/model.md"]);
        assert_eq!(page.depends_on, ["model"]);
        assert_eq!(page.spec.goal, "A page that greets.\n");
        assert_eq!(page.tasks[0].spec.driver, page.spec.driver);

        let json: Value = serde_saphyr::from_str(GREETING).unwrap();
        let mut from_json = file(&json.to_string()).plan().unwrap();
        from_json.tasks[0].line = model.line;
        from_json.tasks[1].line = page.line;
        from_json.tasks[1].tasks[0].line = page.tasks[0].line;
        assert_eq!(from_json, plan);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let unknown = "title: x\ntasks:\n- key: a\n  titel: y\n";
        let found = problems(unknown);
        assert!(
            found[0].starts_with("plan.yaml:4: ") && found[0].contains("titel"),
            "{found:?}"
        );
        let found = problems("title: x\ntasks:\n- { key: a, title: A, paths: [/a] }\n");
        let relative = "tasks[0].paths[0]: must be relative to the root of the project";
        assert_eq!(found, [format!("plan.yaml:3: {relative}")]);
        let found = problems("title: x\ntasks: []\n");
        assert_eq!(found, ["plan.yaml: tasks: must not be empty"]);
        let found = problems("{\"title\": \"x\",\n\"tasks\": 3}");
        assert!(found[0].starts_with("plan.yaml:2: "), "{found:?}");
    }

    #[test]
    fn a_dependency_that_is_unknown_or_closes_a_circle_is_named_with_its_line() {
        let text = "title: x\ntasks:\n\
            - { key: a, title: A, depends_on: [b] }\n\
            - key: b\n  title: B\n  depends_on:\n  - a\n  - zzz\n";
        let expected = [
            "plan.yaml:3: tasks[0].depends_on: is a cycle: a needs b needs a",
            "plan.yaml:8: tasks[1].depends_on[1]: there is no sibling zzz",
        ];
        assert_eq!(problems(text), expected);
    }

    #[test]
    fn a_task_may_ask_for_the_best_of_several() {
        let text = "title: x\ndriver: { command: { argv: [make] } }\ntasks:\n\
            - { key: a, title: A, best_of: 3 }\n\
            - key: b\n  title: B\n  labels: [rust]\n  alternatives:\n\
            \x20 - { title: by hand, driver: { command: { argv: [hand] } }, labels: [gpu] }\n\
            \x20 - {}\n";
        let plan = file(text).plan().unwrap();
        assert_eq!(plan.count(), 7, "alternatives are tasks");
        let made = plan.children();
        let titles = |of: usize| -> Vec<String> {
            let below = made[of].below();
            below.iter().map(|new| new.spec.title.clone()).collect()
        };
        assert_eq!(titles(0), ["1 of 3: A", "2 of 3: A", "3 of 3: A"]);
        assert_eq!(titles(1), ["1 of 2: by hand", "2 of 2: B"]);
        let below = made[1].below();
        let labels = |at: usize| below[at].requires.as_str();
        assert_eq!((labels(0), labels(1)), ("gpu", "rust"));
        assert_ne!(below[0].spec.driver, plan.goal.driver);
        assert_eq!(below[1].spec.driver, plan.goal.driver);

        let wrong = |task: &str| problems(&format!("title: x\ntasks:\n- {task}\n"));
        let bounds = "must be between 2 and 8";
        let named =
            |field: &str, what: &str| vec![format!("plan.yaml:3: tasks[0].{field}: {what}")];
        let found = wrong("{ key: a, title: A, best_of: 1 }");
        assert_eq!(found, named("best_of", bounds));
        let found = wrong("{ key: a, title: A, alternatives: [{}] }");
        assert_eq!(found, named("alternatives", bounds));
        let found = wrong("{ key: a, title: A, best_of: 2, side_effects: true }");
        assert!(
            found[0].starts_with("plan.yaml:3: tasks[0].side_effects: "),
            "{found:?}"
        );
        let found = wrong("{ key: a, title: A, best_of: 2, tasks: [{ key: b, title: B }] }");
        assert!(
            found[0].starts_with("plan.yaml:3: tasks[0].alternatives: "),
            "{found:?}"
        );
        let found = wrong("{ key: a, title: A, alternatives: [{ title: '' }, {}] }");
        assert!(
            found[0].starts_with("plan.yaml:3: tasks[0].alternatives[0].title: "),
            "{found:?}"
        );
    }

    #[test]
    fn a_small_file_cannot_become_a_large_plan() {
        let mut text = String::from("title: x\nx0: &x0 [a, b]\n");
        for i in 1..40 {
            text += &format!("x{i}: &x{i} [*x{0}, *x{0}]\n", i - 1);
        }
        assert_eq!(problems(&text).len(), 1);
        let deep = format!("title: {}", "[".repeat(10_000));
        assert_eq!(problems(&deep).len(), 1);
    }

    #[test]
    fn a_large_driver_is_not_copied_into_many_tasks() {
        let tasks: String = (0..2_000)
            .map(|i| format!("- {{ key: k{i}, title: A }}\n"))
            .collect();
        let with = |bytes: usize| {
            let script = "x".repeat(bytes);
            format!("title: x\ndriver: {{ command: {{ script: {script} }} }}\ntasks:\n{tasks}")
        };
        let fits = PLAN_BYTES_MAX / 2_000 - 1024;
        assert_eq!(file(&with(fits)).plan().unwrap().count(), 2_000);
        let found = problems(&with(fits + 2048));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(".driver: what the tasks up to here inherit"),
            "{found:?}"
        );
        // One that is refused is named where it stands, and at no task.
        let found = problems(&with(COMMAND_BYTES_MAX + 1));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("plan.yaml: driver.command."),
            "{found:?}"
        );
    }

    /// The schema and the parser say the same about every field.
    #[test]
    fn the_schema_has_the_fields_of_the_parser() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let parts = [
            (
                "",
                "title: x\ntasks:\n- {key: a, title: A}\nFIELD: ",
                "RawPlan",
            ),
            (
                "task",
                "title: x\ntasks:\n- key: a\n  title: A\n  FIELD: ",
                "RawTask",
            ),
            (
                "alternative",
                "title: x\ntasks:\n- key: a\n  title: A\n  alternatives:\n  - FIELD: ",
                "RawAlternative",
            ),
            (
                "check",
                "title: x\ntasks: []\nchecks:\n- name: a\n  run: A\n  FIELD: ",
                "RawCheck",
            ),
            (
                "command",
                "title: x\ntasks: []\ndriver:\n  command:\n    FIELD: ",
                "RawCommand",
            ),
        ];
        for (name, text, raw) in parts {
            let part = match name {
                "" => &schema,
                name => &schema["$defs"][name],
            };
            assert_eq!(part["additionalProperties"], false, "{raw}");
            let found = problems(&(text.replace("FIELD", "nonsense") + "3\n")).join("\n");
            // The message names all fields that the parser knows.
            let (_, known) = found
                .split_once("expected one of ")
                .expect("a list of fields");
            let mut known: Vec<_> = known.trim().split(", ").collect();
            known.sort_unstable();
            let fields = part["properties"].as_object().unwrap().keys();
            let mut fields: Vec<_> = fields.map(String::as_str).collect();
            fields.sort_unstable();
            assert_eq!(fields, known, "{raw}");
        }
    }
}

//! Files as people and programs write them.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::limits::COMMAND_BYTES_MAX;

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
    let named = |field: &str, what: &str| vec![format!("plan.yaml:3: tasks[0].{field}: {what}")];
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
fn what_is_done_is_done_with_everything_below_it() {
    let text = "title: x\ntasks:\n\
        - { key: a, title: A, done: true, group: 'Phase 1: Setup', tasks: [{ key: x, title: X }] }\n\
        - { key: b, title: B, depends_on: [a], tasks: [{ key: y, title: Y, done: true }] }\n\
        - { key: c, title: C, depends_on: [b] }\n";
    let plan = file(text).plan().unwrap();
    let [a, b, _] = &plan.tasks[..] else {
        panic!("three tasks");
    };
    assert_eq!(a.group.as_deref(), Some("Phase 1: Setup"));
    assert!(a.done && a.tasks[0].done && !b.done && b.tasks[0].done);
    let made: Vec<_> = plan.children();
    assert_eq!(made.len(), 1);
    assert_eq!((made[0].key.as_str(), made[0].depends_on.len()), ("c", 0));

    let found = problems("title: x\ntasks:\n- { key: a, title: A, done: maybe }\n");
    assert!(found[0].starts_with("plan.yaml:3: "), "{found:?}");
    let found = problems("title: x\ntasks:\n- { key: a, title: A, group: '' }\n");
    assert_eq!(found, ["plan.yaml:3: tasks[0].group: must not be empty"]);
}

/// A plan as a file, with every field of it.
fn written(plan: &Plan) -> Value {
    json!({
        "title": plan.goal.title,
        "goal": plan.goal.goal,
        "driver": plan.goal.driver.as_ref().map(driver),
        "checks": plan.goal.checks.iter().map(one_check).collect::<Vec<_>>(),
        "labels": plan.labels.iter().collect::<Vec<_>>(),
        "priority": plan.priority,
        "review": plan.review,
        "paths": plan.goal.paths,
        "tasks": plan.tasks.iter().map(one_task).collect::<Vec<_>>(),
    })
}

fn one_task(task: &PlanTask) -> Value {
    let way = |way: &Alternative| {
        json!({
            "title": way.title,
            "driver": way.driver.as_ref().map(driver),
            "labels": way.labels.as_ref().map(|labels| labels.iter().collect::<Vec<_>>()),
        })
    };
    let ways: Vec<_> = task.alternatives.iter().map(way).collect();
    json!({
        "key": task.key,
        "title": task.spec.title,
        "goal": task.spec.goal,
        "depends_on": task.depends_on,
        "driver": task.spec.driver.as_ref().map(driver),
        "checks": task.spec.checks.iter().map(one_check).collect::<Vec<_>>(),
        "labels": task.labels.iter().collect::<Vec<_>>(),
        "priority": task.priority,
        "review": task.review,
        "side_effects": task.side_effects,
        "paths": task.spec.paths,
        "done": task.done,
        "group": task.group,
        "tasks": task.tasks.iter().map(one_task).collect::<Vec<_>>(),
        "alternatives": (!ways.is_empty()).then_some(ways),
    })
}

fn driver(driver: &DriverSpec) -> Value {
    let DriverSpec::Command(command) = driver;
    json!({ "command": {
        "argv": command.argv,
        "script": command.script,
        "env": command.env,
        "timeout_secs": command.timeout_secs,
    } })
}

fn one_check(check: &Check) -> Value {
    json!({ "name": check.name, "run": check.run, "timeout_secs": check.timeout_secs })
}

/// Which fields a task has: a bit for each.
type Wish = (u16, i16);

/// A task of a file. Numbers say which; the first has nobody to wait for.
fn wished(number: usize, (bits, priority): Wish, below: Vec<Value>) -> Value {
    let has = |bit: u16| bits & (1 << bit) != 0;
    let mut task = json!({ "key": format!("k{number}"), "title": format!("Task {number}") });
    let mut set = |bit: u16, field: &str, value: Value| {
        if has(bit) {
            task[field] = value;
        }
    };
    set(0, "goal", json!("In words:\n- so"));
    set(
        1,
        "driver",
        json!({ "command": { "argv": ["make", number.to_string()] } }),
    );
    set(
        2,
        "checks",
        json!([{ "name": "test", "run": "make test", "timeout_secs": 7 }]),
    );
    set(3, "labels", json!(["gpu"]));
    set(4, "priority", json!(priority));
    set(5, "review", json!(true));
    set(6, "paths", json!(["src/parser/", "docs"]));
    set(7, "done", json!(true));
    set(8, "group", json!("Phase 1: Setup – first"));
    match (below.is_empty(), has(9), has(10)) {
        (false, ..) => task["tasks"] = json!(below),
        (true, true, _) => task["alternatives"] = json!([{ "title": "by hand", "labels": [] }, {}]),
        (true, false, true) => task["side_effects"] = json!(true),
        (true, false, false) => {}
    }
    if has(11) && number > 0 {
        task["depends_on"] = json!([format!("k{}", number - 1)]);
    }
    task
}

proptest! {
    /// Whoever changes a revision gets it as a file.
    #[test]
    fn a_plan_that_is_written_as_a_file_is_the_same_plan(
        goal: Wish,
        wishes in vec((any::<Wish>(), vec(any::<Wish>(), 0..3)), 1..5),
    ) {
        let list = |wishes: &[Wish]| -> Vec<Value> {
            let all = wishes.iter().enumerate();
            all.map(|(i, wish)| wished(i, *wish, Vec::new())).collect()
        };
        let tasks: Vec<_> = wishes
            .iter()
            .enumerate()
            .map(|(i, (wish, below))| wished(i, *wish, list(below)))
            .collect();
        // A goal has the fields of a task but those that place it among others.
        let mut text = wished(0, (goal.0 & 0b0111_1111, goal.1), tasks);
        text.as_object_mut().unwrap().remove("key");
        let plan = file(&text.to_string()).plan().unwrap();
        let mut again = file(&written(&plan).to_string()).plan().unwrap();
        without_lines(&mut again.tasks);
        let mut plan = plan;
        without_lines(&mut plan.tasks);
        prop_assert_eq!(again, plan);
    }
}

fn without_lines(tasks: &mut [PlanTask]) {
    for task in tasks {
        task.line = None;
        without_lines(&mut task.tasks);
    }
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

//! A plan that changes while its tasks are under way, on the real binary.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::bench::{Bench, json, until};

/// Tasks with what they do, a line each.
fn file(bench: &Bench, tasks: &[(&str, &str)]) {
    let mut text = "title: Change of mind\ntasks:\n".to_owned();
    for (key, script) in tasks {
        let driver = format!("{{ command: {{ script: \"{script}\" }} }}");
        text += &format!("  - {{ key: {key}, title: Do {key}, driver: {driver} }}\n");
    }
    std::fs::write(bench.path().join("plan.yaml"), text).unwrap();
}

fn state(bench: &Bench, id: &str) -> String {
    let shown = json(bench, &["task", "show", id]);
    shown["state"].as_str().unwrap().to_owned()
}

fn until_state(bench: &Bench, id: &str, wanted: &str) {
    until(&format!("{id} to be {wanted}"), || {
        (state(bench, id) == wanted).then_some(())
    });
}

/// The tasks of a revision, by key.
fn tasks(shown: &Value) -> BTreeMap<String, String> {
    let all = shown["tasks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.map(|task| (text(&task["key"]), text(&task["task"])))
        .collect()
}

/// What becomes of each key.
fn changes(bench: &Bench, goal: &str) -> Vec<String> {
    let diff = json(bench, &["plan", "diff", goal]);
    let all = diff["tasks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<_> = all
        .map(|one| format!("{} {}", text(&one["key"]), text(&one["change"])))
        .collect();
    all.sort_unstable();
    all
}

/// A goal with one task done and two under way; then a plan that keeps the one that is done, changes
/// one, removes one, and has another.
fn changed(bench: &Bench, running: &str) {
    bench.up(3);
    let gate = bench.path().join("gate");
    let wait = format!("until [ -e {} ]; do sleep 0.05; done", gate.display());
    file(
        bench,
        &[("done", "true"), ("other", &wait), ("gone", &wait)],
    );
    let create = ["goal", "create", "--plan", "plan.yaml", "--approve"];
    let made = json(bench, &create);
    let goal = made["goal"]["id"].as_str().unwrap().to_owned();
    let before = tasks(&made["plan"]);
    until_state(bench, &before["done"], "done");
    for key in ["other", "gone"] {
        until_state(bench, &before[key], "running");
    }
    file(
        bench,
        &[("done", "true"), ("other", "echo else"), ("new", "true")],
    );
    let propose = ["plan", "propose", &goal, "--plan", "plan.yaml"];
    bench.run(&propose).ok();
    let expected = ["done kept", "gone removed", "new added", "other changed"];
    assert_eq!(changes(bench, &goal), expected);
    bench
        .run(&["plan", "approve", &goal, "--running", running])
        .ok();
    let after = tasks(&json(bench, &["plan", "show", &goal]));
    assert_eq!(
        after["done"], before["done"],
        "what is kept is the same task"
    );
    assert_ne!(after["other"], before["other"]);
    match running {
        "cancel" => {
            for key in ["other", "gone"] {
                until_state(bench, &before[key], "cancelled");
            }
        }
        _ => {
            until_state(bench, &after["new"], "done");
            for key in ["other", "gone"] {
                assert_eq!(state(bench, &before[key]), "running");
            }
            std::fs::write(&gate, "").unwrap();
            for key in ["other", "gone"] {
                until_state(bench, &before[key], "done");
            }
        }
    }
    until_state(bench, &goal, "done");
    for id in after.values() {
        assert_eq!(state(bench, id), "done");
    }
    bench.run(&["down"]).ok();
    bench.assert_nothing_left();
}

#[test]
fn work_that_another_plan_does_not_want_is_called_off() {
    changed(&Bench::new(), "cancel");
}

#[test]
fn or_it_goes_on_to_its_end_if_the_approval_says_so() {
    changed(&Bench::new(), "finish");
}

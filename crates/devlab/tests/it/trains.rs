//! A train of fifty results on the real binary: how many runs of the checks it takes to land what is
//! good and to find what is not.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::bench::{Bench, json, until};

/// Results, and those among them that are bad.
const RESULTS: usize = 50;
const BAD: usize = 2;
/// A third of the runs that one by one would need.
const RUNS_MAX: usize = RESULTS / 3;

/// Fails on what is bad, but not beside the tree that a driver has left, so that it gets into the train.
/// Notes its runs there, and lets none of them end before it may.
fn project(at: &Path) -> String {
    let (runs, gate) = (at.join("runs"), at.join("verify"));
    let check = format!(
        "[ ! -e ../tree ] || exit 0; n=$(ls ok-* bad-* 2>/dev/null | wc -l); echo $n >>{}; until [ -e {} ]; do sleep 0.05; done; ! ls bad-* >/dev/null 2>&1",
        runs.display(),
        gate.display()
    );
    format!("[[check]]\nname = \"good\"\nrun = \"\"\"{check}\"\"\"\n")
}

/// Bad ones are claimed first, and deliver when they may.
fn plan(at: &Path) -> String {
    let mut text = String::from("title: Fifty at once\nreview: false\ntasks:\n");
    for n in 0..RESULTS {
        let (name, priority, first) = match n < BAD {
            true => {
                let gate = at.join("deliver");
                let wait = format!("until [ -e {} ]; do sleep 0.05; done; ", gate.display());
                (format!("bad-{n}"), 1, wait)
            }
            false => (format!("ok-{n}"), 0, String::new()),
        };
        writeln!(
            text,
            "  - {{ key: {name}, title: {name}, priority: {priority}, \
             driver: {{ command: {{ script: \"{first}echo {n} > {name}\" }} }} }}"
        )
        .unwrap();
    }
    text
}

/// How many tasks of a goal are in a state.
fn count(bench: &Bench, goal: &str, state: &str) -> usize {
    let list = json(bench, &["task", "list", "--goal", goal, "--state", state]);
    list.as_array().unwrap().len()
}

#[test]
fn fifty_results_with_two_bad_ones_take_a_third_of_the_runs() {
    let bench = Bench::new();
    bench.up(5);
    let at = bench.path();
    let policy = at.join("policy.yaml");
    std::fs::write(
        &policy,
        "retries: { check: { most: 0 }, conflict: { most: 0 } }\n",
    )
    .unwrap();
    bench.run(&["policy", "set", policy.to_str().unwrap()]).ok();
    let folder = bench.checkout("app");
    std::fs::create_dir_all(folder.join(".devlab")).unwrap();
    std::fs::write(folder.join(".devlab/project.toml"), project(at)).unwrap();
    bench.commit(&folder, "Look for what is bad");
    let look = ["run", "Look around", "--output", "json", "--", "true"];
    bench.run_in(&folder, &look).ok();
    std::fs::write(at.join("plan.yaml"), plan(at)).unwrap();
    let file = at.join("plan.yaml");
    let create = ["goal", "create", "--project", "app", "--approve", "--plan"];
    let made = json(&bench, &[&create[..], &[file.to_str().unwrap()]].concat());
    let goal = made["goal"]["id"].as_str().unwrap().to_owned();

    let good = RESULTS - BAD;
    until("all good results to be delivered", || {
        let waiting = count(&bench, &goal, "integrating") + count(&bench, &goal, "done");
        (waiting == good).then_some(())
    });
    std::fs::write(at.join("deliver"), "").unwrap();
    until("the bad ones to be in the train", || {
        let waiting = count(&bench, &goal, "integrating") + count(&bench, &goal, "done");
        (waiting == RESULTS).then_some(())
    });
    assert!(
        count(&bench, &goal, "done") < 3,
        "they are in the train together"
    );
    std::fs::write(at.join("verify"), "").unwrap();
    until(
        "the good ones to be in, and the bad ones to be found",
        || {
            let settled = [
                count(&bench, &goal, "done"),
                count(&bench, &goal, "waiting"),
            ];
            (settled == [good, BAD]).then_some(())
        },
    );
    let waiting = json(
        &bench,
        &["task", "list", "--goal", &goal, "--state", "waiting"],
    );
    for task in waiting.as_array().unwrap() {
        let title = task["title"].as_str().unwrap();
        assert!(title.starts_with("bad-"), "{title}");
        assert_eq!(task["waiting_for"], Value::from("attention"));
    }
    let runs = std::fs::read_to_string(at.join("runs")).unwrap();
    let sizes: Vec<&str> = runs.lines().collect();
    println!(
        "{} runs, on trees with so many results: {sizes:?}",
        sizes.len()
    );
    // Whichever result came first may have gone on its own, before there was a train.
    let alone = usize::from(sizes[0] == "1");
    let runs = sizes.len() - alone;
    assert!(runs <= RUNS_MAX, "{runs} runs: {sizes:?}");
    bench.run(&["down"]).ok();
    bench.assert_nothing_left();
}

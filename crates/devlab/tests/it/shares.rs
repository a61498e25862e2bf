//! Local agents that several orgs share.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use devlab_core::check::{CommandSpec, DriverSpec};
use devlab_core::rules::schedule::{self, NewTask, Place};
use devlab_core::task::{Made, TaskSpec};
use devlab_core::tx::Tx;
use devlab_store::sqlite::{SqliteOptions, SqliteStore};
use devlab_store::{Store, StoreExt};
use serde_json::Value;

use crate::bench::{Bench, json, until};

/// What one org has ready.
const MANY: usize = 100_000;
/// Tasks in one transaction.
const AT_ONCE: usize = 5_000;

/// Gates of the tasks of an org that work now. A task works until somebody writes into its gate.
fn gates(bench: &Bench, org: &str) -> Vec<PathBuf> {
    let found = std::fs::read_dir(bench.path().join(org)).unwrap();
    found.map(|entry| entry.unwrap().path()).collect()
}

/// What a task runs, so that it works until it is let go.
fn script(bench: &Bench, org: &str) -> String {
    let gates = bench.path().join(org);
    std::fs::create_dir(&gates).unwrap();
    let gate = format!("{}/$DEVLAB_TASK", gates.display());
    format!("mkfifo \"{gate}\"; cat \"{gate}\"; rm \"{gate}\"")
}

/// Puts very many into the default org of a lab that does not run: asking for each of them would
/// take longer than the test.
async fn fill(bench: &Bench, count: usize) {
    let options = SqliteOptions::for_system(bench.home().join("db"), Arc::new(|_| {}));
    let store: Arc<dyn Store> = SqliteStore::open(options).unwrap();
    let command = CommandSpec {
        argv: Vec::new(),
        script: Some(script(bench, "default")),
        env: BTreeMap::new(),
        timeout_secs: 600,
    };
    let new = NewTask {
        spec: TaskSpec {
            title: "One of many".to_owned(),
            goal: "Wait".to_owned(),
            driver: Some(DriverSpec::Command(command)),
            ..TaskSpec::default()
        },
        review: Some(false),
        ..NewTask::default()
    };
    for _ in 0..count / AT_ONCE {
        let new = new.clone();
        let create = move |tx: &mut dyn Tx| {
            let name = "default".parse().unwrap();
            let place = Place {
                org: tx.org_by_name(&name)?.unwrap().id,
                project: None,
                parent: None,
                depends_on: Vec::new(),
                draft: false,
            };
            (0..AT_ONCE).try_for_each(|_| {
                schedule::create(tx, &place, &new, &Made::by("operator:somebody")).map(drop)
            })
        };
        store.write(create).await.unwrap();
    }
    store.close().await.unwrap();
}

/// Many tasks of an org that work until they are let go.
fn schedule(bench: &Bench, org: &str, count: usize) {
    let script = script(bench, org);
    let tasks: Vec<Value> = (0..count)
        .map(|i| serde_json::json!({"key": format!("t{i}"), "title": format!("Task {i}")}))
        .collect();
    let graph = serde_json::json!({
        "title": "Much to do", "org": org, "tasks": tasks,
        "driver": {"command": {"script": script}},
    });
    std::fs::write(bench.path().join("graph.json"), graph.to_string()).unwrap();
    json(bench, &["goal", "schedule", "graph.json"]);
}

#[tokio::test]
async fn one_task_of_an_org_starts_within_two_releases_of_anothers_hundred_thousand() {
    let bench = Bench::new();
    bench.up(0);
    bench.run(&["down"]).ok();
    fill(&bench, MANY).await;
    let up = ["up", "--detach", "--agents", "2", "--agent-orgs", "all"];
    let said = bench.run(&up).ok().err;
    assert!(said.contains("several orgs share"), "{said}");
    json(&bench, &["org", "create", "other"]);
    let two_work = || {
        let gates = gates(&bench, "default");
        (gates.len() == 2).then_some(gates)
    };
    let mut working = until("two agents at work", two_work);

    let create = ["task", "create", "One", "--org", "other", "--", "true"];
    let one = json(&bench, &create);
    let one = one["id"].as_str().unwrap();
    let shown = json(&bench, &["task", "show", one]);
    assert_eq!(shown["state"], "ready", "no slot is free");
    let mut releases = 0;
    let done = || json(&bench, &["task", "show", one])["state"] == "done";
    while let Some(gate) = working.pop().filter(|_| releases < 2) {
        std::fs::write(&gate, "").unwrap();
        releases += 1;
        // Either the one starts, or another of the many does.
        let taken = until("whose turn it is", || {
            let again = gates(&bench, "default").len() == 2 && !gate.exists();
            (done() || again).then(done)
        });
        if taken {
            break;
        }
    }
    assert!(done(), "not within {releases} releases");

    // What it does not need any more goes back to those who have work.
    until("two agents at work", two_work);
    let agents = json(&bench, &["agents", "list"]);
    let names: Vec<&str> = agents
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["name"].as_str().unwrap())
        .collect();
    assert!(
        names.iter().any(|name| name.starts_with("other-local-")),
        "{names:?}"
    );
    bench.run(&["down", "--now"]).ok();
    bench.assert_nothing_left();
}

#[test]
fn an_org_gets_its_part_by_its_weight() {
    let bench = Bench::new();
    let up = [
        "up",
        "--detach",
        "--agents",
        "4",
        "--agent-orgs",
        "default, other",
    ];
    bench.run(&up).ok();
    json(&bench, &["org", "create", "other"]);
    std::fs::write(bench.path().join("policy.yaml"), "share: 3\n").unwrap();
    json(&bench, &["policy", "set", "policy.yaml", "--org", "other"]);
    schedule(&bench, "default", 40);
    let at_work = |org: &str, count: usize| {
        until(&format!("{count} of {org} at work"), || {
            let gates = gates(&bench, org);
            (gates.len() == count).then_some(gates)
        })
    };
    at_work("default", 4);
    schedule(&bench, "other", 40);
    for part in 1..=3 {
        let gate = at_work("default", 5 - part).remove(0);
        std::fs::write(gate, "").unwrap();
        at_work("other", part);
    }
    assert_eq!(
        gates(&bench, "default").len(),
        1,
        "three of four, for a weight of three"
    );
    bench.run(&["down", "--now"]).ok();
    bench.assert_nothing_left();
}

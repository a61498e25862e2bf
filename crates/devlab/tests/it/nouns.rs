//! Commands that talk to a lab, as programs and people use them.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use serde_json::Value;

use crate::bench::{Bench, json, until};

/// Runs a command and reads the object that it prints.
/// The objects of a stream, one a line.
fn stream(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_answer_is_one_object_for_programs() {
    let bench = Bench::new();
    bench.up(1);
    let token = json(&bench, &["token", "create", "viewer", "--org", "default"]);
    let id = token["id"]
        .as_str()
        .or(token["token"]["id"].as_str())
        .unwrap();
    let revoked = json(&bench, &["token", "revoke", id]);
    assert_eq!(revoked["revoked"], true, "{revoked}");

    let project = json(&bench, &["project", "create", "parser"]);
    let url = json(&bench, &["project", "clone-url", "parser"]);
    assert_eq!(url["project"], project["id"]);
    assert!(
        url["url"]
            .as_str()
            .unwrap()
            .ends_with("/default/parser.git")
    );

    let say = ["--", "sh", "-c", "echo one; printf two"];
    let task = json(&bench, &[&["task", "create", "Say"][..], &say].concat());
    let id = task["id"].as_str().unwrap();
    until("the end of the task", || {
        let goal = json(&bench, &["goal", "show", id]);
        assert_eq!(goal["goal"]["id"], id, "{goal}");
        assert!(goal["tasks"].is_array(), "{goal}");
        (goal["goal"]["state"] == "done").then_some(())
    });
    let log = bench
        .run(&["task", "logs", id, "--output", "json"])
        .ok()
        .out;
    let lines: Vec<Value> = stream(&log)
        .iter()
        .map(|line| line["line"].clone())
        .collect();
    assert!(lines.ends_with(&["one".into(), "two".into()]), "{log}");
    let log = bench.run(&["logs", "lab", "--output", "json"]).ok().out;
    assert!(stream(&log).iter().all(|line| line["name"] == "lab"));

    let down = json(&bench, &["down"]);
    assert_eq!(down["stopped"], true, "{down}");
    assert_eq!(json(&bench, &["down"])["stopped"], false);
}

#[test]
fn what_comes_out_of_a_checkout_is_told_to_programs() {
    let bench = Bench::new();
    bench.up(0);
    let folder = bench.checkout("tool");
    let run = [
        "run",
        "Later",
        "--no-wait",
        "--output",
        "json",
        "--",
        "true",
    ];
    let goal = bench.run_in(&folder, &run).ok().json();
    let goal = goal["goal"].as_str().unwrap();
    let sync = ["project", "sync", "--output", "json"];
    let sync = bench.run_in(&folder, &sync).ok().json();
    let head = bench.git(&folder, &["rev-parse", "HEAD"]);
    assert_eq!(sync["branch"], "main", "{sync}");
    assert_eq!(sync["landed"], head.as_str(), "{sync}");

    // Nobody has worked on it: there is nothing to show, and the token is not to blame.
    let diff = bench.run(&["task", "diff", goal]).fails_with(1);
    assert!(diff.err.contains("has no result yet"), "{}", diff.err);
    let error = bench.run(&["task", "diff", goal, "--output", "json"]);
    let error: Value = serde_json::from_str(&error.fails_with(1).err).unwrap();
    assert_eq!(error["code"], "conflict");
    assert!(error["request_id"].is_string() && error["help"].is_string());

    // What is called off can be tried again, as `devlab run` says of it.
    assert_eq!(
        json(&bench, &["task", "cancel", goal])["state"],
        "cancelled"
    );
    assert_eq!(json(&bench, &["task", "retry", goal])["state"], "ready");
}

#[test]
fn a_task_that_no_agent_can_do_gets_a_command_from_a_person() {
    let bench = Bench::new();
    bench.up(1);
    let task = json(&bench, &["task", "create", "Say"]);
    let id = task["id"].as_str().unwrap();
    let shown = bench.run(&["task", "show", id]).ok().out;
    let way_out = format!("`devlab task update {id} -- CMD`");
    assert!(shown.contains(&way_out), "{shown}");
    // One way at a time, and at least something.
    bench.run(&["task", "update", id]).fails_with(2);
    let both = [
        "task",
        "update",
        id,
        "--driver-command",
        "true",
        "--",
        "true",
    ];
    bench.run(&both).fails_with(2);

    let missing = [
        "task",
        "update",
        id,
        "--priority",
        "2",
        "--",
        "nosuchprogram",
    ];
    assert_eq!(json(&bench, &missing)["priority"], 2);
    until("the only try of what cannot be started", || {
        let task = json(&bench, &["task", "show", id]);
        let is_over = task["waiting_for"] == "attention";
        is_over.then(|| assert_eq!(task["attempts"], 1, "{task}"))
    });
    let script = ["task", "update", id, "--driver-command", "echo it is done"];
    json(&bench, &script);
    json(&bench, &["task", "retry", id]);
    until("the end of the task", || {
        (json(&bench, &["task", "show", id])["state"] == "done").then_some(())
    });
    let late = bench.run(&script).fails_with(1);
    assert!(late.err.contains("given a driver"), "{late:#?}");
}

#[test]
fn a_graph_in_a_circle_is_wrong_usage() {
    let bench = Bench::new();
    bench.up(0);
    let graph = r#"{"title": "Round", "tasks": [
        {"key": "a", "title": "A", "depends_on": ["b"]},
        {"key": "b", "title": "B", "depends_on": ["a"]}
    ]}"#;
    std::fs::write(bench.path().join("graph.json"), graph).unwrap();
    let ended = bench.run(&["goal", "schedule", "graph.json"]).fails_with(2);
    let place = "tasks[0].depends_on: this dependency would make a cycle";
    assert!(ended.err.contains(place), "{}", ended.err);
    assert_eq!(ended.err.matches("tasks[0]").count(), 1, "{}", ended.err);
}

#[test]
fn with_a_second_org_the_flag_and_the_orgs_are_named() {
    let bench = Bench::new();
    bench.up(0);
    bench.run(&["project", "create", "parser"]).ok();
    let alone = bench.run(&["project", "list"]).ok().out;
    assert!(!alone.contains("ORG"), "{alone}");
    bench.run(&["org", "create", "other"]).ok();
    let taken = bench.run(&["org", "create", "other"]).fails_with(1);
    assert!(taken.err.contains("an org named other"), "{}", taken.err);

    let which = bench.run(&["project", "create", "parser"]).fails_with(2);
    for part in ["--org", "default", "other"] {
        assert!(which.err.contains(part), "{}", which.err);
    }
    assert!(!which.err.contains("field"), "{}", which.err);
    bench
        .run(&["project", "create", "parser", "--org", "other"])
        .ok();
    let both = bench.run(&["project", "list"]).ok().out;
    for part in ["ORG", "default", "other"] {
        assert!(both.contains(part), "{both}");
    }
    let one = ["project", "show", "parser", "--org", "other"];
    assert_ne!(json(&bench, &one)["org"], Value::Null);
    bench.run(&["project", "show", "parser"]).fails_with(2);
}

#[test]
fn down_says_what_it_waits_for() {
    let bench = Bench::new();
    bench.up(1);
    let go = bench.path().join("go");
    // It works until somebody writes into the pipe.
    let wait = format!("mkfifo '{0}' && cat '{0}'", go.display());
    let wait = ["task", "create", "Slow work", "--", "sh", "-c", &wait];
    let task = json(&bench, &wait);
    let id = task["id"].as_str().unwrap();
    until("the work", || {
        let task = json(&bench, &["task", "show", id]);
        (task["state"] == "running" && go.exists()).then_some(())
    });
    let said = bench.path().join("said");
    let down = bench
        .devlab(&["down"])
        .stderr(std::fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    until("its words", || {
        let said = std::fs::read_to_string(&said).unwrap();
        said.contains("s at most: Slow work").then_some(())
    });
    std::fs::write(&go, "").unwrap();
    assert_eq!(crate::bench::wait(down), Some(0));
    bench.assert_nothing_left();
}

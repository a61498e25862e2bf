//! Several attempts at once on the real binary: real agents, real repositories, real checks.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bench::{Bench, json, until};

const PROJECT: &str = "[[check]]\nname = \"knows\"\nrun = \"grep -Eq 'one|two' answer\"\n";
/// Three ways, of which the last one is wrong.
const PLAN: &str = r#"
title: Find an answer
review: false
tasks:
  - key: answer
    title: Answer it
    alternatives:
      - driver: { command: { script: "echo one > answer" } }
      - { title: the other way, driver: { command: { script: "echo two > answer" } } }
      - driver: { command: { script: "echo three > answer" } }
  - key: copy
    title: Copy it
    depends_on: [answer]
    driver: { command: { script: "cp answer copy" } }
"#;

/// A lab whose failed checks and drivers are not tried again, and the id of its process.
fn lab(agents: usize, policy: &str) -> (Bench, i32) {
    let bench = Bench::new();
    let server = bench.up(agents);
    let file = bench.path().join("policy.yaml");
    let most = "retries: { check: { most: 0 }, driver: { most: 0 } }\n";
    std::fs::write(&file, format!("{most}{policy}")).unwrap();
    bench.run(&["policy", "set", file.to_str().unwrap()]).ok();
    let pid = server["process"]["pid"].as_i64().unwrap();
    (bench, i32::try_from(pid).unwrap())
}

/// A checkout whose project wants an answer.
fn checkout(bench: &Bench) -> PathBuf {
    let folder = bench.checkout("app");
    std::fs::create_dir_all(folder.join(".devlab")).unwrap();
    std::fs::write(folder.join(".devlab/project.toml"), PROJECT).unwrap();
    std::fs::write(folder.join("answer"), "one\n").unwrap();
    bench.commit(&folder, "Want an answer");
    let first = ["run", "Look around", "--output", "json", "--", "true"];
    bench.run_in(&folder, &first).ok();
    folder
}

fn show(bench: &Bench, id: &str) -> Value {
    json(bench, &["task", "show", id])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn choice(bench: &Bench, id: &str) -> Value {
    json(bench, &["task", "choose", id])
}

/// What each alternative waits for, or its state.
fn standings(choice: &Value) -> Vec<String> {
    let ways = choice["alternatives"].as_array().unwrap().iter();
    let of = |way: &Value| match way["waiting_for"].as_str() {
        Some(reason) => reason.to_owned(),
        None => text(&way["state"]),
    };
    ways.map(of).collect()
}

fn until_choice(bench: &Bench, id: &str, wanted: &[&str]) -> Value {
    until(&wanted.join(", "), || {
        let choice = choice(bench, id);
        (standings(&choice) == wanted).then_some(choice)
    })
}

fn until_done(bench: &Bench, id: &str) -> Value {
    until("the end of the goal", || {
        let shown = show(bench, id);
        (shown["state"] == "done").then_some(shown)
    })
}

#[test]
fn a_person_chooses_between_two_that_passed_after_the_lab_was_killed() {
    let (bench, pid) = lab(3, "");
    let folder = checkout(&bench);
    std::fs::write(bench.path().join("plan.yaml"), PLAN).unwrap();
    let plan = bench.path().join("plan.yaml");
    let create = ["goal", "create", "--project", "app", "--approve", "--plan"];
    let made = json(&bench, &[&create[..], &[plan.to_str().unwrap()]].concat());
    let goal = text(&made["goal"]["id"]);
    let planned = &made["plan"]["tasks"][0];
    let id = text(&planned["task"]);
    let ways: Vec<String> = (0..3)
        .map(|at| text(&planned["alternatives"][at]["task"]))
        .collect();
    let waits = ["approval", "approval", "attention"];
    let open = until_choice(&bench, &id, &waits);
    assert_eq!(open["chosen"], Value::Null);
    let titles: Vec<&str> = (0..3)
        .map(|at| open["alternatives"][at]["title"].as_str().unwrap())
        .collect();
    let expected = [
        "1 of 3: Answer it",
        "2 of 3: the other way",
        "3 of 3: Answer it",
    ];
    assert_eq!(titles, expected);
    let second = &open["alternatives"][1];
    assert_eq!(second["choosable"], true);
    let diff = serde_json::json!({"files": 1, "added": 1, "removed": 1});
    assert_eq!(second["diff"], diff, "{second}");
    assert_eq!(second["checks"][0]["passed"], true);
    assert_eq!(open["alternatives"][2]["choosable"], false);
    assert_eq!(open["alternatives"][2]["checks"][0]["passed"], false);
    let stuck = text(&show(&bench, &id)["stuck"]);
    assert!(stuck.contains("somebody has to choose"), "{stuck}");
    let listed = json(&bench, &["task", "list", "--state", "waiting"]);
    let listed = listed.as_array().unwrap().iter();
    let of_choice = listed.filter(|task| task["parent"] == id.as_str());
    assert!(
        of_choice
            .clone()
            .all(|task| task["choice"] == "alternative")
    );
    assert_eq!(of_choice.count(), 3, "each is in the inbox");

    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    bench.assert_nothing_left();
    bench.up(1);
    assert_eq!(choice(&bench, &id), open, "it survives");
    bench.run(&["task", "choose", &id, "4"]).fails_with(2);
    bench.run(&["task", "choose", &id, "3"]).fails_with(1);
    bench
        .run(&["task", "choose", &goal, &ways[0]])
        .fails_with(2);
    bench.run(&["task", "choose", &id, "2"]).ok();
    bench.run(&["task", "choose", &id, &ways[1]]).ok();
    let refused = bench.run(&["task", "choose", &id, "1"]).fails_with(1).err;
    assert!(refused.contains("was chosen already"), "{refused}");

    until_done(&bench, &goal);
    bench.run_in(&folder, &["project", "sync"]).ok();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(
        (read("answer"), read("copy")),
        ("two\n".into(), "two\n".into())
    );
    evidence(&bench, &folder, &id, &ways);
}

/// Who chose is kept, and so is the work of the others; both are part of what is proven.
fn evidence(bench: &Bench, folder: &std::path::Path, id: &str, ways: &[String]) {
    let taken = choice(bench, id);
    assert_eq!(standings(&taken), ["cancelled", "done", "cancelled"]);
    assert_eq!(taken["chosen"], ways[1].as_str());
    assert!(text(&taken["by"]).starts_with("admin:") && taken["at"].is_string());
    let asked = show(bench, &ways[1])["asks"][0].clone();
    assert_eq!(asked["kind"], "choice");
    assert_eq!(asked["answer"]["by"], taken["by"]);
    let audit = bench.run(&["audit"]).ok().out;
    assert!(audit.contains("task.choose"), "{audit}");

    let org = std::fs::read_dir(bench.home().join("repos"))
        .unwrap()
        .next();
    let mut found = std::fs::read_dir(org.unwrap().unwrap().path()).unwrap();
    let repo = found.next().unwrap().unwrap().path();
    for (at, way) in [(0, &ways[0]), (2, &ways[2])] {
        let head = text(&taken["alternatives"][at]["head"]);
        let refs = ["for-each-ref", "--format=%(refname)", "--points-at", &head];
        let refs = bench.git(&repo, &refs);
        assert!(refs.contains("refs/devlab/attempts/"), "{way}: {refs:?}");
    }
    let shown = bench.run(&["task", "show", &ways[0]]).ok().out;
    let head = text(&taken["alternatives"][0]["head"]);
    assert!(
        shown.contains(&head),
        "it names the commit that is kept: {shown}"
    );

    until("the provenance", || {
        let fetched = bench.run_in(folder, &["provenance", "fetch"]);
        let verified = bench.run_in(
            folder,
            &["provenance", "verify", "HEAD", "--output", "json"],
        );
        let holds = fetched.code == 0 && verified.code == 0;
        holds.then(|| assert_eq!(verified.json()["proven"], true))
    });
    let looked = json(bench, &["verify"]);
    assert_eq!(looked["ok"], true, "{looked}");
}

#[test]
fn the_first_is_taken_and_the_others_end() {
    let (bench, _) = lab(3, "choose: first\n");
    let folder = checkout(&bench);
    let script = "case $DEVLAB_TASK_TITLE in 2*) echo two > answer;; *) sleep 300;; esac";
    let run = [
        "run",
        "Be quick",
        "--best-of",
        "3",
        "--output",
        "json",
        "--",
        "sh",
        "-c",
        script,
    ];
    let ended = bench.run_in(&folder, &run).ok();
    let id = text(&ended.json()["task"]["id"]);
    let taken = choice(&bench, &id);
    assert_eq!(standings(&taken), ["cancelled", "done", "cancelled"]);
    assert_eq!(taken["by"], "policy");
    until("the end of the others", || {
        let agents = json(&bench, &["agents", "list"]);
        let free = |agent: &Value| agent["attempts"] == serde_json::json!([]);
        agents.as_array().unwrap().iter().all(free).then_some(())
    });
    bench.run(&["down"]).ok();
    bench.assert_nothing_left();
}

#[test]
fn a_run_waits_for_a_choice_and_says_so() {
    let (bench, _) = lab(2, "");
    let folder = checkout(&bench);
    let run = ["run", "Decide", "--best-of", "2", "--", "sh", "-c"];
    let script = "echo \"one $DEVLAB_TASK_TITLE\" > answer";
    let ended = bench.run_in(&folder, &[&run[..], &[script]].concat());
    let ended = ended.fails_with(7);
    assert!(
        ended.err.contains("2 of its alternatives passed"),
        "{}",
        ended.err
    );
    let id = text(&json(&bench, &["goal", "list"])[0]["id"]);
    let table = bench.run(&["task", "choose", &id]).ok();
    assert!(table.out.contains("can be chosen"), "{}", table.out);
    let first = text(&choice(&bench, &id)["alternatives"][0]["task"]);
    // To approve an alternative is to choose it.
    bench.run(&["task", "approve", &first]).ok();
    until_done(&bench, &id);
    bench.run_in(&folder, &["project", "sync"]).ok();
    let answer = std::fs::read_to_string(folder.join("answer")).unwrap();
    assert_eq!(answer, "one 1 of 2: Decide\n");
    let bad = ["run", "Decide", "--best-of", "9", "--", "true"];
    let refused = bench.run_in(&folder, &bad).fails_with(2).err;
    assert!(refused.contains("--best-of"), "{refused}");
}

#[test]
fn nothing_is_taken_if_all_fail_until_one_is_tried_again() {
    let (bench, _) = lab(2, "");
    let folder = checkout(&bench);
    let go = bench.path().join("go");
    let script = format!(
        "test -e '{}' && echo two > answer || echo no > answer",
        go.display()
    );
    let run = ["run", "Fail", "--best-of", "2", "--", "sh", "-c", &script];
    let ended = bench.run_in(&folder, &run).fails_with(1);
    assert!(ended.err.contains("it is running"), "{}", ended.err);
    let id = text(&json(&bench, &["goal", "list"])[0]["id"]);
    let none = choice(&bench, &id);
    assert_eq!(standings(&none), ["attention", "attention"]);
    assert_eq!(show(&bench, &id)["state"], "running");
    std::fs::write(go, "").unwrap();
    let second = text(&none["alternatives"][1]["task"]);
    bench.run(&["task", "retry", &second]).ok();
    until_done(&bench, &id);
    let taken = choice(&bench, &id);
    assert_eq!(standings(&taken), ["cancelled", "done"]);
    assert_eq!(taken["by"], "checks");
}

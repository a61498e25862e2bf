//! What `devlab run` does when no agent is there for a goal, and when one is there and busy.

use std::io::{BufRead, Read};
use std::process::Stdio;

use super::{Able, checkout, error};
use crate::bench::{Bench, until, wait};

#[test]
fn a_goal_that_no_agent_can_do_is_refused_and_leaves_no_task() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    bench.up(1);
    // No command, and no agent that has one.
    let refused = bench.run_in(&folder, &["run", "Do"]).fails_with(8);
    let said = error(&refused);
    assert!(said.contains("the labels driver=default"), "{refused:#?}");
    assert!(said.contains("a command after `--`"), "{refused:#?}");
    let hint = "`devlab agent --driver-command SCRIPT`";
    assert!(said.contains(hint), "{refused:#?}");
    // A label that nobody has is the same; programs get the code.
    let labelled = [
        "run", "Do", "--labels", "gpu", "--output", "json", "--", "true",
    ];
    let refused = bench.run_in(&folder, &labelled).fails_with(8);
    let last = refused.err.lines().last().unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["code"], "no_agent");
    let help = last["help"].as_str().unwrap();
    assert!(help.contains("`devlab agent --labels gpu`"), "{last}");
    let goals = || bench.run(&["goal", "list", "--output", "json"]).ok().json();
    assert_eq!(goals(), serde_json::json!([]));

    // Somebody who knows that an agent will come may say so.
    bench.run_in(&folder, &["run", "Do", "--no-wait"]).ok();
    assert_eq!(goals().as_array().unwrap().len(), 1);
}

#[test]
fn ctrl_c_ends_the_watching_and_not_the_task() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    bench.up(1);
    let go = bench.path().join("go");
    let script = format!("until test -e {}; do sleep 0.05; done", go.display());
    let mut run = bench
        .devlab(&["run", "Long", "--", "sh", "-c", &script])
        .current_dir(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let goal = || bench.run(&["goal", "list", "--output", "json"]).ok().json()[0].clone();
    let mut said = std::io::BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("an agent works on it") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0);
    }
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(wait(run), Some(130));
    assert!(rest.contains("it goes on without you"), "{rest}");
    assert_eq!(goal()["state"], "running");
    std::fs::write(go, "").unwrap();
    until("the end of the task", || {
        (goal()["state"] == "done").then_some(())
    });
}

#[test]
fn a_goal_waits_for_an_agent_that_is_busy() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    bench.up(0);
    let go = bench.path().join("go");
    let script = format!(
        "until test -e {}; do sleep 0.05; done; date > $DEVLAB_TASK",
        go.display()
    );
    let _able = Able::start(&bench, &script);
    bench.run_in(&folder, &["run", "First", "--no-wait"]).ok();
    let second = bench
        .devlab(&["run", "Second"])
        .current_dir(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("two goals", || {
        let goals = bench.run(&["goal", "list", "--output", "json"]).ok().json();
        (goals.as_array().unwrap().len() == 2).then_some(())
    });
    std::fs::write(go, "").unwrap();
    assert_eq!(wait(second), Some(0));
}

//! What people and checks say reaches whoever does a task, with real agents and repositories.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use serde_json::Value;

use crate::bench::{Bench, json, until};
use crate::run::Able;

fn until_state(bench: &Bench, id: &str, state: &str) -> Value {
    until(state, || {
        let shown = json(bench, &["task", "show", id]);
        (shown["state"] == state).then_some(shown)
    })
}

fn errand(bench: &Bench, script: &str, more: &[&str]) -> String {
    let create = [
        &["task", "create", "Errand"],
        more,
        &["--", "sh", "-c", script],
    ];
    let made = json(bench, &create.concat());
    made["id"].as_str().unwrap().to_owned()
}

fn goal(bench: &Bench) -> String {
    let goals = json(bench, &["goal", "list"]);
    goals[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_message_before_the_first_attempt_is_in_its_context() {
    let bench = Bench::new();
    bench.up(1);
    let heard = bench.path().join("heard");
    let script = format!("cp \"$DEVLAB_CONTEXT/prompt.md\" '{}'", heard.display());
    let id = errand(&bench, &script, &["--draft"]);
    bench.run(&["task", "tell", &id, "Mind the gap"]).ok();
    bench.run(&["task", "approve", &id]).ok();
    let done = until_state(&bench, &id, "done");
    assert_eq!(done["attempts"], 1);
    let heard = std::fs::read_to_string(heard).unwrap();
    assert!(heard.contains("says\n\nMind the gap"), "{heard}");
    bench.run(&["task", "tell", &id, "Too late"]).fails_with(1);
}

/// Waits for a message, says what it was, and that it was heard if `$1` says so.
fn listens(bench: &Bench, also_says_so: bool) -> String {
    let seen = bench.path().join("seen");
    let says = match also_says_so {
        true => "echo 1 > \"$DEVLAB_HEARD\"",
        false => ":",
    };
    format!(
        "if grep -q 'Use tabs' \"$DEVLAB_CONTEXT/prompt.md\"; then exit 0; fi; \
         until grep -q 'Use tabs' \"$DEVLAB_MESSAGES\"; do sleep 0.02; done; \
         cp \"$DEVLAB_MESSAGES\" '{0}'; {says}",
        seen.display()
    )
}

#[test]
fn a_driver_that_can_take_a_message_gets_it_and_otherwise_another_attempt_does() {
    let bench = Bench::new();
    bench.up(2);
    for (says_so, attempts) in [(true, 1), (false, 2)] {
        let seen = bench.path().join("seen");
        std::fs::remove_file(&seen).ok();
        let id = errand(&bench, &listens(&bench, says_so), &[]);
        until_state(&bench, &id, "running");
        bench.run(&["task", "tell", &id, "Use tabs"]).ok();
        let done = until_state(&bench, &id, "done");
        assert_eq!(done["attempts"], attempts, "{done}");
        let line = std::fs::read_to_string(&seen).unwrap();
        let message: Value = serde_json::from_str(line.trim_end()).unwrap();
        assert_eq!(
            (&message["number"], &message["message"]),
            (&1.into(), &"Use tabs".into())
        );
        assert!(
            message["by"].as_str().unwrap().starts_with("admin:"),
            "{line}"
        );
    }
    // What was done outside is not done again.
    let id = errand(&bench, &listens(&bench, false), &["--side-effects"]);
    until_state(&bench, &id, "running");
    bench.run(&["task", "tell", &id, "Use tabs"]).ok();
    assert_eq!(until_state(&bench, &id, "done")["attempts"], 1);
}

#[test]
fn a_running_attempt_is_told_only_so_much() {
    let bench = Bench::new();
    bench.up(1);
    let go = bench.path().join("go");
    let script = format!("until test -e '{}'; do sleep 0.05; done", go.display());
    let id = errand(&bench, &script, &[]);
    until_state(&bench, &id, "running");
    for _ in 0..8 {
        bench.run(&["task", "tell", &id, "More"]).ok();
    }
    let refused = bench.run(&["task", "tell", &id, "More"]).fails_with(2).err;
    assert!(refused.contains("messages to an attempt"), "{refused}");
    std::fs::write(go, "").unwrap();
    assert_eq!(until_state(&bench, &id, "done")["attempts"], 2);
}

#[test]
fn a_task_that_nobody_does_yet_is_told_only_so_much() {
    let bench = Bench::new();
    bench.up(1);
    let heard = bench.path().join("heard");
    let script = format!("cp \"$DEVLAB_CONTEXT/prompt.md\" '{}'", heard.display());
    let id = errand(&bench, &script, &["--draft"]);
    for n in 1..=16 {
        let message = format!("Message {n}.");
        bench.run(&["task", "tell", &id, &message]).ok();
    }
    let refused = bench.run(&["task", "tell", &id, "More"]).fails_with(2).err;
    assert!(refused.contains("wait for the next attempt"), "{refused}");
    bench.run(&["task", "approve", &id]).ok();
    assert_eq!(until_state(&bench, &id, "done")["attempts"], 1);
    let heard = std::fs::read_to_string(heard).unwrap();
    for n in 1..=16 {
        assert!(heard.contains(&format!("Message {n}.")), "{n}: {heard}");
    }
    assert!(!heard.contains("More"), "{heard}");
}

/// Each time that somebody does it, their machine goes away for good.
#[test]
fn a_task_whose_agents_are_lost_again_and_again_waits_for_somebody_in_the_end() {
    let bench = Bench::new().with_env(&[("DEVLAB_LEASE_SECS", "0.5".to_owned())]);
    bench.up(0);
    let policy = bench.path().join("policy.yaml");
    std::fs::write(&policy, "retries: { lost: { most: 1, first_ms: 10 } }\n").unwrap();
    bench.run(&["policy", "set", policy.to_str().unwrap()]).ok();
    let id = errand(&bench, "sleep 600", &[]);
    for attempt in 1..=2 {
        // Another one: who comes back goes on with what it had.
        let agent = Able::named(&bench, &format!("agent-{attempt}"), "true");
        let running = until_state(&bench, &id, "running");
        assert_eq!(running["attempts"], attempt, "{running}");
        drop(agent);
        until("the end of its lease", || {
            let shown = json(&bench, &["task", "show", &id]);
            (shown["tries"]["lost"] == attempt).then_some(())
        });
    }
    let waits = until_state(&bench, &id, "waiting");
    assert_eq!(waits["waiting_for"], "attention", "{waits}");
    assert_eq!(waits["attempts"], 2, "{waits}");
    bench.run(&["task", "update", &id, "--", "true"]).ok();
    bench.run(&["task", "retry", &id]).ok();
    let _agent = Able::named(&bench, "last", "true");
    assert_eq!(until_state(&bench, &id, "done")["attempts"], 3);
}

const PROJECT: &str = r#"
[[check]]
name = "greets"
run = "grep -q hello greeting || { echo 'no hello in greeting'; exit 1; }"
"#;

#[test]
fn a_failed_check_comes_back_with_its_log_up_to_the_limit() {
    let bench = Bench::new();
    let folder = bench.checkout("app");
    std::fs::create_dir_all(folder.join(".devlab")).unwrap();
    std::fs::write(folder.join(".devlab/project.toml"), PROJECT).unwrap();
    bench.commit(&folder, "checks");
    bench.up(1);
    std::fs::write(
        bench.path().join("policy.yaml"),
        "retries: { check: { most: 2, first_ms: 10 } }\n",
    )
    .unwrap();
    bench.run(&["policy", "set", "policy.yaml"]).ok();
    // It writes down, in its work, in how many tries it was told of the log.
    let script = "if grep -q 'no hello in greeting' \"$DEVLAB_CONTEXT/failed-check.log\" \
                  2> /dev/null; then echo told >> tries; else echo new > tries; fi";
    bench
        .run_in(&folder, &["run", "Greet", "--", "sh", "-c", script])
        .fails_with(1);
    let id = goal(&bench);
    let shown = json(&bench, &["task", "show", &id]);
    assert_eq!(shown["waiting_for"], "attention");
    assert_eq!(
        (&shown["attempts"], &shown["tries"]["check"]),
        (&3.into(), &3.into())
    );
    // On the same work: a person may go on with it.
    let fix = "echo hello > greeting";
    bench
        .run(&["task", "update", &id, "--", "sh", "-c", fix])
        .ok();
    bench.run(&["task", "retry", &id]).ok();
    until_state(&bench, &id, "done");
    bench.run_in(&folder, &["project", "sync"]).ok();
    let tries = std::fs::read_to_string(folder.join("tries")).unwrap();
    assert_eq!(tries, "new\ntold\ntold\n");
}

#[test]
fn comments_and_verdicts_start_another_attempt_on_the_same_work() {
    let bench = Bench::new();
    let folder = bench.checkout("app");
    bench.up(1);
    let script = "echo x >> lines; cp \"$DEVLAB_CONTEXT/prompt.md\" told.md";
    let run = ["run", "Grow", "--review", "--", "sh", "-c", script];
    bench.run_in(&folder, &run).fails_with(7);
    let id = goal(&bench);
    let patch = json(&bench, &["task", "show", &id])["patch"].clone();
    let patch = patch.as_str().unwrap();
    let reviewed = |attempts: i64| {
        until("the review", || {
            let shown = json(&bench, &["task", "show", &id]);
            let waits = shown["waiting_for"] == "review";
            (waits && shown["attempts"] == attempts).then_some(())
        });
    };
    bench
        .run(&["patch", "comment", patch, "A note", "--note"])
        .ok();
    reviewed(1);
    bench.run(&["patch", "comment", patch, "More lines"]).ok();
    reviewed(2);
    bench
        .run(&["patch", "reject", patch, "-m", "Still more"])
        .ok();
    reviewed(3);
    bench.run(&["patch", "accept", patch]).ok();
    until_state(&bench, &id, "done");
    bench.run_in(&folder, &["project", "sync"]).ok();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("lines"), "x\nx\nx\n");
    let told = read("told.md");
    assert!(
        told.contains("More lines") && told.contains("Still more"),
        "{told}"
    );
    assert!(!told.contains("A note"), "{told}");
}

/// The target has changed the same line by the time that the result gets there, each time anew.
#[test]
fn a_result_that_conflicts_again_and_again_waits_for_somebody_in_the_end() {
    let bench = Bench::new();
    bench.up(2);
    let policy = bench.path().join("policy.yaml");
    std::fs::write(&policy, "retries: { conflict: { most: 1 } }\n").unwrap();
    bench.run(&["policy", "set", policy.to_str().unwrap()]).ok();
    let folder = bench.checkout("app");
    std::fs::write(folder.join("line"), "first\n").unwrap();
    bench.commit(&folder, "A line");
    let look = ["run", "Look around", "--output", "json", "--", "true"];
    bench.run_in(&folder, &look).ok();
    // Each attempt says that it is there, and waits until somebody else was faster.
    let at = bench.path().to_owned();
    let script = format!(
        "n=$(ls {0}/here-* 2>/dev/null | wc -l); echo \"mine $n\" > line; touch {0}/here-$n; \
         until [ -e {0}/go-$n ]; do sleep 0.05; done",
        at.display()
    );
    let create = [
        "task",
        "create",
        "Slow",
        "--project",
        "app",
        "--review=false",
    ];
    let made = json(
        &bench,
        &[&create[..], &["--", "sh", "-c", &script]].concat(),
    );
    let id = made["id"].as_str().unwrap().to_owned();
    for attempt in 0..2 {
        until("an attempt", || {
            at.join(format!("here-{attempt}")).exists().then_some(())
        });
        let faster = format!("echo their {attempt} > line");
        let run = [
            "run", "Faster", "--output", "json", "--", "sh", "-c", &faster,
        ];
        bench.run_in(&folder, &run).ok();
        std::fs::write(at.join(format!("go-{attempt}")), "").unwrap();
    }
    let waits = until_state(&bench, &id, "waiting");
    assert_eq!(waits["waiting_for"], "attention", "{waits}");
    assert_eq!(
        (&waits["attempts"], &waits["tries"]["sent_back"]),
        (&2.into(), &2.into())
    );
}

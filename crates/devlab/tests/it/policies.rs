//! Policies on the command line, with real agents.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use crate::bench::{Bench, json, until};

const POLICY: &str = "\
# What we agreed on.
retries:
  driver: { most: 0 }
approvals:
  tasks: [[local]]
concurrency:
  total: 2
";

/// A task that says when it begins and when it ends.
fn task(bench: &Bench, more: &[&str]) -> String {
    let log = bench.path().join("log");
    let script = format!("echo + >> '{0}'; sleep 0.3; echo - >> '{0}'", log.display());
    let create = [
        &["task", "create", "Be seen"],
        more,
        &["--", "sh", "-c", &script],
    ];
    let made = json(bench, &create.concat());
    made["id"].as_str().unwrap().to_owned()
}

/// The most tasks that were under way at one time.
fn most_at_once(bench: &Bench) -> i32 {
    let log = std::fs::read_to_string(bench.path().join("log")).unwrap();
    let mut now = 0;
    let steps = log.lines().map(|line| {
        now += if line == "+" { 1 } else { -1 };
        now
    });
    steps.max().unwrap()
}

#[test]
fn a_policy_is_set_explained_and_kept() {
    let bench = Bench::new();
    bench.up(4);
    let none = bench.run(&["policy", "show"]).ok();
    assert!(
        none.err.contains("has no policy of its own"),
        "{}",
        none.err
    );
    std::fs::write(bench.path().join("policy.yaml"), POLICY).unwrap();
    let set = ["policy", "set", "policy.yaml", "--why", "we agreed"];
    let shown = bench.run(&set).ok().out;
    for words in [
        "policy of  org default",
        "number     1",
        "we agreed",
        "\"most\": 0",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let stale = ["policy", "set", "policy.yaml", "--instead-of", "0"];
    bench.run(&stale).fails_with(1);

    let tasks: Vec<String> = (0..8).map(|_| task(&bench, &[])).collect();
    until("all tasks", || {
        let done = |id: &String| json(&bench, &["task", "show", id])["state"] == "done";
        tasks.iter().all(done).then_some(())
    });
    assert_eq!(
        most_at_once(&bench),
        2,
        "four agents keep to the limit of two"
    );
    let explained = bench.run(&["policy", "explain"]).ok().out;
    let line = |name: &str| {
        let found = explained.lines().find(|line| line.contains(name));
        found
            .unwrap_or_else(|| panic!("{name}: {explained}"))
            .to_owned()
    };
    assert!(line("retries.driver.most").ends_with("org, number 1"));
    assert!(line("retries.check.most").ends_with("default"));

    let held = task(&bench, &["--labels", "local"]);
    let shown = bench.run(&["task", "show", &held]).ok().out;
    assert!(shown.contains("waiting: approval"), "{shown}");
    assert!(shown.contains("may it start?"), "{shown}");
    bench.run(&["task", "approve", &held]).ok();
    until("the approved task", || {
        (json(&bench, &["task", "show", &held])["state"] == "done").then_some(())
    });
    let told = json(&bench, &["task", "show", &held]);
    let by = told["asks"][0]["answer"]["by"].as_str().unwrap();
    assert!(by.starts_with("admin:"), "{told}");

    std::fs::write(bench.path().join("wrong.yaml"), "retries:\n  chek: {}\n").unwrap();
    let wrong = bench
        .run(&["policy", "set", "wrong.yaml"])
        .fails_with(2)
        .err;
    assert!(
        wrong.contains("wrong.yaml") && wrong.contains("line 2"),
        "{wrong}"
    );
    let goal = ["policy", "show", "--goal", &held];
    bench.run(&goal).ok();
    let history = json(&bench, &["policy", "history"]);
    assert_eq!(history.as_array().unwrap().len(), 1, "{history}");
}

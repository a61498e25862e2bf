//! `devlab demo`: it holds, and it does not without the context that its drivers need.

use crate::bench::Bench;

#[test]
fn the_demo_holds_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let mut command = bench.devlab(&["demo", "--once", "--output", "json"]);
    let ended = crate::bench::Ended::of(command.env("TMPDIR", bench.path()).output().unwrap()).ok();
    let report = ended.json();
    assert_eq!(report["ok"], true);
    assert_eq!(report["agents_killed"], 1);
    for count in ["checks_failed", "conflicts_resolved"] {
        assert!(report[count].as_u64().unwrap() >= 1, "{report:#}");
    }
    assert_eq!(report["tasks"].as_array().unwrap().len(), 12);
    assert_eq!(report["merges"].as_array().unwrap().len(), 12);
    bench.assert_nothing_left();
    assert_eq!(std::fs::read_dir(bench.path()).unwrap().count(), 0);
}

fn fails_without(context: &str, key: &str) {
    let bench = Bench::new();
    let args = [
        "demo",
        "--once",
        "--output",
        "json",
        "--withhold-context",
        context,
    ];
    let mut command = bench.devlab(&args);
    let ended = crate::bench::Ended::of(command.env("TMPDIR", bench.path()).output().unwrap());
    let report = ended.fails_with(1).json();
    assert_eq!(report["ok"], false);
    let tasks = report["tasks"].as_array().unwrap();
    let task = tasks.iter().find(|task| task["key"] == key).unwrap();
    assert_eq!(task["state"], "waiting", "{task:#}");
    bench.assert_nothing_left();
}

#[test]
fn the_demo_fails_without_the_log_of_the_failed_check() {
    fails_without("log", "export-csv");
}

#[test]
fn the_demo_fails_without_the_other_side_of_the_conflict() {
    let bench = Bench::new();
    let args = [
        "demo",
        "--once",
        "--output",
        "json",
        "--withhold-context",
        "conflict",
    ];
    let mut command = bench.devlab(&args);
    let ended = crate::bench::Ended::of(command.env("TMPDIR", bench.path()).output().unwrap());
    let report = ended.fails_with(1).json();
    assert_eq!(report["ok"], false);
    let tasks = report["tasks"].as_array().unwrap();
    let waiting: Vec<&str> = tasks
        .iter()
        .filter(|task| task["state"] == "waiting")
        .filter_map(|task| task["key"].as_str())
        .collect();
    // Whichever of the two landed second is the one that cannot go on.
    assert!(
        waiting == ["parser-comments"] || waiting == ["parser-dates"],
        "{waiting:?}"
    );
    bench.assert_nothing_left();
}

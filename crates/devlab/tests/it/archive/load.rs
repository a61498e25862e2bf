//! Backups that are taken while the lab works.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::{checkout, repository, verified, work};
use crate::bench::{Bench, until};

/// Backups taken one after the other.
const ROUNDS: usize = 3;
/// Looks at the lab while it works.
const LOOKS: usize = 4;

/// Goals that are done, as the lab says.
fn done(bench: &Bench) -> Vec<(String, String)> {
    let goals = bench.run(&["goal", "list", "--output", "json"]).ok().json();
    let goals = goals.as_array().unwrap().iter();
    goals
        .filter(|goal| goal["state"] == "done")
        .map(|goal| {
            let text = |key: &str| goal[key].as_str().unwrap().to_owned();
            (text("id"), text("published"))
        })
        .collect()
}

#[test]
fn a_backup_under_load_is_one_moment_of_the_lab() {
    let bench = Bench::sealing();
    let folder = checkout(&bench);
    bench.up(3);
    work(&bench, &folder, "first");
    let stop = AtomicBool::new(false);
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (bench, stop, folder) = (&bench, &stop, &folder);
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    work(bench, folder, &format!("w{worker}-{n}"));
                }
            });
        }
        for round in 0..ROUNDS {
            let last = taken
                .last()
                .map_or(1, |(before, _): &(Vec<_>, _)| before.len());
            let before = until("more work", || {
                let now = done(&bench);
                (now.len() > last + 1).then_some(now)
            });
            let to = bench.path().join(match round % 2 {
                0 => format!("backup-{round}.tar"),
                _ => format!("backup-{round}"),
            });
            let said = bench.run(&["backup", to.to_str().unwrap(), "--output", "json"]);
            assert_eq!(said.ok().json()["repositories"], 1);
            taken.push((before, to));
        }
        // A lab that works is looked at too; who works ends whatever comes of it.
        let reports = [(); LOOKS].map(|()| bench.run(&["verify", "--output", "json"]));
        stop.store(true, Ordering::SeqCst);
        for report in reports {
            assert_eq!(report.ok().json()["ok"], true);
        }
    });
    bench.run(&["down"]).ok();
    assert!(taken[ROUNDS - 1].0.len() > taken[0].0.len());
    for (before, archive) in taken {
        let mode = std::fs::metadata(&archive).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{archive:?}");
        restored(&before, &archive);
    }
}

/// The log of the attempt that did a task: its latest one may have verified what was merged.
fn log_of_work(bench: &Bench, task: &str) -> String {
    let attempts = ["task", "attempts", task, "--output", "json"];
    let attempts = bench.run(&attempts).ok().json();
    let mut attempts = attempts.as_array().unwrap().iter();
    let did = attempts.find(|one| one["kind"] == "work" && one["state"] == "succeeded");
    let number = did.unwrap()["number"].to_string();
    bench
        .run(&["task", "logs", task, "--attempt", &number])
        .ok()
        .out
}

/// Nothing that was acknowledged before is missing, everything holds, and work goes on.
fn restored(before: &[(String, String)], archive: &std::path::Path) {
    let fresh = Bench::sealing();
    let args = ["restore", archive.to_str().unwrap(), "--output", "json"];
    let said = fresh.run(&args).ok().json();
    assert_eq!(said["report"]["ok"], true, "{said:#}");
    let report = verified(&fresh);
    assert!(report["merges"].as_u64().unwrap() >= before.len() as u64);
    assert!(report["receipts"].as_u64().unwrap() > 0);
    let repo = repository(&fresh);
    fresh.git(&repo, &["fsck", "--full", "--strict"]);
    let history = fresh.git(&repo, &["log", "--format=%H", "main"]);
    fresh.up(2);
    let now = done(&fresh);
    for goal in before {
        assert!(now.contains(goal), "{goal:?}");
        assert!(history.contains(&goal.1), "{goal:?}");
        let log = log_of_work(&fresh, &goal.0);
        assert!(log.contains("is done"), "{goal:?}: {log}");
    }
    let all_done = || {
        let goals = fresh.run(&["goal", "list", "--output", "json"]).ok().json();
        let mut goals = goals.as_array().unwrap().iter();
        goals
            .all(|goal: &Value| goal["state"] == "done")
            .then_some(())
    };
    // What was under way is done by the new agents, each thing once.
    until("the rest", all_done);
    fresh.run(&["down"]).ok();
    let after = verified(&fresh);
    assert_eq!(after["ok"], true, "{after:#}");
    let subjects = fresh.git(&repo, &["log", "--first-parent", "--format=%s", "main"]);
    let mut merges: Vec<&str> = subjects
        .lines()
        .filter(|line| line.starts_with("Merge: "))
        .collect();
    let count = merges.len();
    merges.sort_unstable();
    merges.dedup();
    assert_eq!(merges.len(), count, "{subjects}");
    assert_eq!(after["merges"], count as u64);
}

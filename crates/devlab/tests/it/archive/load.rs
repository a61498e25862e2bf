//! Backups that are taken while the lab works.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::{checkout, repositories, verified, with_check, work};
use crate::bench::{Bench, Ended, until};
use crate::pair::Pair;

/// Backups taken one after the other.
const ROUNDS: usize = 3;
/// Looks at the lab while it works.
const LOOKS: usize = 4;

/// Goals that are done, as the lab says.
fn done(bench: &Bench) -> Vec<(String, String)> {
    done_of(bench.run(&["goal", "list", "--output", "json"]))
}

fn done_of(list: Ended) -> Vec<(String, String)> {
    let goals = list.ok().json();
    let goals = goals.as_array().unwrap().iter();
    goals
        .filter(|goal| goal["state"] == "done")
        .map(|goal| {
            let text = |key: &str| goal[key].as_str().unwrap().to_owned();
            (text("id"), text("published"))
        })
        .collect()
}

/// Whoever works sees that it is over, also when a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
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
        let over = Over(&stop);
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
        // A lab that works is looked at too.
        let reports = [(); LOOKS].map(|()| bench.run(&["verify", "--output", "json"]));
        drop(over);
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
    let repos = repositories(&fresh);
    let mut history = String::new();
    for repo in &repos {
        fresh.git(repo, &["fsck", "--full", "--strict"]);
        history.push_str(&fresh.git(repo, &["log", "--format=%H", "main"]));
        history.push('\n');
    }
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
    let subjects = repos.iter().map(|repo| {
        let log = fresh.git(repo, &["log", "--first-parent", "--format=%s", "main"]);
        log + "\n"
    });
    let subjects: String = subjects.collect();
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

/// Two servers, each the home of a project, both at work on theirs.
#[test]
fn a_backup_under_load_is_one_moment_of_two_homes() {
    let mut pair = Pair::new();
    for server in ["one", "two"] {
        pair.start(server, "api,loops,git", "");
    }
    pair.agent_named("ada", "one");
    pair.agent_named("grace", "two");
    let folders = ["tally", "notes"].map(|name| pair.bench.checkout(name));
    for folder in &folders {
        with_check(&pair.bench, folder);
    }
    let work = |n: usize, name: &str| {
        let script = format!("echo {name} > {name}; echo {name} is done");
        let args = ["run", name, "--", "sh", "-c", &script];
        pair.ask_in(["one", "two"][n], &folders[n], &args).ok();
    };
    for (n, name) in ["first", "second"].into_iter().enumerate() {
        work(n, name);
    }
    let two = pair.id("two");
    let moved = pair.asked("one", &["project", "move", "notes", "--to", &two]);
    assert_eq!(moved["home"], two.as_str());
    let stop = AtomicBool::new(false);
    let to = pair.bench.path().join("both.tar");
    let before = std::thread::scope(|scope| {
        let _over = Over(&stop);
        for worker in 0..2 {
            let (work, stop) = (&work, &stop);
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    work(worker, &format!("w{worker}-{n}"));
                }
            });
        }
        let list = || pair.ask("two", &["goal", "list", "--output", "json"]);
        let before = until("work on both", || {
            let now = done_of(list());
            (now.len() > 4).then_some(now)
        });
        let backup = ["backup", to.to_str().unwrap(), "--output", "json"];
        let said = pair.ask("one", &backup);
        // It was at work, and still is.
        until("work afterwards", || {
            (done_of(list()).len() > before.len() + 1).then_some(())
        });
        assert_eq!(said.ok().json()["repositories"], 2);
        before
    });
    restored(&before, &to);
}

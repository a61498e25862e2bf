//! `devlab demo`: it holds, it does not without the context that its drivers need, and it is gone
//! afterwards, however it ends.
#![expect(clippy::unwrap_used, reason = "fixtures of tests fail by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use devlab_store::conformance::postgres::Server as Postgres;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bench::{Bench, Ended, until, wait};

/// Most lines that a person has to look at in the end.
const SUMMARY_LINES_MAX: usize = 30;

/// One demo at a time: each keeps the whole machine busy.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub(crate) fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `devlab demo`, whose temporary folder is the bench's.
fn demo(bench: &Bench, args: &[&str]) -> Command {
    let mut command = bench.devlab(&[&["demo"], args].concat());
    command.env("TMPDIR", bench.path());
    command
}

fn once(bench: &Bench, args: &[&str]) -> Ended {
    let args = [&["--once", "--output", "json"], args].concat();
    Ended::of(demo(bench, &args).output().unwrap())
}

/// Nothing runs, and no file is there.
fn assert_gone(bench: &Bench) {
    bench.assert_nothing_left();
    let left: Vec<_> = std::fs::read_dir(bench.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn list<'a>(report: &'a Value, name: &str) -> &'a Vec<Value> {
    report[name].as_array().unwrap()
}

/// Every task is done, proven and merged once, and what had to go wrong did.
fn assert_holds(report: &Value) {
    assert_eq!(report["agents_killed"], 1);
    assert_eq!(list(report, "problems").len(), 0);
    for count in ["checks_failed", "conflicts_resolved"] {
        assert!(report[count].as_u64().unwrap() >= 1, "{report:#}");
    }
    let tasks = list(report, "tasks");
    assert!(tasks.len() > 8, "{tasks:#?}");
    for task in tasks {
        assert_eq!(
            (&task["state"], &task["proof"]),
            (&"done".into(), &"proven".into()),
            "{task:#}"
        );
        let own = list(report, "merges")
            .iter()
            .filter(|merge| merge["task_id"] == task["id"]);
        let own: Vec<&Value> = own.collect();
        assert_eq!(own.len(), 1, "{task:#}");
        assert_eq!(own[0]["commit"], task["merged_as"]);
        // A batch is proven by its last tree: the trees in its middle were never anybody's.
        let merges = list(report, "merges");
        let at = merges
            .iter()
            .position(|merge| merge["commit"] == own[0]["commit"]);
        let proven = merges[at.unwrap()..].iter().any(|merge| {
            ["test", "lint"].iter().all(|check| {
                list(report, "receipts").iter().any(|receipt| {
                    receipt["tree"] == merge["tree"]
                        && receipt["check"] == *check
                        && receipt["passed"] == true
                })
            })
        });
        assert!(proven, "{task:#}");
    }
}

#[test]
fn the_demo_holds_and_leaves_nothing_behind() {
    let _turn = turn();
    let bench = Bench::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let written = ["--report", file.path().to_str().unwrap()];
    let report = once(&bench, &written).ok().json();
    assert_eq!(report["ok"], true);
    let written = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), report);
    assert_holds(&report);
    assert_gone(&bench);
}

#[test]
fn the_demo_of_a_feature_is_compiled_done_ticked_off_and_its_provenance_holds() {
    let _turn = turn();
    let bench = Bench::new();
    let report = once(&bench, &["--spec-kit"]).ok().json();
    assert_holds(&report);
    assert_eq!(report["ticked"], list(&report, "tasks").len() - 1);
    let provenance = &report["provenance"];
    assert_eq!(provenance["proven"], true, "{provenance:#}");
    let goal = list(&report, "tasks")
        .iter()
        .find(|task| task["key"] == "goal");
    assert_eq!(provenance["commit"], goal.unwrap()["merged_as"]);
    let links = list(provenance, "links");
    for kind in ["goal", "plan", "task", "attempt", "receipts", "merge"] {
        assert!(links.iter().any(|link| link["kind"] == kind), "{kind}");
    }
    assert_gone(&bench);
}

#[test]
fn the_demo_holds_on_postgresql_and_leaves_nothing_there() {
    let _turn = turn();
    let bench = Bench::new();
    let postgres = Postgres::start(&[]);
    let url = postgres.create("demo");
    let play = || {
        let mut demo = demo(&bench, &["--once", "--output", "json"]);
        Ended::of(demo.env("DATABASE_URL", &url).output().unwrap())
    };
    let report = play().ok().json();
    assert_eq!(report["ok"], true);
    assert_holds(&report);
    assert_gone(&bench);
    let left = "SELECT sum(n) FROM (SELECT count(*) n FROM orgs UNION ALL SELECT count(*) FROM tasks \
                UNION ALL SELECT count(*) FROM servers UNION ALL SELECT count(*) FROM log_chunks) t";
    assert_eq!(postgres.sql("demo", left), "0");
    let mut stopped = demo(&bench, &[]);
    stopped.env("DATABASE_URL", &url);
    assert_eq!(interrupted(&bench, &mut stopped, &[Signal::INT]), Some(130));
    assert_eq!(postgres.sql("demo", left), "0");

    // Somebody's lab is left alone.
    const ORG: &str =
        "INSERT INTO orgs (id, name, created_at) VALUES (gen_random_uuid(), 'acme', 1)";
    postgres.sql("demo", ORG);
    let refused = play().fails_with(1);
    assert!(refused.err.contains("has a lab already"), "{refused:?}");
    assert_eq!(postgres.sql("demo", "SELECT name FROM orgs"), "acme");
    assert_gone(&bench);
}

/// Runs a demo that cannot succeed. Returns the keys of the tasks that wait for a person, and all.
fn waiting_without(context: &str) -> (Vec<String>, Value) {
    let _turn = turn();
    let bench = Bench::new();
    let ended = once(&bench, &["--withhold-context", context]).fails_with(1);
    assert!(
        ended.err.contains("the demo does not hold"),
        "{}",
        ended.err
    );
    let report = ended.json();
    assert_eq!(report["ok"], false);
    let waiting = list(&report, "tasks")
        .iter()
        .filter(|task| task["state"] == "waiting");
    let waiting = waiting
        .map(|task| task["key"].as_str().unwrap().to_owned())
        .collect();
    assert_gone(&bench);
    (waiting, report)
}

#[test]
fn the_demo_fails_without_the_log_of_the_failed_check() {
    let (waiting, report) = waiting_without("log");
    assert_eq!(waiting, ["export-csv"]);
    let tries = list(&report, "attempts")
        .iter()
        .filter(|attempt| attempt["task"] == "export-csv");
    let failures: Vec<&Value> = tries.map(|attempt| &attempt["failure"]).collect();
    // The same mistake each time.
    assert!(
        failures.len() > 2 && failures.iter().all(|failure| *failure == "check"),
        "{failures:?}"
    );
}

#[test]
fn the_demo_fails_without_the_other_side_of_the_conflict() {
    let (waiting, report) = waiting_without("conflict");
    // Whichever of the two landed second is the one that cannot go on.
    assert!(
        waiting == ["parser-comments"] || waiting == ["parser-dates"],
        "{waiting:?}"
    );
    assert_eq!(report["conflicts_resolved"], 0);
}

/// Reads lines until one has this in it.
fn line_with(from: &mut impl BufRead, part: &str) -> String {
    line_after(from, part).0
}

/// The same, with what was before it.
fn line_after(from: &mut impl BufRead, part: &str) -> (String, String) {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert!(
            from.read_line(&mut line).unwrap() > 0,
            "no line has {part}: {seen}"
        );
        if line.contains(part) {
            return (line, seen);
        }
        seen.push_str(&line);
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn what_was_done_is_brought_into_the_checkout_by_the_command_that_is_printed() {
    let _turn = turn();
    let bench = Bench::new();
    let mut child = demo(&bench, &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let (command, summary) = line_after(&mut out, "project sync");
    let lines = summary.lines().count();
    assert!(lines <= SUMMARY_LINES_MAX, "{lines} lines:\n{summary}");
    for part in [
        "failed checks put right: 1",
        "✓ 12 of 12",
        "`devlab demo --report FILE`",
    ] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    let invitation = line_with(&mut out, "The lab is at http://");
    let ended = Command::new("sh")
        .args(["-c", command.trim()])
        .output()
        .unwrap();
    let log = Ended::of(ended).ok().out;
    assert!(log.contains("Merge: Release tally 1.1"), "{log}");
    let folder = command
        .trim()
        .strip_prefix("cd ")
        .unwrap()
        .split(" && ")
        .next()
        .unwrap();
    let changes = std::fs::read_to_string(format!("{folder}/CHANGELOG.md")).unwrap();
    assert!(changes.contains("1.1.0"), "{changes}");
    assert_eq!(bench.git(folder.as_ref(), &["status", "--porcelain"]), "");
    let address = invitation
        .split("http://")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .and_then(|dashboard| dashboard.strip_suffix("/ui"))
        .unwrap();
    assert!(answers(address), "{address}");
    signal(&child, Signal::INT);
    assert_eq!(wait(child), Some(130));
    assert!(!answers(address));
    assert_gone(&bench);
}

/// Whether a lab's dashboard answers there.
fn answers(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let request =
        format!("GET /api/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.ends_with("{\"status\":\"ok\"}")
}

/// Starts a demo, sends signals while its agents are at work, and gives its exit code.
fn interrupted(bench: &Bench, demo: &mut Command, signals: &[Signal]) -> Option<i32> {
    let mut child = demo
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    line_with(&mut err, "parser-properties: begins");
    until("a driver", || {
        let running = bench.processes();
        running
            .iter()
            .any(|line| line.contains("worker.mjs"))
            .then_some(())
    });
    for one in signals {
        signal(&child, *one);
    }
    // Its words have to go somewhere.
    std::io::copy(&mut err, &mut std::io::sink()).unwrap();
    wait(child)
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let _turn = turn();
    for signals in [&[Signal::INT][..], &[Signal::INT, Signal::TERM]] {
        let bench = Bench::new();
        assert_eq!(
            interrupted(&bench, &mut demo(&bench, &[]), signals),
            Some(130),
            "{signals:?}"
        );
        assert_gone(&bench);
    }
}

#[test]
fn nothing_runs_on_after_a_kill() {
    let _turn = turn();
    let bench = Bench::new();
    assert_eq!(
        interrupted(&bench, &mut demo(&bench, &[]), &[Signal::KILL]),
        None
    );
    bench.assert_nothing_left();
}

//! Servers that stand still in the middle of something, a database whose standby takes over, and
//! tokens that end: with two servers, nothing is lost and nothing counts twice.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use devlab_testing::raw::Request;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::bench::{Ended, until};
use crate::pair::Pair;

const ALL: &str = "api,loops,git";
/// Longest time that a revoked token may be good at another server: far less than the five seconds
/// for which a server remembers one.
const REVOKED_MAX: Duration = Duration::from_secs(1);
/// Tokens that are revoked one after the other.
const TOKENS: usize = 20;
/// Goals that are under way when the database fails.
const GOALS: usize = 6;

/// A push of the checkout's branch with plain git, by way of a server.
fn push(pair: &Pair, server: &str, checkout: &Path) -> Command {
    let own = pair.credentials(server).unwrap();
    let (url, token) = (own["url"].as_str().unwrap(), own["token"].as_str().unwrap());
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(checkout)
        .args([
            "-c",
            &format!("http.extraHeader=Authorization: Bearer {token}"),
        ])
        .args([
            "push",
            "--quiet",
            &format!("{url}/git/default/tally.git"),
            "main",
        ])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn refs(pair: &Pair, repository: &Path) -> String {
    pair.bench.git(repository, &["for-each-ref"])
}

/// What the database says of a project and of what has happened.
fn said(pair: &Pair) -> (Value, Vec<Value>, Value) {
    let project = pair.asked("two", &["project", "show", "tally"]);
    let audit = pair.asked("two", &["audit"]);
    let pushes = audit.as_array().unwrap().iter();
    let pushes = pushes.filter(|entry| entry["action"] == "project.push");
    (project, pair.events("two"), pushes.cloned().collect())
}

#[test]
fn a_push_to_a_home_that_stood_still_and_was_lost_counts_once_it_is_repeated() {
    let mut pair = Pair::new().on_a_moved_clock();
    pair.start("one", ALL, "");
    pair.start("two", ALL, "");
    let checkout = pair.bench.checkout("tally");
    let project = pair.asked("one", &["project", "create", "tally"]);
    assert_eq!(project["home"], pair.id("one"), "where it was asked for");
    pair.there_and_back("tally");
    pair.kill("one");
    pair.start("one", ALL, "push.after_ref=stop");

    let pushing = push(&pair, "two", &checkout).spawn().unwrap();
    until("the home to stand still", || {
        pair.stands_still("one").then_some(())
    });
    pair.take_for_lost("tally");
    let commit = pair.bench.git(&checkout, &["rev-parse", "HEAD"]);
    let (old, new) = (pair.git_dir("one", &project), pair.git_dir("two", &project));
    assert_eq!(pair.bench.git(&old, &["rev-parse", "main"]), commit);
    let before = (said(&pair), refs(&pair, &new));
    assert_eq!((&before.0.0["head"], before.1.as_str()), (&Value::Null, ""));

    pair.signal("one", Signal::CONT);
    let refused = Ended::of(pushing.wait_with_output().unwrap());
    assert!(
        refused.code != 0 && refused.err.contains("503"),
        "{refused:?}"
    );
    pair.is_back("one");
    assert_eq!((said(&pair), refs(&pair, &new)), before);

    for server in ["two", "one"] {
        Ended::of(push(&pair, server, &checkout).output().unwrap()).ok();
    }
    let (project, events, pushes) = said(&pair);
    assert_eq!(project["head"], commit.as_str());
    assert_eq!(pushes.as_array().unwrap().len(), 1, "{pushes:#}");
    let pushed = events
        .iter()
        .filter(|event| event["kind"] == "project.pushed");
    assert_eq!(pushed.count(), 1, "{events:#?}");
    pair.bench.git(&new, &["fsck", "--strict"]);
}

/// `devlab run` with a check, which leaves before the work is done. Returns the goal.
fn scheduled(pair: &Pair, server: &str, checkout: &Path, name: &str) -> String {
    let script = format!("echo {name} >{name}");
    let check = format!("grep -q {name} {name}");
    let args = [
        "run",
        name,
        "--no-wait",
        "--check",
        &check,
        "--output",
        "json",
    ];
    let args = [&args[..], &["--", "sh", "-c", &script]].concat();
    let run = pair.ask_in(server, checkout, &args).ok().json();
    run["goal"].as_str().unwrap().to_owned()
}

/// Merges in the default branch, by the task that each names.
fn merged(pair: &Pair, repository: &Path) -> Vec<String> {
    let format = "--format=%(trailers:key=Devlab-Task,valueonly,separator=%x20)";
    let log = ["log", "--first-parent", "--merges", format, "main"];
    let mut tasks: Vec<_> = pair
        .bench
        .git(repository, &log)
        .lines()
        .map(str::to_owned)
        .collect();
    tasks.sort();
    tasks
}

/// A goal was worked on once, its result was checked, and it landed once.
fn assert_once(pair: &Pair, goal: &str) {
    assert_eq!(pair.times_done(goal), 1, "{goal}");
    let attempts = pair.asked("two", &["task", "attempts", goal]);
    let states: Vec<_> = attempts
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    let work: Vec<_> = states
        .iter()
        .filter(|state| **state != "succeeded")
        .collect();
    assert!(work.is_empty(), "{attempts:#}");
    let receipts = pair.asked("two", &["task", "receipts", goal]);
    let passed = receipts
        .as_array()
        .unwrap()
        .iter()
        .all(|one| one["passed"] == true);
    assert!(
        passed && !receipts.as_array().unwrap().is_empty(),
        "{receipts:#}"
    );
}

#[test]
fn a_completion_that_a_lost_home_was_taking_counts_once() {
    let mut pair = Pair::new().on_a_moved_clock();
    pair.start("one", ALL, "");
    pair.start("two", ALL, "");
    let checkout = pair.bench.checkout("tally");
    let project = pair.asked("one", &["project", "create", "tally"]);
    Ended::of(push(&pair, "one", &checkout).output().unwrap()).ok();
    pair.there_and_back("tally");
    pair.kill("one");
    pair.start("one", ALL, "server.before_complete=stop");
    let goal = scheduled(&pair, "one", &checkout, "hello");
    pair.agent("two");
    until("the home to stand still", || {
        pair.stands_still("one").then_some(())
    });

    pair.take_for_lost("tally");
    let (old, new) = (pair.git_dir("one", &project), pair.git_dir("two", &project));
    let its_own = refs(&pair, &old);
    assert!(its_own.contains("refs/devlab/attempts/"), "{its_own}");
    pair.signal("one", Signal::CONT);
    until("the goal", || {
        (pair.state_of("two", &goal) == "done").then_some(())
    });
    pair.is_back("one");
    assert_once(&pair, &goal);
    assert_eq!(merged(&pair, &new), [goal]);
    assert_eq!(refs(&pair, &old), its_own, "nobody looks at it any more");
    pair.bench.git(&new, &["fsck", "--strict"]);
}

#[test]
fn a_lost_home_takes_no_branch_along_that_the_records_know() {
    let mut pair = Pair::new().on_a_moved_clock();
    pair.start("one", ALL, "");
    pair.start("two", ALL, "");
    let checkout = pair.bench.checkout("tally");
    let project = pair.asked("one", &["project", "create", "tally"]);
    Ended::of(push(&pair, "one", &checkout).output().unwrap()).ok();
    pair.there_and_back("tally");
    // Goals whose branches the copy does not have; one of them has come to nothing already.
    let graph = json!({
        "title": "Nobody does this",
        "project": "tally",
        "tasks": [{ "key": "a", "title": "Wait", "labels": ["nobody-has-this"],
                    "driver": { "command": { "script": "true" } } }],
    });
    let file = pair.bench.path().join("graph.json");
    std::fs::write(&file, graph.to_string()).unwrap();
    let schedule = ["goal", "schedule", file.to_str().unwrap()];
    let (old, new) = (pair.git_dir("one", &project), pair.git_dir("two", &project));
    let goals = [(); 2].map(|()| pair.asked("one", &schedule)["goal"].clone());
    let branches = goals
        .each_ref()
        .map(|goal| format!("refs/heads/devlab/{}", goal.as_str().unwrap()));
    for branch in &branches {
        until("its branch", || {
            refs(&pair, &old).contains(branch).then_some(())
        });
        assert!(!refs(&pair, &new).contains(branch));
    }
    pair.ask("one", &["goal", "cancel", goals[0].as_str().unwrap()])
        .ok();
    pair.kill("one");
    pair.take_for_lost("tally");
    let there = refs(&pair, &new);
    for branch in &branches {
        assert!(there.contains(branch), "{branch} is not in {there}");
    }
    let report = pair.asked("two", &["verify"]);
    assert_eq!(
        (&report["ok"], &report["elsewhere"]),
        (&json!(true), &json!(0)),
        "{report:#}"
    );
}

#[test]
fn goals_go_on_when_a_standby_of_the_database_takes_over() {
    let (mut pair, standby) = Pair::with_standby();
    pair.start("one", ALL, "");
    pair.start("two", ALL, "");
    let checkout = pair.bench.checkout("tally");
    let project = pair.asked("one", &["project", "create", "tally"]);
    Ended::of(push(&pair, "one", &checkout).output().unwrap()).ok();
    let started = |pair: &Pair| -> Vec<Value> {
        let peers = pair.asked("two", &["peers"]);
        let peers = peers.as_array().unwrap().iter();
        peers.map(|peer| peer["started_at"].clone()).collect()
    };
    let before = started(&pair);
    let names: Vec<String> = (0..GOALS).map(|n| format!("goal-{n}")).collect();
    let servers = ["one", "two"].into_iter().cycle();
    let goals = names.iter().zip(servers);
    let goals: Vec<String> = goals
        .map(|(name, server)| scheduled(&pair, server, &checkout, name))
        .collect();
    pair.agent_named("ada", "one");
    pair.agent_named("grace", "two");
    until("the first goal", || {
        let is_done = |goal: &String| pair.state_of("two", goal) == "done";
        goals.iter().any(is_done).then_some(())
    });
    pair.postgres.stop();
    standby.promote();

    for goal in &goals {
        until("a goal", || {
            let shown = pair.ask("one", &["task", "show", goal, "--output", "json"]);
            (shown.code == 0 && shown.json()["state"] == "done").then_some(())
        });
    }
    for goal in &goals {
        assert_once(&pair, goal);
    }
    let repository = pair.git_dir("one", &project);
    let mut expected = goals;
    expected.sort();
    assert_eq!(merged(&pair, &repository), expected);
    pair.bench.git(&repository, &["fsck", "--strict"]);
    for server in ["one", "two"] {
        assert!(pair.is_running(server), "{server}");
    }
    assert_eq!(started(&pair), before, "nobody was started again");
}

/// A server's address and its admin's token.
fn own(pair: &Pair, name: &str) -> (SocketAddr, String) {
    let own = pair.credentials(name).unwrap();
    let url = own["url"].as_str().unwrap();
    let address = url.trim_start_matches("http://").parse().unwrap();
    (address, own["token"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_at_one_server_is_refused_by_the_other_at_once() {
    let mut pair = Pair::new();
    pair.start("one", ALL, "");
    pair.start("two", ALL, "");
    let ((one, admin), (two, _)) = (own(&pair, "one"), own(&pair, "two"));
    let mut slowest = Duration::ZERO;
    for _ in 0..TOKENS {
        let make = json!({ "role": "viewer", "org": "default" });
        let made = Request::post("/v1/tokens", &make).token(&admin);
        let made = made.send(one).await.json();
        let whoami = Request::get("/v1/whoami").token(made["secret"].as_str().unwrap());
        // It is remembered there.
        assert_eq!(whoami.send(two).await.status, 200);
        let id = made["token"]["id"].as_str().unwrap();
        let revoke = Request::new("DELETE", format!("/v1/tokens/{id}")).token(&admin);
        assert_eq!(revoke.send(one).await.status, 204);
        let since = Instant::now();
        while whoami.send(two).await.status != 401 {
            assert!(since.elapsed() < REVOKED_MAX, "it is still good");
        }
        slowest = slowest.max(since.elapsed());
    }
    assert!(slowest < REVOKED_MAX, "it took {slowest:?}");
}

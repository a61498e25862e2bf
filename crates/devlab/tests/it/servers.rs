//! Several servers on one database, each with a disk of its own.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use devlab_store::conformance::postgres::Server as Postgres;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::bench::{Bench, Ended, until};

/// Two servers, `one` and `two`, on a database of their own.
struct Pair {
    bench: Bench,
    postgres: Postgres,
    running: Vec<(&'static str, Child)>,
}

impl Pair {
    fn new() -> Self {
        let postgres = Postgres::start(&[]);
        postgres.create("devlab");
        Self {
            bench: Bench::new(),
            postgres,
            running: Vec::new(),
        }
    }

    fn home(&self, name: &str) -> PathBuf {
        self.bench.path().join(name)
    }

    /// Starts a server; again where it was, if it has been there before.
    fn start(&mut self, name: &'static str, roles: &str, faults: &str) {
        let bind = self.bind(name).unwrap_or("127.0.0.1:0".to_owned());
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.bench.path().join(format!("{name}.log")))
            .unwrap();
        let mut server = self.bench.devlab(&["server", "--roles", roles]);
        let server = server
            .env("DEVLAB_HOME", self.home(name))
            .env("DEVLAB_BIND", &bind)
            .env("DATABASE_URL", self.postgres.url("devlab"))
            .env("DEVLAB_BLOBS", self.bench.path().join("blobs"))
            .env("DEVLAB_FAULTS", faults)
            .env("DEVLAB_FAULTS_RECORD", self.record(name))
            .stdout(Stdio::null())
            .stderr(log);
        // What an earlier process of this server wrote is not taken for this one's.
        std::fs::remove_file(self.home(name).join("run/server.json")).ok();
        self.running.push((name, server.spawn().unwrap()));
        let ready = self.home(name).join("run/server.json");
        until("a server", || ready.exists().then_some(()));
    }

    fn record(&self, name: &str) -> PathBuf {
        self.bench.path().join(format!("{name}.points"))
    }

    fn bind(&self, name: &str) -> Option<String> {
        let url = self.credentials(name)?["url"].as_str()?.to_owned();
        Some(url.trim_start_matches("http://").to_owned())
    }

    fn credentials(&self, name: &str) -> Option<Value> {
        let bytes = std::fs::read(self.home(name).join("credentials.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn id(&self, name: &str) -> String {
        let id = std::fs::read_to_string(self.home(name).join("server-id")).unwrap();
        id.trim().to_owned()
    }

    /// Runs a command against a server, with the token that this one has written.
    fn ask(&self, name: &str, args: &[&str]) -> Ended {
        Ended::of_command(self.bench.devlab(args).env("DEVLAB_HOME", self.home(name)))
    }

    fn asked(&self, name: &str, args: &[&str]) -> Value {
        let args = [args, &["--output", "json"]].concat();
        self.ask(name, &args).ok().json()
    }

    /// An agent that talks to a server.
    fn agent(&mut self, server: &str) {
        let token = ["token", "create", "agent", "--org", "default"];
        let token = self.asked(server, &token)["secret"].clone();
        let url = self.credentials(server).unwrap()["url"].clone();
        let home = self.bench.path().join("agent");
        let log = std::fs::File::create(self.bench.path().join("agent.log")).unwrap();
        let mut agent = self.bench.devlab(&["agent", "--name", "ada", "--home"]);
        let agent = agent
            .arg(&home)
            .env("DEVLAB_URL", url.as_str().unwrap())
            .env("DEVLAB_TOKEN", token.as_str().unwrap())
            .stdout(Stdio::null())
            .stderr(log);
        self.running.push(("agent", agent.spawn().unwrap()));
    }

    fn child(&mut self, name: &str) -> &mut Child {
        let running = self.running.iter_mut().rev();
        let mut named = running.filter(|(known, _)| *known == name);
        &mut named.next().unwrap().1
    }

    fn signal(&mut self, name: &str, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child(name).id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn kill(&mut self, name: &str) {
        let child = self.child(name);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn stands_still(&mut self, name: &str) -> bool {
        let pid = self.child(name).id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        state == Some('T')
    }

    fn git_dir(&self, name: &str, project: &Value) -> PathBuf {
        let (org, id) = (
            project["org"].as_str().unwrap(),
            project["id"].as_str().unwrap(),
        );
        self.home(name).join(format!("repos/{org}/{id}.git"))
    }

    fn state_of(&self, name: &str, task: &str) -> String {
        let shown = self.asked(name, &["task", "show", task]);
        shown["state"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            child.kill().ok();
            child.wait().ok();
        }
        if std::thread::panicking() {
            for name in ["one", "two", "agent"] {
                let log = self.bench.path().join(format!("{name}.log"));
                let log = std::fs::read_to_string(log).unwrap_or_default();
                eprintln_log(name, &log);
            }
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a failed test says what its servers said"
)]
fn eprintln_log(name: &str, log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    let last = lines[lines.len().saturating_sub(30)..].join("\n");
    eprintln!("--- {name}\n{last}");
}

#[test]
fn a_request_reaches_the_home_whichever_server_gets_it() {
    let mut pair = Pair::new();
    pair.start("one", "git", "");
    pair.start("two", "api,loops", "");
    let refused = pair.ask("one", &["task", "list"]);
    assert!(
        refused.code != 0 && refused.err.contains("roles git"),
        "{refused:?}"
    );
    let peers = pair.asked("two", &["peers"]);
    let roles: Vec<_> = peers
        .as_array()
        .unwrap()
        .iter()
        .map(|peer| &peer["roles"])
        .collect();
    assert_eq!(roles, [&json!(["git"]), &json!(["api", "loops"])]);
    pair.agent("two");

    let checkout = pair.bench.checkout("tally");
    let (home, mut run) = (pair.home("two"), pair.bench.devlab(&["run", "Say hello"]));
    let run = run.args(["--check", "grep -q hello greeting", "--output", "json"]);
    let run = run.args(["--", "sh", "-c", "echo hello >greeting"]);
    let done = Ended::of_command(run.env("DEVLAB_HOME", &home).current_dir(&checkout));
    done.ok();
    let project = pair.asked("two", &["project", "show", "tally"]);
    assert_eq!(
        project["home"],
        pair.id("one"),
        "the only one that takes repositories"
    );
    let repository = pair.git_dir("one", &project);
    pair.bench.git(&repository, &["fsck", "--strict"]);
    let landed = pair.bench.git(&repository, &["show", "main:greeting"]);
    assert_eq!(landed, "hello");
    let goals = pair.asked("two", &["goal", "list"]);
    let goal = goals[0]["id"].as_str().unwrap().to_owned();
    let diff = pair.ask("two", &["task", "diff", &goal]).ok();
    assert!(diff.out.contains("+hello"), "{diff:?}");

    pair.kill("one");
    let away = pair.ask("two", &["task", "diff", &goal]);
    assert!(
        away.code != 0 && away.err.contains("repository"),
        "{away:?}"
    );
    assert_eq!(pair.state_of("two", &goal), "done", "the rest goes on");
    pair.running.retain(|(name, _)| *name != "one");
    let bind = pair.bind("one");
    pair.start("one", "git", "");
    assert_eq!(pair.bind("one"), bind);
    pair.ask("two", &["task", "diff", &goal]).ok();
}

/// A goal that is done and waits for a review. Its agent talks to the other server.
fn reviewed_goal(pair: &mut Pair, checkout: &Path) -> String {
    let args = ["run", "Say hello", "--review", "--output", "json"];
    let mut run = pair.bench.devlab(&args);
    let run = run.args(["--check", "grep -q hello greeting"]);
    let run = run.args(["--", "sh", "-c", "echo hello >greeting"]);
    let run = run
        .env("DEVLAB_HOME", pair.home("one"))
        .current_dir(checkout);
    pair.agent("two");
    // It waits for a review, and says so with its exit code.
    Ended::of_command(run).fails_with(7);
    let goals = pair.asked("two", &["goal", "list"]);
    goals[0]["id"].as_str().unwrap().to_owned()
}

fn is_there(pair: &Pair) -> bool {
    let peers = pair.asked("two", &["peers"]);
    peers[0]["there"].as_bool().unwrap()
}

/// Moves the repository away from a home that has been silent for a term, which has to be said.
fn take_for_lost(pair: &Pair) {
    until("the home to be missed", || (!is_there(pair)).then_some(()));
    let (one, two) = (pair.id("one"), pair.id("two"));
    let refused = pair.ask("two", &["project", "move", "tally", "--to", &two]);
    assert!(
        refused.code != 0 && refused.err.contains("does not answer"),
        "{refused:?}"
    );
    let project = pair.asked("two", &["project", "show", "tally"]);
    assert_eq!(project["home"], one.as_str());
    let lost = ["project", "move", "tally", "--to", &two, "--lost"];
    assert_eq!(pair.asked("two", &lost)["home"], two.as_str());
}

/// Lets the home go on where it stood: with the ref of its own old copy.
fn wake(pair: &mut Pair) {
    pair.signal("one", Signal::CONT);
    until("the home to go on", || {
        let points = std::fs::read_to_string(pair.record("one")).unwrap_or_default();
        points.contains("publish.after_ref").then_some(())
    });
    until("the home to be heard of again", || {
        is_there(pair).then_some(())
    });
}

fn times_done(pair: &Pair, goal: &str) -> usize {
    let events = pair.ask("two", &["events", "--output", "json"]).ok().out;
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let became_done = events.filter(|event| event["task"] == goal && event["data"]["to"] == "done");
    became_done.count()
}

#[test]
fn a_paused_home_that_wakes_after_its_repository_has_moved_changes_nothing() {
    let mut pair = Pair::new();
    pair.start("one", "api,loops,git", "");
    pair.start("two", "api,loops,git", "");
    let checkout = pair.bench.checkout("tally");
    let goal = reviewed_goal(&mut pair, &checkout);
    let project = pair.asked("one", &["project", "show", "tally"]);
    assert_eq!(project["home"], pair.id("one"), "where it was asked for");

    // There and back, so that the other one has a copy.
    for to in ["two", "one"] {
        let id = pair.id(to);
        let moved = pair.asked("two", &["project", "move", "tally", "--to", &id]);
        assert_eq!(moved["home"], id.as_str());
    }
    pair.kill("one");
    pair.running.retain(|(name, _)| *name != "one");
    pair.start("one", "api,loops,git", "publish.before_ref=stop");
    let patches = pair.asked("two", &["patch", "list"]);
    let patch = patches[0]["id"].as_str().unwrap().to_owned();
    pair.ask("two", &["patch", "accept", &patch]).ok();
    until("the home to stand still", || {
        pair.stands_still("one").then_some(())
    });

    take_for_lost(&pair);
    until("the goal", || {
        (pair.state_of("two", &goal) == "done").then_some(())
    });
    let there = pair.git_dir("two", &project);
    let two = pair.id("two");
    let head = pair.bench.git(&there, &["rev-parse", "main"]);

    wake(&mut pair);
    for server in ["one", "two"] {
        let project = pair.asked(server, &["project", "show", "tally"]);
        assert_eq!(project["home"], two.as_str());
        assert_eq!(project["head"], head.as_str());
        assert_eq!(pair.state_of(server, &goal), "done");
    }
    pair.bench.git(&there, &["fsck", "--strict"]);
    assert_eq!(pair.bench.git(&there, &["show", "main:greeting"]), "hello");
    assert_eq!(times_done(&pair, &goal), 1);

    // Work goes on, asked for at the old home and done at the new one.
    let mut run = pair.bench.devlab(&["run", "Say more", "--output", "json"]);
    let run = run.args(["--", "sh", "-c", "echo more >more"]);
    let run = run
        .env("DEVLAB_HOME", pair.home("one"))
        .current_dir(&checkout);
    Ended::of_command(run).ok();
    assert_eq!(pair.bench.git(&there, &["show", "main:more"]), "more");
}

#[test]
fn a_move_that_is_cut_off_leaves_the_repository_where_it_was() {
    let mut pair = Pair::new();
    pair.start("one", "api,loops,git", "");
    pair.start("two", "api,loops,git", "");
    let checkout = pair.bench.checkout("tally");
    let run = |pair: &Pair, what: &str| {
        let mut run = pair.bench.devlab(&["run", what, "--output", "json"]);
        let run = run.args(["--", "sh", "-c", &format!("echo {what} >>said")]);
        let run = run
            .env("DEVLAB_HOME", pair.home("one"))
            .current_dir(&checkout);
        Ended::of_command(run).ok();
    };
    pair.agent("one");
    run(&pair, "first");
    let (one, two) = (pair.id("one"), pair.id("two"));
    for point in ["move.after_copy", "move.after_begin", "move.before_finish"] {
        pair.kill("two");
        pair.running.retain(|(name, _)| *name != "two");
        pair.start("two", "api,loops,git", &format!("{point}=kill"));
        let cut = pair.ask("one", &["project", "move", "tally", "--to", &two]);
        assert!(cut.code != 0, "{point}: {cut:?}");
        // To where it is: nothing stands in its way any more.
        let stays = pair.asked("one", &["project", "move", "tally", "--to", &one]);
        assert_eq!(
            (&stays["home"], &stays["moving_to"]),
            (&json!(one), &Value::Null)
        );
        run(&pair, point);
    }
    pair.running.retain(|(name, _)| *name != "two");
    pair.start("two", "api,loops,git", "");
    let moved = pair.asked("one", &["project", "move", "tally", "--to", &two]);
    assert_eq!(moved["home"], two.as_str());
    run(&pair, "last");
    let said = pair
        .bench
        .git(&pair.git_dir("two", &moved), &["show", "main:said"]);
    let all = [
        "first",
        "move.after_copy",
        "move.after_begin",
        "move.before_finish",
        "last",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), all);
}

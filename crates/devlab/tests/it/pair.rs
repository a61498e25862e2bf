//! Two servers on one database, each with a disk of its own.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use devlab_store::conformance::postgres::Server as Postgres;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bench::{Bench, Ended, until};

/// A silence after which a server is missed.
const SILENCE_MS: u64 = 20_000;

/// Two servers, `one` and `two`, on a database of their own.
pub(crate) struct Pair {
    pub(crate) bench: Bench,
    pub(crate) postgres: Postgres,
    /// Where they find the database.
    pub(crate) url: String,
    /// By how much the time of all of them is moved; `None` if it is the machine's.
    moved_ms: Option<u64>,
    running: Vec<(&'static str, Child)>,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let postgres = Postgres::start(&[]);
        let url = postgres.create("devlab");
        Self::on(postgres, url)
    }

    /// With a standby of their database, which they know of.
    pub(crate) fn with_standby() -> (Self, Postgres) {
        let postgres = Postgres::start(&[]);
        postgres.create("devlab");
        let standby = postgres.standby();
        let url = postgres.url_of_either(&standby, "devlab");
        (Self::on(postgres, url), standby)
    }

    fn on(postgres: Postgres, url: String) -> Self {
        Self {
            bench: Bench::new(),
            postgres,
            url,
            moved_ms: None,
            running: Vec::new(),
        }
    }

    /// The same, whose time [`Self::goes_by`] moves.
    pub(crate) fn on_a_moved_clock(mut self) -> Self {
        self.moved_ms = Some(0);
        self
    }

    /// So much time goes by that a server that stands still is missed.
    pub(crate) fn silence(&mut self) {
        self.goes_by(SILENCE_MS);
    }

    /// So much time goes by.
    pub(crate) fn goes_by(&mut self, millis: u64) {
        let moved = self.moved_ms.as_mut().unwrap();
        *moved += millis;
        std::fs::write(self.bench.path().join("clock"), moved.to_string()).unwrap();
    }

    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.bench.path().join(name)
    }

    /// Starts a server; again where it was, if it has been there before.
    pub(crate) fn start(&mut self, name: &'static str, roles: &str, faults: &str) {
        self.spawn(name, roles, faults);
        self.is_ready(name);
    }

    /// Waits until it serves.
    pub(crate) fn is_ready(&self, name: &str) {
        let ready = self.home(name).join("run/server.json");
        until("a server", || ready.exists().then_some(()));
    }

    /// Starts several at the same moment.
    pub(crate) fn start_at_once(&mut self, names: &[&'static str], roles: &str) {
        for name in names {
            self.spawn(name, roles, "");
        }
        for name in names {
            self.is_ready(name);
        }
    }

    /// What a process has said so far.
    pub(crate) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.bench.path().join(format!("{name}.log"))).unwrap()
    }

    /// Starts a server, and does not wait for it.
    pub(crate) fn spawn(&mut self, name: &'static str, roles: &str, faults: &str) {
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
            .env("DATABASE_URL", &self.url)
            .env("DEVLAB_BLOBS", self.bench.path().join("blobs"))
            .env("DEVLAB_FAULTS", faults)
            .env("DEVLAB_FAULTS_RECORD", self.record(name))
            .stdout(Stdio::null())
            .stderr(log);
        if self.moved_ms.is_some() {
            server.env("DEVLAB_TEST_CLOCK_FILE", self.bench.path().join("clock"));
        }
        // What an earlier process of this server wrote is not taken for this one's.
        std::fs::remove_file(self.home(name).join("run/server.json")).ok();
        self.running.push((name, server.spawn().unwrap()));
    }

    pub(crate) fn record(&self, name: &str) -> PathBuf {
        self.bench.path().join(format!("{name}.points"))
    }

    pub(crate) fn bind(&self, name: &str) -> Option<String> {
        let url = self.credentials(name)?["url"].as_str()?.to_owned();
        Some(url.trim_start_matches("http://").to_owned())
    }

    pub(crate) fn credentials(&self, name: &str) -> Option<Value> {
        let bytes = std::fs::read(self.home(name).join("credentials.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    pub(crate) fn id(&self, name: &str) -> String {
        let id = std::fs::read_to_string(self.home(name).join("server-id")).unwrap();
        id.trim().to_owned()
    }

    /// A command against a server, with the token that this one has written.
    pub(crate) fn command(&self, name: &str, args: &[&str]) -> Command {
        let mut command = self.bench.devlab(args);
        command.env("DEVLAB_HOME", self.home(name));
        command
    }

    /// Runs it.
    pub(crate) fn ask(&self, name: &str, args: &[&str]) -> Ended {
        Ended::of_command(&mut self.command(name, args))
    }

    /// Runs it in a checkout.
    pub(crate) fn ask_in(&self, name: &str, folder: &Path, args: &[&str]) -> Ended {
        Ended::of_command(self.command(name, args).current_dir(folder))
    }

    pub(crate) fn asked(&self, name: &str, args: &[&str]) -> Value {
        let args = [args, &["--output", "json"]].concat();
        self.ask(name, &args).ok().json()
    }

    /// An agent, `ada`, that talks to a server.
    pub(crate) fn agent(&mut self, server: &str) {
        self.agent_named("ada", server);
    }

    /// One of this name.
    pub(crate) fn agent_named(&mut self, name: &'static str, server: &str) {
        let token = ["token", "create", "agent", "--org", "default"];
        let token = self.asked(server, &token)["secret"].clone();
        let url = self.credentials(server).unwrap()["url"].clone();
        let home = self.bench.path().join(format!("agent-{name}"));
        let log = std::fs::File::create(self.bench.path().join(format!("{name}.log"))).unwrap();
        let mut agent = self.bench.devlab(&["agent", "--name", name, "--home"]);
        let agent = agent
            .arg(&home)
            .env("DEVLAB_URL", url.as_str().unwrap())
            .env("DEVLAB_TOKEN", token.as_str().unwrap())
            .stdout(Stdio::null())
            .stderr(log);
        self.running.push((name, agent.spawn().unwrap()));
    }

    fn child(&mut self, name: &str) -> &mut Child {
        let running = self.running.iter_mut().rev();
        let mut named = running.filter(|(known, _)| *known == name);
        &mut named.next().unwrap().1
    }

    pub(crate) fn signal(&mut self, name: &str, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child(name).id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn kill(&mut self, name: &str) {
        let child = self.child(name);
        child.kill().unwrap();
        child.wait().unwrap();
        self.running.retain(|(known, _)| *known != name);
    }

    /// Whether it runs, or stands still.
    pub(crate) fn is_running(&mut self, name: &str) -> bool {
        self.child(name).try_wait().unwrap().is_none()
    }

    pub(crate) fn stands_still(&mut self, name: &str) -> bool {
        let pid = self.child(name).id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        state == Some('T')
    }

    /// Makes the other server the home of a project and this one again, so that both have a copy.
    pub(crate) fn there_and_back(&self, project: &str) {
        for to in ["two", "one"] {
            let id = self.id(to);
            let moved = self.asked("two", &["project", "move", project, "--to", &id]);
            assert_eq!(moved["home"], id.as_str());
        }
    }

    /// Moves a repository to `two` from a home that stands still, once that is missed.
    pub(crate) fn take_for_lost(&mut self, project: &str) {
        self.silence();
        let two = self.id("two");
        let lost = ["project", "move", project, "--to", &two, "--lost"];
        // What a server knows of the others is as old as its last beat.
        until("the move", || {
            (self.ask("two", &lost).code == 0).then_some(())
        });
    }

    /// Waits until a server has been heard of again.
    pub(crate) fn is_back(&self, name: &str) {
        let id = self.id(name);
        until("the server to be heard of again", || {
            let peers = self.asked("two", &["peers"]);
            let mut peers = peers.as_array().unwrap().iter();
            let own = peers.find(|peer| peer["id"] == id.as_str())?;
            own["there"].as_bool().unwrap().then_some(())
        });
    }

    /// Events so far.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let events = self.ask(name, &["events", "--output", "json"]).ok().out;
        let events = events.lines();
        events
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// How often a task became done.
    pub(crate) fn times_done(&self, task: &str) -> usize {
        let events = self.events("two").into_iter();
        let done = events.filter(|event| event["task"] == task && event["data"]["to"] == "done");
        done.count()
    }

    pub(crate) fn git_dir(&self, name: &str, project: &Value) -> PathBuf {
        let (org, id) = (
            project["org"].as_str().unwrap(),
            project["id"].as_str().unwrap(),
        );
        self.home(name).join(format!("repos/{org}/{id}.git"))
    }

    pub(crate) fn state_of(&self, name: &str, task: &str) -> String {
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
            for (name, _) in &self.running {
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

//! Processes that are started again when they have died, and what they died of.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::plan::{Action, Arm, Who};

/// The last words of a server that cannot say where it is.
const FULL_AT_START: &str = "run/server.json: No space left on device (os error 28)";
/// Most starts of one process in a round: beyond that it dies for another reason.
const STARTS_MAX: u32 = 25;
/// How often the keeper looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Signal number of SIGKILL.
const SIGKILL: i32 = 9;

/// How a process is started.
pub(super) struct Spec {
    pub(super) who: Who,
    pub(super) args: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    /// Folder of its log and its records.
    pub(super) folder: PathBuf,
    pub(super) arms: Vec<Arm>,
    pub(super) rest: Duration,
}

/// A process, dead or alive.
pub(super) struct Proc {
    spec: Spec,
    child: Option<Child>,
    starts: u32,
    /// What was armed when it was started.
    armed: Vec<Arm>,
    died: Option<Instant>,
    /// The runner sent it the SIGKILL that it will die of.
    shot: bool,
    /// Points that it was killed at.
    pub(super) kills: BTreeMap<String, u32>,
    pub(super) problems: Vec<String>,
    stopped: bool,
}

impl Proc {
    pub(super) fn new(spec: Spec) -> Self {
        Self {
            spec,
            child: None,
            starts: 0,
            armed: Vec::new(),
            died: None,
            shot: false,
            kills: BTreeMap::new(),
            problems: Vec::new(),
            stopped: false,
        }
    }

    pub(super) fn who(&self) -> Who {
        self.spec.who
    }

    fn name(&self) -> String {
        match self.spec.who {
            Who::Server => "server".to_owned(),
            Who::Other => "other".to_owned(),
            Who::Agent(number) => format!("agent-{number}"),
        }
    }

    fn record(&self) -> PathBuf {
        self.record_of(self.starts)
    }

    fn record_of(&self, start: u32) -> PathBuf {
        let name = self.name();
        self.spec.folder.join(format!("{name}.points.{start}"))
    }

    fn log(&self) -> PathBuf {
        self.spec.folder.join(format!("{}.log", self.name()))
    }

    pub(super) fn start(&mut self) {
        self.starts += 1;
        self.armed.clone_from(&self.spec.arms);
        let arms = self.armed.iter().map(|arm| {
            let action = match arm.action {
                Action::Kill => "kill",
                Action::Full => "full",
            };
            format!("{}={action}@{}", arm.point, arm.nth)
        });
        let plan: Vec<String> = arms.collect();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_devlab"))
            .args(&self.spec.args)
            .current_dir(&self.spec.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.spec.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // Every log is sealed while others still grow.
            .env("DEVLAB_SEAL_AFTER_SECS", "0.2")
            .env("DEVLAB_TEST_SEAL_FROM", "1")
            .envs(&self.spec.env)
            .env("DEVLAB_FAULTS", plan.join(","))
            .env("DEVLAB_FAULTS_RECORD", self.record())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        self.died = None;
        self.shot = false;
    }

    /// Points from now on.
    pub(super) fn arm(&mut self, arms: Vec<Arm>) {
        self.spec.arms = arms;
    }

    /// Variables from now on.
    pub(super) fn set_env(&mut self, name: &str, value: &str) {
        self.spec.env.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        if let Some(child) = &self.child {
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            // It may have ended by itself: then its end is looked at as that.
            let sent = kill_process(pid, signal).is_ok();
            self.shot |= sent && signal == Signal::KILL;
        }
    }

    /// Processes below it, its drivers' supervisors among them, and itself.
    pub(super) fn tree(&self) -> Vec<i32> {
        let Some(child) = &self.child else {
            return Vec::new();
        };
        let mut all = vec![i32::try_from(child.id()).unwrap()];
        let mut next = 0;
        while let Some(pid) = all.get(next).copied() {
            next += 1;
            let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
                .into_iter()
                .flatten();
            for task in tasks.flatten() {
                let children = std::fs::read_to_string(task.path().join("children"));
                let children = children.unwrap_or_default();
                all.extend(
                    children
                        .split_whitespace()
                        .filter_map(|pid| pid.parse::<i32>().ok()),
                );
            }
        }
        all
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// It is meant to end, and not started again.
    pub(super) fn retire(&mut self, signal: Signal) {
        self.stopped = true;
        self.signal(signal);
        self.signal(Signal::CONT);
    }

    /// Looks after it: an end is explained, and followed by a new start.
    fn tend(&mut self) {
        if let Some(child) = &mut self.child {
            let Some(status) = child.try_wait().unwrap() else {
                return;
            };
            self.child = None;
            self.died = Some(Instant::now());
            self.explain(status);
        }
        let rested = self
            .died
            .is_some_and(|died| died.elapsed() >= self.spec.rest);
        if rested && !self.stopped {
            if self.starts >= STARTS_MAX {
                self.problems
                    .push(format!("{} was started {STARTS_MAX} times", self.name()));
                self.stopped = true;
                return;
            }
            self.start();
        }
    }

    fn explain(&mut self, status: ExitStatus) {
        let reached = counts(&self.record());
        let hits = |arm: &Arm| reached.get(&arm.point).copied().unwrap_or(0) >= arm.nth;
        let killed = status.signal() == Some(SIGKILL);
        let at = self
            .armed
            .iter()
            .find(|arm| arm.action == Action::Kill && hits(arm));
        match at {
            Some(arm) if killed && !self.shot => {
                *self.kills.entry(arm.point.clone()).or_default() += 1;
            }
            Some(_) | None if killed && self.shot => {}
            Some(_) | None if self.stopped && status.success() => {}
            // It was started while its disk was full, says so, and is started again.
            Some(_) | None if why_ended(&self.log()).ends_with(FULL_AT_START) => {}
            Some(_) | None => {
                let tail = tail(&self.log());
                self.problems
                    .push(format!("{} ended with {status}:\n{tail}", self.name()));
            }
        }
        let over: Vec<&Arm> = self.armed.iter().filter(|arm| hits(arm)).collect();
        self.spec.arms.retain(|arm| !over.contains(&arm));
    }

    /// Points that its lives have reached, and how often.
    pub(super) fn reached(&self) -> BTreeMap<String, u64> {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for start in 1..=self.starts {
            for (point, hits) in counts(&self.record_of(start)) {
                *all.entry(point).or_default() += hits;
            }
        }
        all
    }

    /// What was armed, and never came to it.
    pub(super) fn never_hit(&self) -> Vec<String> {
        let reached = counts(&self.record());
        let missed = self
            .spec
            .arms
            .iter()
            .filter(|arm| reached.get(&arm.point).copied().unwrap_or(0) < arm.nth);
        missed
            .map(|arm| {
                format!(
                    "{} never reached {} {} times",
                    self.name(),
                    arm.point,
                    arm.nth
                )
            })
            .collect()
    }

    /// Lines of its log that no fault excuses.
    pub(super) fn panics(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        log.lines()
            .filter(|line| line.contains("panicked at"))
            .map(str::to_owned)
            .collect()
    }
}

fn counts(record: &Path) -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(record).unwrap_or_default();
    let mut counts = BTreeMap::new();
    for point in text.lines() {
        *counts.entry(point.to_owned()).or_default() += 1;
    }
    counts
}

/// Why it ended by itself, if it said so: what it was doing may still be told below that.
fn why_ended(log: &Path) -> String {
    let tail = tail(log);
    let last = tail.lines().rfind(|line| line.starts_with("error: "));
    last.unwrap_or_default().trim_end().to_owned()
}

fn tail(path: &Path) -> String {
    const LINES: usize = 12;
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// All processes of a round, shared by those who break and the one who starts again.
#[derive(Clone)]
pub(super) struct Procs(Arc<Mutex<Vec<Proc>>>);

impl Procs {
    pub(super) fn new(procs: Vec<Proc>) -> Self {
        Self(Arc::new(Mutex::new(procs)))
    }

    /// Does something with one of them.
    pub(super) fn with<T>(&self, who: Who, what: impl FnOnce(&mut Proc) -> T) -> T {
        let mut all = self.0.lock().unwrap();
        what(all.iter_mut().find(|proc| proc.spec.who == who).unwrap())
    }

    /// Does something with each.
    pub(super) fn each<T>(&self, what: impl FnMut(&mut Proc) -> T) -> Vec<T> {
        self.0.lock().unwrap().iter_mut().map(what).collect()
    }

    /// Starts again what dies, for as long as it is polled.
    pub(super) async fn keep(self) {
        loop {
            drop(self.each(Proc::tend));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Processes whose arguments, environment or folder name a text.
pub(super) fn named(needle: &str) -> Vec<String> {
    let needle = needle.as_bytes();
    let has = |bytes: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid.parse::<u32>().is_err() || pid == std::process::id().to_string() {
            continue;
        }
        let read = |name| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let line = read("cmdline");
        let folder = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        if has(&line) || has(&read("environ")) || has(folder.as_os_str().as_encoded_bytes()) {
            found.push(format!(
                "{pid} {}",
                String::from_utf8_lossy(&line).replace('\0', " ")
            ));
        }
    }
    found
}

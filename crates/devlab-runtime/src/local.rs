//! Agents as processes of this machine.
//!
//! An agent is the given executable with `agent …`, in a process group of its own, so that Ctrl-C
//! in a terminal reaches whoever runs the runtime and not the agent. Its token is the first line on
//! its standard input. That pipe stays open as long as the runtime lives: its end tells the agent
//! that nobody is left who could stop it, and it stops by itself. So `kill -9` of the runtime leaves
//! no agent behind.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rotate::{FILE_BYTES_MAX, RotatingFile};
use crate::{AgentSpec, AgentStatus, Runtime, RuntimeError};

/// Most agents of one runtime.
pub const AGENTS_MAX: usize = 64;
/// First pause before an agent is started again; doubles each time.
pub const RESTART_FIRST: Duration = Duration::from_millis(200);
/// Longest pause before an agent is started again.
pub const RESTART_MAX: Duration = Duration::from_secs(10);
/// An agent that ran this long was well: the next pause is the first one again.
const WELL_AFTER: Duration = Duration::from_secs(30);
/// How long an agent has to end its drivers after the second signal, before it is killed.
const HARD_STOP: Duration = Duration::from_secs(5);

/// What a local runtime starts.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// The executable with the `agent` command: `devlab` itself.
    pub executable: PathBuf,
    /// Folder of the agents' logs.
    pub logs: PathBuf,
    /// The whole environment of an agent, besides [`AgentSpec::env`].
    pub env: BTreeMap<OsString, OsString>,
}

/// Runs agents as processes of this machine. Dropped, it ends them by force.
#[derive(Debug)]
pub struct LocalRuntime {
    config: LocalConfig,
    agents: Mutex<BTreeMap<String, Kept>>,
    tracker: TaskTracker,
}

#[derive(Debug)]
struct Kept {
    /// Says how long the agent may go on; it is stopped from then on.
    stop: watch::Sender<Option<Duration>>,
    status: watch::Receiver<AgentStatus>,
    gone: CancellationToken,
}

impl LocalRuntime {
    /// A runtime without agents.
    #[must_use]
    pub fn new(config: LocalConfig) -> Self {
        Self {
            config,
            agents: Mutex::default(),
            tracker: TaskTracker::new(),
        }
    }

    /// Stops all agents at the same time. Calling it again, while the first call waits, shortens
    /// their time.
    pub async fn stop_all(&self, grace: Duration) {
        let gone: Vec<CancellationToken> = {
            let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
            agents
                .values()
                .map(|kept| {
                    kept.stop.send_replace(Some(grace));
                    kept.gone.clone()
                })
                .collect()
        };
        for gone in gone {
            gone.cancelled().await;
        }
    }

    fn keep(&self, spec: AgentSpec) -> Result<(), RuntimeError> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents.retain(|_, kept| !kept.gone.is_cancelled());
        if agents.contains_key(&spec.name) {
            return Err(RuntimeError::NameTaken(spec.name));
        }
        if agents.len() >= AGENTS_MAX {
            return Err(RuntimeError::Full(AGENTS_MAX));
        }
        let path = self.config.logs.join(format!("agent-{}.log", spec.name));
        let log = RotatingFile::open(&path, FILE_BYTES_MAX).map_err(|source| RuntimeError::Io {
            what: format!("write {}", path.display()),
            source,
        })?;
        let status = AgentStatus {
            name: spec.name.clone(),
            pid: None,
            restarts: 0,
        };
        let (status, seen) = watch::channel(status);
        let (stop, stopping) = watch::channel(None);
        let gone = CancellationToken::new();
        let kept = Kept {
            stop,
            status: seen,
            gone: gone.clone(),
        };
        agents.insert(spec.name.clone(), kept);
        let keeper = Keeper {
            config: self.config.clone(),
            spec,
            log: Arc::new(Mutex::new(log)),
            status,
            stopping,
        };
        drop(self.tracker.spawn(async move {
            let end = gone.drop_guard();
            keeper.run().await;
            drop(end);
        }));
        Ok(())
    }
}

#[async_trait]
impl Runtime for LocalRuntime {
    fn kind(&self) -> &'static str {
        "local"
    }

    async fn start(&self, spec: AgentSpec) -> Result<(), RuntimeError> {
        self.keep(spec)
    }

    async fn stop(&self, name: &str, grace: Duration) -> Result<(), RuntimeError> {
        let gone = {
            let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = agents
                .get(name)
                .ok_or_else(|| RuntimeError::Unknown(name.to_owned()))?;
            kept.stop.send_replace(Some(grace));
            kept.gone.clone()
        };
        gone.cancelled().await;
        self.agents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        Ok(())
    }

    async fn list(&self) -> Vec<AgentStatus> {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents
            .values()
            .filter(|kept| !kept.gone.is_cancelled())
            .map(|kept| kept.status.borrow().clone())
            .collect()
    }
}

/// Keeps one agent running.
struct Keeper {
    config: LocalConfig,
    spec: AgentSpec,
    log: Arc<Mutex<RotatingFile>>,
    status: watch::Sender<AgentStatus>,
    stopping: watch::Receiver<Option<Duration>>,
}

impl Keeper {
    async fn run(mut self) {
        let mut pause = RESTART_FIRST;
        loop {
            let began = Instant::now();
            match self.spawn().await {
                Ok(child) => {
                    self.watch(child).await;
                }
                Err(error) => self.note(&format!("cannot start: {error}")),
            }
            self.status.send_modify(|status| status.pid = None);
            if self.is_stopping() {
                return;
            }
            if began.elapsed() >= WELL_AFTER {
                pause = RESTART_FIRST;
            }
            self.note(&format!("starting it again in {} ms", pause.as_millis()));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The sender lives as long as the runtime; without it there is nothing to keep.
                _ = self.stopping.changed() => return,
            }
            pause = (pause * 2).min(RESTART_MAX);
            self.status.send_modify(|status| status.restarts += 1);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.borrow().is_some() || self.stopping.has_changed().is_err()
    }

    /// The runtime's own words in the agent's log.
    fn note(&self, text: &str) {
        tracing::info!(agent = self.spec.name, "{text}");
        write_log(&self.log, format!("devlab: {text}\n").as_bytes());
    }

    async fn spawn(&self) -> io::Result<Child> {
        let spec = &self.spec;
        let mut command = Command::new(&self.config.executable);
        command
            .arg("agent")
            .arg("--managed")
            .args(["--name", &spec.name])
            .args(["--url", &spec.url])
            .args(["--capacity", &spec.capacity.to_string()])
            .arg("--home")
            .arg(&spec.home);
        if let Some(cache) = &spec.cache {
            command.arg("--cache").arg(cache);
        }
        if !spec.labels.is_empty() {
            command.args(["--labels", &spec.labels.join(",")]);
        }
        command
            .env_clear()
            .envs(&self.config.env)
            .envs(&spec.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        self.status.send_modify(|status| status.pid = child.id());
        if let Some(stdin) = &mut child.stdin {
            let line = format!("{}\n", spec.token.expose_secret());
            stdin.write_all(line.as_bytes()).await?;
        }
        Ok(child)
    }

    /// Until the agent has ended, by itself or because it was stopped.
    async fn watch(&mut self, mut child: Child) {
        let output = TaskTracker::new();
        if let Some(stdout) = child.stdout.take() {
            drop(output.spawn(copy(stdout, Arc::clone(&self.log))));
        }
        if let Some(stderr) = child.stderr.take() {
            drop(output.spawn(copy(stderr, Arc::clone(&self.log))));
        }
        output.close();
        let stdin = child.stdin.take();
        let ended = tokio::select! {
            ended = child.wait() => ended,
            changed = self.stopping.changed() => {
                let grace = self.stopping.borrow_and_update().unwrap_or_default();
                stop(&mut child, &mut self.stopping, grace, changed.is_ok()).await
            }
        };
        drop(stdin);
        match ended {
            Ok(status) => self.note(&format!("ended with {status}")),
            Err(error) => self.note(&format!("cannot be waited for: {error}")),
        }
        // A grandchild may hold the pipes; what it writes is nobody's.
        drop(tokio::time::timeout(Duration::from_secs(1), output.wait()).await);
    }
}

/// SIGTERM, its grace, SIGTERM again, and at last SIGKILL. A second word from whoever stops may
/// shorten the grace.
async fn stop(
    child: &mut Child,
    stopping: &mut watch::Receiver<Option<Duration>>,
    grace: Duration,
    mut listens: bool,
) -> io::Result<std::process::ExitStatus> {
    signal(child, Signal::TERM);
    let mut end = Instant::now() + grace;
    loop {
        tokio::select! {
            ended = child.wait() => return ended,
            () = tokio::time::sleep_until(end) => break,
            changed = stopping.changed(), if listens => {
                listens = changed.is_ok();
                let grace = stopping.borrow_and_update().unwrap_or_default();
                end = end.min(Instant::now() + grace);
            }
        }
    }
    signal(child, Signal::TERM);
    if let Ok(ended) = tokio::time::timeout(HARD_STOP, child.wait()).await {
        return ended;
    }
    child.kill().await?;
    child.wait().await
}

fn signal(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        // It may have ended just now; the wait will say so.
        kill_process(pid, signal).ok();
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, log: Arc<Mutex<RotatingFile>>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(len) => write_log(&log, &buffer[..len]),
        }
    }
}

/// An agent goes on when its log cannot be written: work matters more.
fn write_log(log: &Mutex<RotatingFile>, bytes: &[u8]) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = log.write_all(bytes) {
        tracing::warn!(%error, "an agent's log cannot be written");
    }
}

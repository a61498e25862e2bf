//! The `command` driver: argv or a script, under a supervisor. Checks run the same way.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use devlab_core::Clock;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::durable;
use crate::log::LogFile;
use crate::process::ProcessRef;
use crate::strays::{end_marked, end_strays};
use crate::supervise::{DriverEnd, DriverOutcome, GO, SUPERVISE_COMMAND, SuperviseSpec, TERMINATE};

/// Default limit of a driver's output.
pub const OUTPUT_LIMIT_BYTES_DEFAULT: u64 = devlab_core::limits::OUTPUT_BYTES_DEFAULT;
/// Time between SIGTERM and SIGKILL. With [`CANCEL_MARGIN`] it keeps a cancel under two seconds.
pub const GRACE: Duration = Duration::from_secs(1);
/// How much longer than the grace period a supervisor may take to end a cancelled driver, before
/// it is itself ended, and the agent does its work.
pub const CANCEL_MARGIN: Duration = Duration::from_millis(600);
/// How much longer than the time limit a supervisor may live at all.
pub const OVERTIME: Duration = Duration::from_secs(30);
/// How long a supervisor may take from its last word to its end.
const LAST_STEP: Duration = Duration::from_secs(5);

/// The variables of the agent's own environment that a driver gets. Nothing else passes: tokens
/// and keys of the agent stay with it.
pub const PASSED_THROUGH: &[&str] = &[
    "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ",
    "USER",
];

/// The named variables, by a lookup such as `std::env::var(name).ok()`.
#[must_use]
pub fn passed_through(lookup: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    PASSED_THROUGH
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), lookup(name)?)))
        .collect()
}

/// What a driver runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverCommand {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// A script for `sh -eu`.
    Script(String),
}

/// How supervisors are started, and who they are told by.
#[derive(Clone)]
pub struct CommandDriver {
    /// The executable with the hidden subcommands of [`crate::supervise`]: `devlab` itself.
    pub program: PathBuf,
    /// See [`passed_through`].
    pub base_env: BTreeMap<String, String>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverSpec {
    /// What runs.
    pub command: DriverCommand,
    /// Variables besides [`CommandDriver::base_env`]; they win.
    pub vars: BTreeMap<String, String>,
    /// Where it starts.
    pub cwd: PathBuf,
    /// A folder outside the driver's tree for the files of this run.
    pub scratch: PathBuf,
    /// Names those files: `driver`, `check-0`.
    pub name: String,
    /// Marks every process of this run: the attempt's id.
    pub mark: String,
    /// How long it may run.
    pub time_limit: Duration,
    /// How much it may write.
    pub output_limit_bytes: u64,
}

impl DriverSpec {
    /// Where the supervisor leaves the outcome, as JSON of a [`DriverOutcome`].
    #[must_use]
    pub fn status_path(&self) -> PathBuf {
        self.scratch.join(format!("{}.status.json", self.name))
    }

    fn argv(&self) -> io::Result<Vec<String>> {
        match &self.command {
            DriverCommand::Argv(argv) => Ok(argv.clone()),
            DriverCommand::Script(text) => {
                let path = self.scratch.join(format!("{}.sh", self.name));
                durable::write_private(&path, text.as_bytes())?;
                Ok(vec!["sh".to_owned(), "-eu".to_owned(), utf8(&path)?])
            }
        }
    }
}

fn utf8(path: &Path) -> io::Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        let problem = format!("{} is not UTF-8: choose another home", path.display());
        io::Error::new(io::ErrorKind::InvalidInput, problem)
    })
}

/// A supervisor that waits for the word to start its driver. Dropped, it ends without having
/// started anything.
#[derive(Debug)]
pub struct Ready {
    child: Child,
    control: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    supervisor: ProcessRef,
}

impl CommandDriver {
    /// Starts a supervisor. The caller writes [`Ready::supervisor`] into its journal and calls
    /// [`CommandDriver::run`]; nothing of the driver runs before that.
    ///
    /// # Errors
    /// What the file system or the kernel says.
    pub fn prepare(&self, spec: &DriverSpec, log: &LogFile) -> io::Result<Ready> {
        let mut env = self.base_env.clone();
        env.extend(spec.vars.clone());
        let supervise = SuperviseSpec {
            argv: spec.argv()?,
            env,
            cwd: spec.cwd.clone(),
            log: log.path(),
            status: spec.status_path(),
            mark: spec.mark.clone(),
            time_limit_ms: u64::try_from(spec.time_limit.as_millis()).unwrap_or(u64::MAX),
            output_limit_bytes: spec.output_limit_bytes,
            grace_ms: u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX),
        };
        let file = spec.scratch.join(format!("{}.spec.json", spec.name));
        durable::write_private(&file, &serde_json::to_vec(&supervise)?)?;
        remove_if_there(&spec.status_path())?;
        let mut child = Command::new(&self.program)
            .arg(SUPERVISE_COMMAND)
            .arg("--spec")
            .arg(&file)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C in a terminal is for the agent, which then ends its drivers in order.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                let problem = format!("cannot start {}: {error}", self.program.display());
                io::Error::new(error.kind(), problem)
            })?;
        let gone = || io::Error::other("the supervisor ended at once");
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .ok_or_else(gone)?;
        Ok(Ready {
            control: child.stdin.take().ok_or_else(gone)?,
            lines: BufReader::new(child.stdout.take().ok_or_else(gone)?).lines(),
            // Not reaped yet, so it is in the table even if it has ended.
            supervisor: ProcessRef::of(pid).ok_or_else(gone)?,
            child,
        })
    }

    /// Lets the driver run to its end, or to the cancellation, which reaches every process of it in
    /// less than two seconds. When this returns, nothing of the driver is left.
    pub async fn run(
        &self,
        ready: Ready,
        spec: &DriverSpec,
        log: &LogFile,
        cancel: &CancellationToken,
    ) -> DriverOutcome {
        let began = Instant::now();
        let mut watch = Watch {
            ready,
            told: false,
            outcome: None,
        };
        let end_by = began + spec.time_limit + OVERTIME;
        let ended = watch.until_end(log, cancel, end_by).await;
        let reaped = ended && timeout(LAST_STEP, watch.ready.child.wait()).await.is_ok();
        if !reaped {
            watch.ready.child.kill().await.ok();
        }
        log.refresh().ok();
        let outcome = watch
            .outcome
            .take()
            .or_else(|| stored_outcome(&spec.status_path()));
        if let (Some(outcome), true) = (&outcome, reaped) {
            return outcome.clone();
        }
        let mut outcome = self.clean_up_after_supervisor(spec).await;
        if watch.told {
            outcome.end = DriverEnd::Cancelled;
        }
        outcome.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        outcome
    }

    /// The supervisor is dead without having finished: its work is ours.
    async fn clean_up_after_supervisor(&self, spec: &DriverSpec) -> DriverOutcome {
        let (clock, mark) = (Arc::clone(&self.clock), spec.mark.clone());
        let ended = tokio::task::spawn_blocking(move || {
            let strays = end_strays(&*clock)?;
            Ok::<_, crate::strays::StillThere>(strays + end_marked(&mark, &*clock)?)
        });
        let mut outcome = DriverOutcome::failed("the supervisor was killed, the driver with it");
        match ended.await {
            Ok(Ok(ended)) => outcome.leftovers = u32::try_from(ended).unwrap_or(u32::MAX),
            Ok(Err(still_there)) => {
                outcome.survivors = u32::try_from(still_there.pids.len()).unwrap_or(u32::MAX);
                outcome.end = DriverEnd::Failed {
                    problem: still_there.to_string(),
                };
            }
            Err(stopped) => {
                outcome.end = DriverEnd::Failed {
                    problem: stopped.to_string(),
                }
            }
        }
        tracing::warn!(?outcome, mark = spec.mark, "a supervisor vanished");
        outcome
    }
}

impl Ready {
    /// Who supervises; for the journal, and for [`crate::strays::ensure_gone`].
    #[must_use]
    pub fn supervisor(&self) -> ProcessRef {
        self.supervisor
    }
}

struct Watch {
    ready: Ready,
    told: bool,
    outcome: Option<DriverOutcome>,
}

impl Watch {
    /// Follows the supervisor; `false` if it has to be ended with force.
    async fn until_end(
        &mut self,
        log: &LogFile,
        cancel: &CancellationToken,
        mut end_by: Instant,
    ) -> bool {
        if cancel.is_cancelled() || self.ready.control.write_all(&[GO]).await.is_err() {
            self.told = cancel.is_cancelled();
        }
        if self.told {
            // It ends without having started anything.
            self.ready.control.write_all(&[TERMINATE]).await.ok();
        }
        loop {
            tokio::select! {
                line = self.ready.lines.next_line() => match line {
                    Ok(Some(line)) => self.hear(&line, log),
                    Ok(None) | Err(_) => return true,
                },
                () = cancel.cancelled(), if !self.told => {
                    self.told = true;
                    self.ready.control.write_all(&[TERMINATE]).await.ok();
                    end_by = end_by.min(Instant::now() + GRACE + CANCEL_MARGIN);
                }
                () = tokio::time::sleep_until(end_by) => return false,
            }
        }
    }

    fn hear(&mut self, line: &str, log: &LogFile) {
        match line.split_once(' ') {
            Some(("log", length)) => {
                if let Ok(length) = length.parse() {
                    log.grown(length);
                }
            }
            Some(("done", json)) => self.outcome = serde_json::from_str(json).ok(),
            Some(_) | None => tracing::warn!(line, "a supervisor said something strange"),
        }
    }
}

/// The outcome that a supervisor left behind, if it came to its end.
#[must_use]
pub fn stored_outcome(status: &Path) -> Option<DriverOutcome> {
    serde_json::from_slice(&std::fs::read(status).ok()?).ok()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

//! The supervisor: a small process between the agent and a driver, that ends everything the driver
//! started, whatever happens to the agent.
//!
//! It is the same executable, started as `devlab supervise --spec FILE` with two pipes of the
//! agent's. On stdin come single bytes: [`GO`] starts the driver (so that the agent can write down
//! whom it started before anything runs), [`TERMINATE`] ends it, and so does the end of the pipe,
//! which is what the agent's death looks like, `kill -9` included. On stdout go lines:
//! `log BYTES` whenever the log has grown, and `done JSON`, a [`DriverOutcome`].
//!
//! The supervisor is a *child subreaper* (prctl(2)): whatever loses its parent below it becomes
//! its child, after `setsid` and double forks too, and it is not finished before it has no child.
//! The driver is started through `devlab supervise-exec`, which asks the kernel for SIGKILL on its
//! parent's death and leads a session of its own, before it becomes the driver. If the supervisor
//! itself is killed, the driver dies with it and the rest falls to the agent: see
//! [`crate::strays`].
//!
//! The supervisor stays in the agent's session, in a process group of its own: Ctrl-C in a
//! terminal does not reach it, and sessions tell drivers' processes from ours. It has one thread,
//! because the kernel ties the death signal to the thread that started the child.

mod end;
mod exec;
mod output;
mod report;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use devlab_core::Clock;
use serde::{Deserialize, Serialize};

pub use exec::supervise_exec_main;

/// The hidden subcommand that calls [`supervise_main`]; followed by `--spec FILE`.
pub const SUPERVISE_COMMAND: &str = "supervise";
/// The hidden subcommand that calls [`supervise_exec_main`]; followed by
/// `--spec FILE --parent PID`.
pub const SUPERVISE_EXEC_COMMAND: &str = "supervise-exec";
/// Byte on the control pipe that starts the driver.
pub const GO: u8 = b'g';
/// Byte on the control pipe that ends the driver.
pub const TERMINATE: u8 = b't';
/// The variable that marks every process of a driver, with [`SuperviseSpec::mark`] as its value.
pub const MARK_VARIABLE: &str = "DEVLAB_SUPERVISED";

/// Exit code of the supervisor when the driver ran into its time limit (as timeout(1)).
pub const EXIT_TIMED_OUT: u8 = 124;
/// Exit code of the supervisor when the driver was ended on request.
pub const EXIT_CANCELLED: u8 = 123;
/// Exit code of the supervisor when the driver wrote too much.
pub const EXIT_OUTPUT_LIMIT: u8 = 122;
/// Exit code of the supervisor when it could not do its work.
pub const EXIT_FAILED: u8 = 121;
/// Exit code of `supervise-exec`, and so of the driver, when the command cannot be started (as a
/// shell's).
pub const EXIT_NOT_STARTED: u8 = 127;

/// What the supervisor is to run. It holds the driver's environment: keep the file private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuperviseSpec {
    /// Program and arguments. A program without a slash is looked up in `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment of the driver, besides [`MARK_VARIABLE`].
    pub env: BTreeMap<String, String>,
    /// Where it starts.
    pub cwd: PathBuf,
    /// The log that standard output and error are appended to, in the order they were written.
    pub log: PathBuf,
    /// Where the [`DriverOutcome`] goes.
    pub status: PathBuf,
    /// Identifies the run among all processes of this machine, such as an attempt's id.
    pub mark: String,
    /// How long the driver may run, by the monotonic clock.
    pub time_limit_ms: u64,
    /// How much it may write.
    pub output_limit_bytes: u64,
    /// Time between SIGTERM and SIGKILL.
    pub grace_ms: u64,
}

/// How a driver ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum DriverEnd {
    /// By itself, with this exit code.
    Exited {
        /// 0 is success.
        code: i32,
    },
    /// By a signal that neither agent nor supervisor sent.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// It ran longer than it may.
    TimedOut,
    /// It wrote more than it may.
    OutputLimit,
    /// It was told to, or its agent was gone.
    Cancelled,
    /// It could not be run or watched; nothing is known about its work.
    Failed {
        /// What went wrong, for the log and for people.
        problem: String,
    },
}

/// What became of a driver, with all its processes gone unless `survivors` says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverOutcome {
    /// How it ended.
    pub end: DriverEnd,
    /// Processes that outlived the driver, or the grace period when the driver was told to end,
    /// and were ended with force.
    pub leftovers: u32,
    /// Processes that SIGKILL did not end in time: they hang in the kernel.
    pub survivors: u32,
    /// Bytes of the driver's output in the log.
    pub output_bytes: u64,
    /// How long it ran, ending included.
    pub duration_ms: u64,
}

impl DriverOutcome {
    /// The driver said that it succeeded. Whether it did is for the checks to say.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.end == DriverEnd::Exited { code: 0 }
    }

    /// A run of which nothing is known.
    #[must_use]
    pub fn failed(problem: impl Into<String>) -> Self {
        Self {
            end: DriverEnd::Failed {
                problem: problem.into(),
            },
            leftovers: 0,
            survivors: 0,
            output_bytes: 0,
            duration_ms: 0,
        }
    }

    /// The exit code that mirrors this outcome. 0 always means that the driver exited with 0; the
    /// others overlap with a driver's own codes, so that the status file decides.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match &self.end {
            DriverEnd::Exited { code: 0 } => 0,
            DriverEnd::Exited { code } => u8::try_from(*code).unwrap_or(EXIT_FAILED).max(1),
            DriverEnd::Signaled { signal } => {
                u8::try_from(signal.saturating_add(128)).unwrap_or(EXIT_FAILED)
            }
            DriverEnd::TimedOut => EXIT_TIMED_OUT,
            DriverEnd::OutputLimit => EXIT_OUTPUT_LIMIT,
            DriverEnd::Cancelled => EXIT_CANCELLED,
            DriverEnd::Failed { .. } => EXIT_FAILED,
        }
    }
}

/// Runs the supervisor for the specification in a file; stdin and stdout are the agent's pipes.
/// Must be called on the main thread of a process that has no other child.
#[must_use]
pub fn supervise_main(file: &Path, clock: &dyn Clock) -> ExitCode {
    let spec = match read_spec(file) {
        Ok(spec) => spec,
        Err(problem) => {
            report::done(&DriverOutcome::failed(problem), clock);
            return ExitCode::from(EXIT_FAILED);
        }
    };
    let outcome = run::supervise(&spec, file, clock);
    let stored = report::store(&spec.status, &outcome);
    report::done(&outcome, clock);
    match stored {
        Ok(()) => ExitCode::from(outcome.exit_code()),
        // The agent has the outcome from the pipe, if there is an agent.
        Err(_) if outcome.is_success() => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(outcome.exit_code().max(1)),
    }
}

fn read_spec(path: &Path) -> Result<SuperviseSpec, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let spec: SuperviseSpec = serde_json::from_slice(&bytes)
        .map_err(|e| format!("{} is not a specification: {e}", path.display()))?;
    match spec.argv.first() {
        Some(program) if !program.is_empty() => Ok(spec),
        Some(_) | None => Err(format!("{} names no program", path.display())),
    }
}

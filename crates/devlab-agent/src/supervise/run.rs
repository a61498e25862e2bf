//! One supervised run, from `go` to the last process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use devlab_core::Clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitStatus};

use super::end::{Children, KILL_PATIENCE, LOOK_EVERY, SETTLE, living, reap, signal_all};
use super::output::Output;
use super::{DriverEnd, DriverOutcome, GO, SUPERVISE_EXEC_COMMAND, SuperviseSpec, report};
use crate::process;
use crate::strays::become_subreaper;

/// How often orphans are reaped while the driver runs; everything else wakes the loop by itself.
const TICK: Duration = Duration::from_secs(1);
/// The same where the driver's end cannot be polled for.
const TICK_WITHOUT_PIDFD: Duration = Duration::from_millis(20);

/// Waits for `go`, runs the driver of the specification in `file`, and returns when nothing of it
/// is left.
pub(super) fn supervise(spec: &SuperviseSpec, file: &Path, clock: &dyn Clock) -> DriverOutcome {
    report::unblock();
    if let Err(error) = become_subreaper() {
        return DriverOutcome::failed(format!("cannot become a subreaper: {error}"));
    }
    if read_control() != Control::Go {
        return DriverOutcome {
            end: DriverEnd::Cancelled,
            ..DriverOutcome::failed("")
        };
    }
    let began = clock.monotonic();
    let mut run = match Run::start(spec, file, clock) {
        Ok(run) => run,
        Err(error) => return DriverOutcome::failed(format!("cannot start the driver: {error}")),
    };
    let end = run.watch();
    let (leftovers, survivors) = run.end_all(end.is_none());
    // Its last words may have been too many, after it ended by itself.
    let end = end
        .or_else(|| run.output.problem.take())
        .unwrap_or_else(|| run.own_end());
    DriverOutcome {
        end,
        leftovers,
        survivors,
        output_bytes: run.output.bytes(),
        duration_ms: millis(clock.monotonic().saturating_sub(began)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    Go,
    /// Told to, or the agent is gone.
    Terminate,
}

/// Blocks until the agent says something.
fn read_control() -> Control {
    let mut byte = [0_u8];
    loop {
        match rustix::io::read(rustix::stdio::stdin(), &mut byte) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(1) if byte[0] == GO => return Control::Go,
            Ok(_) | Err(_) => return Control::Terminate,
        }
    }
}

struct Run<'a> {
    spec: &'a SuperviseSpec,
    clock: &'a dyn Clock,
    deadline: Duration,
    driver: i32,
    /// Readable when the driver has ended; `None` where there are no pidfds.
    driver_fd: Option<OwnedFd>,
    status: Option<WaitStatus>,
    output: Output,
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Control,
    Driver,
    Output,
}

impl<'a> Run<'a> {
    fn start(spec: &'a SuperviseSpec, file: &Path, clock: &'a dyn Clock) -> io::Result<Self> {
        let (output, writer) = Output::open(spec)?;
        let deadline = clock.monotonic() + Duration::from_millis(spec.time_limit_ms);
        // The child's exit is collected by `reap`, never through this handle.
        let child = exec_stage(file)?
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()?;
        let driver = Pid::from_child(&child);
        Ok(Self {
            spec,
            clock,
            deadline,
            driver: driver.as_raw_nonzero().get(),
            driver_fd: open_pidfd(driver),
            status: None,
            output,
        })
    }

    /// Until the driver ends (`None`) or has to (why).
    fn watch(&mut self) -> Option<DriverEnd> {
        loop {
            reap(self.driver, &mut self.status);
            if self.status.is_some() {
                return None;
            }
            let left = self.deadline.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                let limit = Duration::from_millis(self.spec.time_limit_ms);
                self.output
                    .note(&format!("ran longer than {} s", limit.as_secs_f64()));
                return Some(DriverEnd::TimedOut);
            }
            let tick = if self.driver_fd.is_some() {
                TICK
            } else {
                TICK_WITHOUT_PIDFD
            };
            let ready = self.wait(left.min(tick), true);
            if ready.contains(&Source::Control) && read_control() == Control::Terminate {
                self.output.note("was cancelled");
                return Some(DriverEnd::Cancelled);
            }
            self.output.take();
            if self.output.problem.is_some() {
                return self.output.problem.clone();
            }
        }
    }

    /// Waits for something to happen, at most so long. Not while `watching`: only for output.
    fn wait(&self, longest: Duration, watching: bool) -> Vec<Source> {
        let mut sources = Vec::with_capacity(3);
        let mut fds = Vec::with_capacity(3);
        let mut add = |source, fd| {
            sources.push(source);
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        };
        if let Some(pipe) = &self.output.pipe {
            add(Source::Output, pipe.as_fd());
        }
        if watching {
            add(Source::Control, rustix::stdio::stdin());
            if let Some(fd) = &self.driver_fd {
                add(Source::Driver, fd.as_fd());
            }
        }
        // An interrupted wait found nothing, and the caller looks again.
        if poll(&mut fds, Some(&timespec(longest))).is_err() {
            return Vec::new();
        }
        let ready = sources
            .into_iter()
            .zip(&fds)
            .filter(|(_, fd)| !fd.revents().is_empty());
        ready.map(|(source, _)| source).collect()
    }

    /// Ends everything below this process; (leftovers, survivors).
    fn end_all(&mut self, by_itself: bool) -> (u32, u32) {
        let mut leftovers = 0;
        if by_itself {
            if self.gone_within(SETTLE) {
                return (0, 0);
            }
            leftovers = living().len();
        }
        signal_all(self.driver, Signal::TERM);
        if self.gone_within(Duration::from_millis(self.spec.grace_ms)) {
            return (count(leftovers), 0);
        }
        if !by_itself {
            leftovers = living().len();
        }
        let until = self.clock.monotonic() + KILL_PATIENCE;
        while self.clock.monotonic() < until {
            // Again and again: what is being ended may fork until it is.
            signal_all(self.driver, Signal::KILL);
            if self.gone_within(LOOK_EVERY) {
                return (count(leftovers), 0);
            }
        }
        (count(leftovers), count(living().len()))
    }

    /// Whether everything was gone before `longest` was over. Goes on emptying the pipe, so that
    /// nobody is kept from ending by a full one.
    fn gone_within(&mut self, longest: Duration) -> bool {
        let until = self.clock.monotonic() + longest;
        loop {
            let children = reap(self.driver, &mut self.status);
            self.output.take();
            if children == Children::None {
                self.output.drain();
                return true;
            }
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return false;
            }
            self.wait(left.min(LOOK_EVERY), false);
        }
    }

    fn own_end(&self) -> DriverEnd {
        let Some(status) = self.status else {
            return DriverEnd::Failed {
                problem: "the driver does not end".to_owned(),
            };
        };
        let status = ExitStatus::from_raw(status.as_raw());
        match (status.code(), status.signal()) {
            (Some(code), _) => DriverEnd::Exited { code },
            (None, Some(signal)) => DriverEnd::Signaled { signal },
            (None, None) => DriverEnd::Failed {
                problem: format!("strange end: {status}"),
            },
        }
    }
}

/// This executable again, even if it was replaced on disk in the meantime.
fn exec_stage(spec: &Path) -> io::Result<Command> {
    let program = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe()?
    };
    let mut command = Command::new(program);
    command
        .arg(SUPERVISE_EXEC_COMMAND)
        .arg("--spec")
        .arg(spec)
        .arg("--parent")
        .arg(process::own_pid().to_string())
        .env_clear()
        .stdin(Stdio::null());
    Ok(command)
}

#[cfg(target_os = "linux")]
fn open_pidfd(pid: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_pidfd(_: Pid) -> Option<OwnedFd> {
    None
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

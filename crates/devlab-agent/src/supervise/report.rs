//! What the supervisor tells: lines for the agent, a file for a later agent.

use std::io;
use std::path::Path;
use std::time::Duration;

use devlab_core::Clock;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::DriverOutcome;
use crate::durable;

/// How long the outcome waits for an agent that does not read its pipe.
const DONE_PATIENCE: Duration = Duration::from_secs(1);

/// Makes stdout non-blocking: an agent that hangs must not stop the time limit from being kept.
pub(super) fn unblock() {
    let out = rustix::stdio::stdout();
    if let Ok(flags) = fcntl_getfl(out) {
        fcntl_setfl(out, flags | OFlags::NONBLOCK).ok();
    }
}

/// Says how long the log is now. May get lost: the next line says more.
pub(super) fn log_grown(length: u64) {
    // Shorter than PIPE_BUF, so it is written whole or not at all (pipe(7)).
    let line = format!("log {length}\n");
    rustix::io::write(rustix::stdio::stdout(), line.as_bytes()).ok();
}

/// Says how the driver ended, if the agent listens.
pub(super) fn done(outcome: &DriverOutcome, clock: &dyn Clock) {
    let Ok(json) = serde_json::to_string(outcome) else {
        return;
    };
    let line = format!("done {json}\n");
    let until = clock.monotonic() + DONE_PATIENCE;
    let mut rest = line.as_bytes();
    while !rest.is_empty() && clock.monotonic() < until {
        match rustix::io::write(rustix::stdio::stdout(), rest) {
            Ok(written) => rest = &rest[written..],
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => wait_for_room(),
            Err(_) => return,
        }
    }
}

fn wait_for_room() {
    let out = rustix::stdio::stdout();
    let step = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 50_000_000,
    };
    poll(&mut [PollFd::new(&out, PollFlags::OUT)], Some(&step)).ok();
}

/// Writes the outcome where an agent that was restarted finds it.
pub(super) fn store(status: &Path, outcome: &DriverOutcome) -> io::Result<()> {
    durable::replace(status, &serde_json::to_vec_pretty(outcome)?)
}

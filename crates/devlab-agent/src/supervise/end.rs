//! Ending everything that is left of a driver.

use std::time::Duration;

use rustix::process::{Signal, WaitOptions, wait};

use crate::process::{self, Process};

/// How long a driver's children may take to end by themselves after it, before they count as
/// left over: the other end of a pipeline is often a moment late.
pub(super) const SETTLE: Duration = Duration::from_millis(50);
/// How long SIGKILL may take. A process that is still there hangs in the kernel.
pub(super) const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// Time between two looks at processes that are ending.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What reaping found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Children {
    /// Some are alive.
    Some,
    /// There are none: everything below this process is gone.
    None,
}

/// Reaps every child that has ended; the driver's own status goes to `status`.
pub(super) fn reap(driver: i32, status: &mut Option<rustix::process::WaitStatus>) -> Children {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, ended))) => {
                if pid.as_raw_nonzero().get() == driver {
                    *status = Some(ended);
                }
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => return Children::Some,
            // ECHILD. There is no other error that a wait without arguments can meet.
            Err(_) => return Children::None,
        }
    }
}

/// Descendants of this process that have not ended.
pub(super) fn living() -> Vec<Process> {
    let mut found = process::descendants(&process::all(), process::own_pid());
    found.retain(|process| !process.zombie);
    found
}

/// Sends a signal to everything below this process. Without a process table (not Linux), to the
/// driver's process group.
pub(super) fn signal_all(driver: i32, signal: Signal) {
    if cfg!(target_os = "linux") {
        for process in living() {
            process.id.signal(signal);
        }
    } else if let Some(group) = rustix::process::Pid::from_raw(driver) {
        rustix::process::kill_process_group(group, signal).ok();
    }
}

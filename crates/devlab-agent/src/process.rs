//! The process table, as far as supervision needs it.
//!
//! On Linux it is read from `/proc`. Elsewhere there is no subreaper and no such table: there,
//! only the driver's process group is known and can be ended, so that a driver that calls `setsid`
//! escapes. That is a documented limit of the development platforms.

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessRef {
    /// Its process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`, proc(5)); 0
    /// where that is not known.
    pub start_ticks: u64,
}

/// One row of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Who it is.
    pub id: ProcessRef,
    /// Its parent.
    pub parent: i32,
    /// Its session: inherited, left only by `setsid`, and never joined again.
    pub session: i32,
    /// It has ended and waits to be reaped.
    pub zombie: bool,
}

impl ProcessRef {
    /// The process with this id, if it is there now.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        table::lookup(pid).map(|process| process.id)
    }

    /// Whether it still runs; a zombie does not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        table::lookup(self.pid).is_some_and(|now| now.id == self && !now.zombie)
    }

    /// Sends a signal, unless the process is gone, even if its number is in use again.
    pub fn signal(self, signal: Signal) {
        table::signal(self, signal);
    }
}

/// Every process that can be seen. Empty where there is no `/proc`.
#[must_use]
pub fn all() -> Vec<Process> {
    table::all()
}

/// Those of `processes` that descend from `root`, without it.
#[must_use]
pub fn descendants(processes: &[Process], root: i32) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for child in processes
            .iter()
            .filter(|p| p.parent == parent && p.id.pid != root)
        {
            // The table is not read in one instant, so a reused number might close a circle.
            if !found.iter().any(|seen| seen.id.pid == child.id.pid) {
                found.push(*child);
                parents.push(child.id.pid);
            }
        }
    }
    found
}

/// The process ids whose initial environment holds `NAME=value`. Survives `setsid`, double forks
/// and the death of every ancestor; a process that was started with a cleared environment escapes.
#[must_use]
pub fn marked(name: &str, value: &str) -> Vec<Process> {
    table::marked(format!("{name}={value}").as_bytes())
}

/// The calling process.
#[must_use]
pub fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

fn pid(raw: i32) -> Option<Pid> {
    // Zero and below would address groups or everything.
    if raw > 0 { Pid::from_raw(raw) } else { None }
}

#[cfg(target_os = "linux")]
mod table {
    use std::fs::{self, File};
    use std::io::Read;

    use rustix::process::{PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

    use super::{Process, ProcessRef, pid};

    /// How much of an environment is searched for a mark.
    const ENVIRONMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;

    pub(super) fn all() -> Vec<Process> {
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(lookup)
            .collect()
    }

    pub(super) fn lookup(pid: i32) -> Option<Process> {
        // Not `read_to_string`: the name of a process may be any bytes.
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        parse(pid, &stat)
    }

    /// The name stands in parentheses and may hold parentheses and spaces itself: fields are
    /// counted from the last closing one (proc(5): state is field 3).
    pub(super) fn parse(pid: i32, stat: &[u8]) -> Option<Process> {
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Process {
            id: ProcessRef {
                pid,
                start_ticks: fields.get(19)?.parse().ok()?,
            },
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
        })
    }

    /// Through a pidfd, so that the process that is checked is the one that is signalled.
    pub(super) fn signal(process: ProcessRef, signal: Signal) {
        let Some(target) = pid(process.pid) else {
            return;
        };
        let same = || lookup(process.pid).is_some_and(|now| now.id == process);
        // It being gone already is what was wanted; being denied shows later as a survivor.
        match pidfd_open(target, PidfdFlags::empty()) {
            Ok(fd) if same() => {
                pidfd_send_signal(fd, signal).ok();
            }
            // Some sandboxes have no pidfd.
            Err(rustix::io::Errno::NOSYS) if same() => {
                kill_process(target, signal).ok();
            }
            Ok(_) | Err(_) => {}
        }
    }

    pub(super) fn marked(mark: &[u8]) -> Vec<Process> {
        all()
            .into_iter()
            .filter(|process| carries(process.id.pid, mark))
            .collect()
    }

    fn carries(pid: i32, mark: &[u8]) -> bool {
        let Ok(file) = File::open(format!("/proc/{pid}/environ")) else {
            return false;
        };
        let mut environment = Vec::new();
        let read = file
            .take(ENVIRONMENT_BYTES_MAX)
            .read_to_end(&mut environment);
        read.is_ok()
            && environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark)
    }
}

#[cfg(not(target_os = "linux"))]
mod table {
    use rustix::process::{Signal, kill_process, test_kill_process};

    use super::{Process, ProcessRef, pid};

    pub(super) fn all() -> Vec<Process> {
        Vec::new()
    }

    pub(super) fn lookup(raw: i32) -> Option<Process> {
        test_kill_process(pid(raw)?).ok()?;
        let id = ProcessRef {
            pid: raw,
            start_ticks: 0,
        };
        Some(Process {
            id,
            parent: 0,
            session: 0,
            zombie: false,
        })
    }

    pub(super) fn signal(process: ProcessRef, signal: Signal) {
        if let Some(target) = pid(process.pid) {
            kill_process(target, signal).ok();
        }
    }

    pub(super) fn marked(_: &[u8]) -> Vec<Process> {
        Vec::new()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let stat = b"7 (a) R 1 (\xff) S 3 4 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0";
        let process = table::parse(7, stat).unwrap();
        assert_eq!(
            process.id,
            ProcessRef {
                pid: 7,
                start_ticks: 4711
            }
        );
        assert_eq!(
            (process.parent, process.session, process.zombie),
            (3, 5, false)
        );
        assert_eq!(table::parse(7, b"7 (torn) S 3"), None);
    }

    #[test]
    fn a_reused_number_is_another_process() {
        let own = ProcessRef::of(own_pid()).unwrap();
        assert!(own.is_alive());
        let other = ProcessRef {
            start_ticks: own.start_ticks + 1,
            ..own
        };
        assert!(!other.is_alive());
        // Were the number enough, this would end the test.
        other.signal(Signal::KILL);
    }

    #[test]
    fn descendants_do_not_loop() {
        let row = |pid, parent| Process {
            id: ProcessRef {
                pid,
                start_ticks: 1,
            },
            parent,
            session: 1,
            zombie: false,
        };
        let table = [row(2, 1), row(3, 2), row(1, 3), row(9, 8)];
        let found = descendants(&table, 1);
        assert_eq!(found.iter().map(|p| p.id.pid).collect::<Vec<_>>(), [2, 3]);
    }
}

//! Ending processes whose supervisor is gone.
//!
//! While its supervisor lives, a driver's process is below it. If the supervisor is killed, the
//! kernel ends the driver itself, and hands the rest to the nearest subreaper: the agent, or, if
//! that is dead too, init. The first are found by their session, which is not the agent's and which
//! no process can choose; the others by the mark in their environment.

use std::collections::BTreeSet;
use std::io;
use std::thread;
use std::time::Duration;

use devlab_core::Clock;
use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use crate::process::{self, Process, ProcessRef};
use crate::supervise::MARK_VARIABLE;

/// How long a supervisor whose agent is gone may take to end its driver by itself: the grace
/// period, and time for a busy machine.
pub const SUPERVISOR_PATIENCE: Duration = Duration::from_secs(4);
/// How long SIGKILL may take.
pub const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How many looks in a row must find nothing: the table is not read in one instant.
const QUIET_LOOKS: u32 = 2;

/// Processes of a driver could not be ended.
#[derive(Debug, thiserror::Error)]
#[error(
    "processes {pids:?} of an earlier run are still there after SIGKILL; see what they hang in (`ps -o pid,stat,wchan,args`) before this attempt can go on"
)]
pub struct StillThere {
    /// Who.
    pub pids: Vec<i32>,
}

/// Makes this process the one that descendants fall to when their parents die (prctl(2),
/// `PR_SET_CHILD_SUBREAPER`). Does nothing where there is no such thing.
///
/// # Errors
/// What the kernel says; none is known since Linux 3.4.
pub fn become_subreaper() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// Ends every process that fell to this one because its supervisor vanished, with everything below
/// it, and reaps it. Returns how many processes that were. Blocks; call it off the async threads.
///
/// Such a process is a child of ours in another session than ours. So nothing in this process may
/// start children in sessions of their own and expect them to live, and git must not be let detach
/// its maintenance (`gc.autoDetach=false`, `maintenance.autoDetach=false`).
///
/// # Errors
/// [`StillThere`] if some did not go in [`KILL_PATIENCE`].
pub fn end_strays(clock: &dyn Clock) -> Result<usize, StillThere> {
    let own = process::own_pid();
    end_until_quiet(clock, || {
        let table = process::all();
        let strays = strays(&table, own);
        let mut found = strays.clone();
        for stray in &strays {
            if stray.zombie {
                // Ours by adoption only: nobody else in this process waits for it.
                reap(stray.id.pid);
            }
            found.extend(process::descendants(&table, stray.id.pid));
        }
        found.retain(|process| !process.zombie);
        found
    })
}

/// Ends every process that carries `mark` (see [`MARK_VARIABLE`]), wherever it is in the tree, and
/// everything below it. Blocks.
///
/// # Errors
/// [`StillThere`] if some did not go in [`KILL_PATIENCE`].
pub fn end_marked(mark: &str, clock: &dyn Clock) -> Result<usize, StillThere> {
    let own = process::own_pid();
    end_until_quiet(clock, || {
        let table = process::all();
        let mut found = Vec::new();
        for process in process::marked(MARK_VARIABLE, mark) {
            found.extend(process::descendants(&table, process.id.pid));
            found.push(process);
        }
        found.retain(|process| !process.zombie && process.id.pid != own);
        found
    })
}

/// Makes sure that a supervisor of an earlier agent process is gone, with everything that it
/// started: waits for it to end its driver by itself, which it does as soon as its agent is dead,
/// and ends both if it does not. Afterwards nothing of that run can write anywhere. Blocks.
///
/// # Errors
/// [`StillThere`] if some processes did not go.
pub fn ensure_gone(
    supervisor: ProcessRef,
    mark: &str,
    clock: &dyn Clock,
) -> Result<(), StillThere> {
    let until = clock.monotonic() + SUPERVISOR_PATIENCE;
    while supervisor.is_alive() && clock.monotonic() < until {
        thread::sleep(LOOK_EVERY);
    }
    if supervisor.is_alive() {
        tracing::warn!(
            pid = supervisor.pid,
            mark,
            "ending a supervisor that did not end itself"
        );
        end_until_quiet(clock, || {
            if !supervisor.is_alive() {
                return Vec::new();
            }
            let table = process::all();
            let mut found = process::descendants(&table, supervisor.pid);
            found.retain(|process| !process.zombie);
            // The supervisor goes last: what is below it would be lost from sight.
            if found.is_empty() {
                found.extend(table.into_iter().filter(|p| p.id == supervisor));
            }
            found
        })?;
    }
    let ended = end_marked(mark, clock)?;
    if ended > 0 {
        tracing::warn!(ended, mark, "ended processes of an earlier run");
    }
    Ok(())
}

/// The children of `own` in another session than its own. The session is read from the table, as
/// the others' are: in a pid namespace whose first process was started into a session from outside
/// (`unshare --pid`, a container without a terminal), it is 0, which getsid(2) returns as well and
/// no wrapper of it takes for an id.
fn strays(table: &[Process], own: i32) -> Vec<Process> {
    let Some(me) = table.iter().find(|process| process.id.pid == own) else {
        return Vec::new();
    };
    table
        .iter()
        .filter(|process| process.parent == own && process.session != me.session)
        .copied()
        .collect()
}

fn reap(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        waitpid(Some(pid), WaitOptions::NOHANG).ok();
    }
}

/// Sends SIGKILL to what `look` finds until it finds nothing.
fn end_until_quiet(
    clock: &dyn Clock,
    look: impl Fn() -> Vec<Process>,
) -> Result<usize, StillThere> {
    let until = clock.monotonic() + KILL_PATIENCE;
    let mut seen = BTreeSet::new();
    let mut quiet = 0;
    loop {
        let found = look();
        if found.is_empty() {
            quiet += 1;
            if quiet == QUIET_LOOKS {
                return Ok(seen.len());
            }
            continue;
        }
        quiet = 0;
        if clock.monotonic() >= until {
            return Err(StillThere {
                pids: found.iter().map(|p| p.id.pid).collect(),
            });
        }
        for process in &found {
            process.id.signal(Signal::KILL);
            seen.insert((process.id.pid, process.id.start_ticks));
        }
        thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_is_a_child_in_another_session_even_if_ours_has_no_number() {
        let row = |pid, parent, session| Process {
            id: ProcessRef {
                pid,
                start_ticks: 1,
            },
            parent,
            session,
            zombie: false,
        };
        for own_session in [0, 5] {
            let table = [
                row(7, 1, own_session),
                row(8, 7, own_session),
                row(9, 7, 9),
                row(10, 9, 9),
            ];
            assert_eq!(strays(&table, 7), [table[2]]);
        }
        assert_eq!(strays(&[row(9, 7, 9)], 7), [], "who we are is not known");
    }
}

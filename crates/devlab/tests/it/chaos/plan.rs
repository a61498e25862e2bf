//! What is broken in a round, and the points at which processes may be killed.

use std::time::Duration;

use devlab_agent::harness::points;
use devlab_agent::journal::FAULT_WRITE;
use devlab_store::faults::FaultPoint;
use devlab_testing::Faults;

/// A push has moved a ref; the database does not know.
pub(super) const PUSHED: &str = "push.after_ref";
/// A sync has moved a branch; the database does not know.
pub(super) const SYNCED: &str = "sync.after_ref";
/// Points of a server that a repository moves to, reached where there are two.
const MOVE_POINTS: [&str; 3] = ["move.after_copy", "move.after_begin", "move.before_finish"];
/// Points of the server, besides those of its store.
const SERVER_POINTS: [&str; 23] = [
    "server.before_complete",
    "server.after_complete",
    "server.before_log",
    "server.before_expire",
    "start.after_branch",
    "train.before_build",
    "train.after_build",
    "train.after_built",
    "publish.before_ref",
    "publish.after_ref",
    "publish.after_done",
    "artifact.before_put",
    "artifact.after_put",
    "artifact.after_record",
    "seal.before_put",
    "seal.after_put",
    "seal.after_record",
    "seal.before_drop",
    "seal.after_drop",
    "attest.before_note",
    "attest.after_note",
    PUSHED,
    SYNCED,
];

/// A process of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Server,
    /// A second server beside it, on the same database and with a disk of its own.
    Other,
    Agent(usize),
}

/// What an armed point does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Kill,
    Full,
}

/// A point that does something at its `nth` hit in one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arm {
    pub(super) who: Who,
    pub(super) point: String,
    pub(super) action: Action,
    pub(super) nth: u64,
}

/// Something that happens to running processes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Blow {
    /// SIGKILL to each of them, after a while.
    Kill { who: Vec<Who>, after: Duration },
    /// An agent stands still until its lease is over, and until its task was claimed again if
    /// `successor`. When it wakes, its clock has gone on by so many hours.
    Freeze {
        agent: usize,
        successor: bool,
        hours: i64,
    },
    /// The network of an agent breaks once it comes to a point.
    Cut {
        agent: usize,
        at: &'static str,
        faults: Faults,
        lasts: Duration,
    },
    /// SIGKILL to each of them, while a driver resolves a conflict.
    KillInConflict { who: Vec<Who> },
    /// A second project is pushed, synced with its upstream, and worked on.
    Side,
    /// An agent does not hear the answer to a claim.
    LoseClaim { agent: usize },
    /// The server's clock jumps by hours, and back again.
    Clock { hours: i64, after: Duration },
    /// The goal's repository moves to the other of two servers. One after the other.
    Move { after: Duration },
    /// The database is gone for a while, without a word: as when its machine fails.
    Database { after: Duration, lasts: Duration },
    /// The disk of a process, a small one of its own, is full for a while.
    FillDisk {
        who: Who,
        after: Duration,
        lasts: Duration,
    },
}

/// A round.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) name: String,
    pub(super) agents: usize,
    pub(super) arms: Vec<Arm>,
    pub(super) blows: Vec<Blow>,
    /// Killed agents stay away for longer than a lease.
    pub(super) slow_restart: bool,
    /// At the end, agents are killed instead of asked to stop.
    pub(super) hard_end: bool,
    /// A point that is never reached is a failure, and so are blows whose moments never come.
    pub(super) is_exact: bool,
    /// Two servers on PostgreSQL instead of one on SQLite.
    pub(super) on_postgres: bool,
}

/// Names of all points.
pub(super) fn all_points(on_postgres: bool) -> Vec<String> {
    let of_moves = if on_postgres { &MOVE_POINTS[..] } else { &[] };
    let of_store = FaultPoint::ALL.into_iter().map(FaultPoint::as_str);
    let all = SERVER_POINTS
        .into_iter()
        .chain(of_moves.iter().copied())
        .chain(of_store)
        .chain(points::ALL)
        .chain([FAULT_WRITE]);
    all.map(str::to_owned).collect()
}

pub(super) fn kill(who: Who, point: &str, nth: u64) -> Arm {
    Arm {
        who,
        point: point.to_owned(),
        action: Action::Kill,
        nth,
    }
}

pub(super) fn full(who: Who, point: &str, nth: u64) -> Arm {
    Arm {
        action: Action::Full,
        ..kill(who, point, nth)
    }
}

pub(super) fn round(name: &str, arms: Vec<Arm>, blows: Vec<Blow>) -> Round {
    Round {
        name: name.to_owned(),
        agents: 2,
        arms,
        blows,
        slow_restart: false,
        hard_end: false,
        is_exact: true,
        on_postgres: false,
    }
}

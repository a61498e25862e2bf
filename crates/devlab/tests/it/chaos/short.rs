//! The rounds of `make test`: each breaks what its name says.

use std::time::Duration;

use devlab_agent::harness::points;
use devlab_agent::journal::FAULT_WRITE;
use devlab_testing::Faults;

use super::plan::{Blow, PUSHED, Round, SYNCED, Who, full, kill, round};

/// Every point at least once, every kind of blow at least once.
pub(super) fn set() -> Vec<Round> {
    let mut rounds = kill_rounds();
    rounds.extend(seal_rounds());
    rounds.extend(blow_rounds());
    for (index, round) in rounds.iter_mut().enumerate() {
        round.hard_end = index % 2 == 0;
    }
    rounds
}

/// Where the home of the repository, or the server that it moves to, is killed in [`on_postgres`].
pub(super) const ON_POSTGRES: [&str; 7] = [
    "publish.before_ref",
    "publish.after_ref",
    PUSHED,
    SYNCED,
    "move.after_copy",
    "move.after_begin",
    "move.before_finish",
];

/// Two servers with disks of their own on one database: homes are killed in the middle of merges,
/// pushes and moves, and the database fails. Which of the two comes to a point depends on the moves.
pub(super) fn on_postgres() -> Vec<Round> {
    let ms = Duration::from_millis;
    let gone = |after| Blow::Database {
        after: ms(after),
        lasts: ms(600),
    };
    let go = |after| Blow::Move { after: ms(after) };
    let [before, after, pushed, synced, copied, begun, ends] = ON_POSTGRES;
    let two = |name, at: &[&str], blows| Round {
        is_exact: false,
        on_postgres: true,
        ..round(
            name,
            at.iter().map(|point| kill(Who::Server, point, 1)).collect(),
            blows,
        )
    };
    vec![
        two(
            "a home killed as it publishes, without its database",
            &[before, after],
            vec![gone(1_200)],
        ),
        two(
            "a home killed in a push and a sync",
            &[pushed, synced],
            vec![Blow::Side, go(500)],
        ),
        two(
            "a move killed at each of its points, without its database",
            &[copied, begun, ends],
            vec![go(300), go(400), gone(2_000)],
        ),
    ]
}

fn kill_rounds() -> Vec<Round> {
    vec![
        kills(
            "kills 1",
            &[
                ("start.after_branch", 1),
                ("server.before_complete", 1),
                ("publish.before_ref", 1),
            ],
            &[
                (0, "agent.after_claim", 1),
                (0, "agent.after_drive", 1),
                (1, "agent.journal_write", 2),
            ],
        ),
        kills(
            "kills 2",
            &[
                ("train.before_build", 1),
                ("server.after_complete", 1),
                ("publish.after_ref", 2),
            ],
            &[(0, "agent.after_prepare", 1), (1, "agent.after_commit", 1)],
        ),
        kills(
            "kills 3",
            &[
                ("train.after_build", 1),
                ("server.before_log", 2),
                ("publish.after_done", 1),
            ],
            &[(0, "agent.during_drive", 1), (1, "agent.after_push", 1)],
        ),
        kills(
            "kills 4",
            &[
                ("train.after_built", 1),
                ("store.before_commit", 6),
                ("store.before_log_commit", 2),
            ],
            &[
                (0, "agent.during_checks", 1),
                (1, "agent.after_receipts", 1),
            ],
        ),
        kills(
            "kills 5",
            &[
                ("store.after_commit", 7),
                ("store.after_log_commit", 3),
                ("publish.after_ref", 1),
            ],
            &[
                (0, "agent.before_complete", 1),
                (1, "agent.after_complete", 1),
                (0, "agent.before_ack", 1),
            ],
        ),
        Round {
            blows: vec![Blow::Side],
            ..kills("kills 7", &[(PUSHED, 1), (SYNCED, 1)], &[])
        },
        Round {
            slow_restart: true,
            ..kills(
                "kills 6",
                &[("server.before_expire", 1)],
                &[(0, "agent.during_drive", 1)],
            )
        },
    ]
}

/// Kills while logs and artifacts go into blobs.
fn seal_rounds() -> Vec<Round> {
    vec![
        kills(
            "kills 8",
            &[
                ("seal.before_put", 1),
                ("seal.after_put", 1),
                ("seal.after_record", 1),
            ],
            &[],
        ),
        kills(
            "kills 9",
            &[("seal.before_drop", 2), ("seal.after_drop", 1)],
            &[(0, "agent.during_artifacts", 1)],
        ),
        kills(
            "kills 10",
            &[
                ("artifact.before_put", 1),
                ("artifact.after_put", 2),
                ("artifact.after_record", 1),
            ],
            &[(1, "agent.during_artifacts", 1)],
        ),
        kills(
            "kills 11",
            &[("attest.before_note", 1), ("attest.after_note", 1)],
            &[],
        ),
    ]
}

fn blow_rounds() -> Vec<Round> {
    let ms = Duration::from_millis;
    let hour_of_sleep = |successor| {
        vec![Blow::Freeze {
            agent: 0,
            successor,
            hours: 1,
        }]
    };
    let server = |point, nth| full(Who::Server, point, nth);
    let journal = |agent, nth| full(Who::Agent(agent), FAULT_WRITE, nth);
    let fill = |who, after, lasts| Blow::FillDisk {
        who,
        after: ms(after),
        lasts: ms(lasts),
    };
    let all = || vec![Who::Server, Who::Agent(0), Who::Agent(1)];
    vec![
        round(
            "woken before its successor, an hour later",
            vec![],
            hour_of_sleep(false),
        ),
        round(
            "woken after its successor, an hour later",
            vec![],
            hour_of_sleep(true),
        ),
        round(
            "a kill of all in a conflict",
            vec![],
            vec![Blow::KillInConflict { who: all() }],
        ),
        round("cuts and a forward clock", vec![], cuts()),
        round(
            "injected full disks and a backward clock",
            vec![
                server("store.before_commit", 9),
                server("store.before_log_commit", 3),
                journal(0, 2),
                journal(1, 5),
            ],
            vec![Blow::Clock {
                hours: -1,
                after: ms(900),
            }],
        ),
        round(
            "small disks and a kill of all",
            vec![],
            vec![
                fill(Who::Server, 600, 700),
                fill(Who::Agent(0), 300, 900),
                Blow::Kill {
                    who: all(),
                    after: ms(2_500),
                },
            ],
        ),
    ]
}

/// A cut of everything that an agent does with the server, and a clock that jumps on top.
fn cuts() -> Vec<Blow> {
    let ms = Duration::from_millis;
    let cut = |agent, at, faults| Blow::Cut {
        agent,
        at,
        faults,
        lasts: ms(400),
    };
    let up = |bytes| Faults {
        cut_up_after: Some(bytes),
        ..Faults::default()
    };
    let silent = Faults {
        drop_answers: true,
        ..Faults::default()
    };
    vec![
        cut(0, points::DURING_DRIVE, up(900)),
        cut(0, points::BEFORE_COMPLETE, silent),
        cut(1, points::AFTER_COMMIT, up(2_500)),
        cut(1, points::DURING_CHECKS, silent),
        Blow::LoseClaim { agent: 1 },
        Blow::Clock {
            hours: 1,
            after: ms(1_200),
        },
    ]
}

/// Kills at several points of the server, one after the other, and of the agents.
fn kills(name: &str, server: &[(&str, u64)], agents: &[(usize, &str, u64)]) -> Round {
    let server = server
        .iter()
        .map(|(point, nth)| kill(Who::Server, point, *nth));
    let agents = agents
        .iter()
        .map(|(agent, point, nth)| kill(Who::Agent(*agent), point, *nth));
    round(name, server.chain(agents).collect(), Vec::new())
}

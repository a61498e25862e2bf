//! What is broken in a round, and the points at which processes may be killed.

use devlab_agent::harness::points;
use devlab_agent::journal::FAULT_WRITE;
use devlab_core::attempt::Phase;
use devlab_store::sqlite::FaultPoint;
use devlab_testing::Faults;
use std::time::Duration;

/// Points of the server, besides those of its store.
const SERVER_POINTS: [&str; 11] = [
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
];

/// A process of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Server,
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
    /// `successor`.
    Freeze { agent: usize, successor: bool },
    /// The network of an agent breaks once it is in a phase, or while it claims.
    Cut {
        agent: usize,
        phase: Option<Phase>,
        faults: Faults,
        lasts: Duration,
    },
    /// The server's clock jumps by hours, and back again.
    Clock { hours: i64, after: Duration },
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
}

/// Names of all points.
pub(super) fn all_points() -> Vec<String> {
    let of_store = FaultPoint::ALL.into_iter().map(FaultPoint::as_str);
    let all = SERVER_POINTS
        .into_iter()
        .chain(of_store)
        .chain(points::ALL)
        .chain([FAULT_WRITE]);
    all.map(str::to_owned).collect()
}

fn kill(who: Who, point: &str, nth: u64) -> Arm {
    Arm {
        who,
        point: point.to_owned(),
        action: Action::Kill,
        nth,
    }
}

fn full(who: Who, point: &str, nth: u64) -> Arm {
    Arm {
        action: Action::Full,
        ..kill(who, point, nth)
    }
}

fn round(name: &str, arms: Vec<Arm>, blows: Vec<Blow>) -> Round {
    Round {
        name: name.to_owned(),
        agents: 2,
        arms,
        blows,
        slow_restart: false,
        hard_end: false,
        is_exact: true,
    }
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

/// The rounds of `make test`: every point at least once, every kind of blow at least once.
pub(super) fn short_set() -> Vec<Round> {
    let mut rounds = kill_rounds();
    rounds.extend(blow_rounds());
    for (index, round) in rounds.iter_mut().enumerate() {
        round.hard_end = index % 2 == 0;
    }
    rounds
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
            slow_restart: true,
            ..kills(
                "kills 6",
                &[("server.before_expire", 1)],
                &[(0, "agent.during_drive", 1)],
            )
        },
    ]
}

fn blow_rounds() -> Vec<Round> {
    let ms = Duration::from_millis;
    let freeze = |successor| {
        vec![Blow::Freeze {
            agent: 0,
            successor,
        }]
    };
    let server = |point, nth| full(Who::Server, point, nth);
    let journal = |agent, nth| full(Who::Agent(agent), FAULT_WRITE, nth);
    let fill = |who, after, lasts| Blow::FillDisk {
        who,
        after: ms(after),
        lasts: ms(lasts),
    };
    let all = vec![Who::Server, Who::Agent(0), Who::Agent(1)];
    vec![
        round("woken before its successor", vec![], freeze(false)),
        round("woken after its successor", vec![], freeze(true)),
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
                    who: all,
                    after: ms(2_500),
                },
            ],
        ),
    ]
}

/// A cut in every phase of an attempt, and a clock that jumps on top.
fn cuts() -> Vec<Blow> {
    let ms = Duration::from_millis;
    let cut = |phase, faults| Blow::Cut {
        agent: 0,
        phase,
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
        cut(None, silent),
        cut(Some(Phase::Driving), up(900)),
        cut(Some(Phase::Delivering), up(2_500)),
        cut(Some(Phase::Checking), silent),
        Blow::Clock {
            hours: 1,
            after: ms(1_200),
        },
    ]
}

/// A round that depends on its seed alone.
pub(super) fn seeded(seed: u64) -> Round {
    let mut dice = Dice(seed);
    let mut made = round(&format!("seed {seed}"), vec![], vec![]);
    made.is_exact = false;
    made.agents = 2 + dice.below(2);
    made.hard_end = dice.below(2) == 0;
    made.slow_restart = dice.below(4) == 0;
    for _ in 0..=dice.below(3) {
        match dice.below(8) {
            0..3 => made.arms.push(dice.arm(made.agents)),
            3 => made.arms.push(dice.full(made.agents)),
            _ => made.blows.push(dice.blow(made.agents)),
        }
    }
    made
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.next() % (to - from))
    }

    fn who(&mut self, agents: usize) -> Who {
        match self.below(agents + 1) {
            0 => Who::Server,
            agent => Who::Agent(agent - 1),
        }
    }

    fn arm(&mut self, agents: usize) -> Arm {
        let points = all_points();
        let point = &points[self.below(points.len())];
        let is_agents = point.starts_with("agent.");
        let who = if is_agents {
            Who::Agent(self.below(agents))
        } else {
            Who::Server
        };
        let most = if point.starts_with("store.") { 60 } else { 4 };
        kill(who, point, 1 + self.below(most) as u64)
    }

    fn full(&mut self, agents: usize) -> Arm {
        match self.who(agents) {
            Who::Server => {
                let points = ["store.before_commit", "store.before_log_commit"];
                full(
                    Who::Server,
                    points[self.below(2)],
                    1 + self.below(60) as u64,
                )
            }
            agent @ Who::Agent(_) => full(agent, FAULT_WRITE, 1 + self.below(20) as u64),
        }
    }

    fn blow(&mut self, agents: usize) -> Blow {
        match self.below(6) {
            0 => Blow::Kill {
                who: vec![self.who(agents)],
                after: self.millis(0, 4_000),
            },
            1 => {
                let all = (0..agents).map(Who::Agent).chain([Who::Server]);
                Blow::Kill {
                    who: all.collect(),
                    after: self.millis(0, 4_000),
                }
            }
            2 => Blow::Freeze {
                agent: self.below(agents),
                successor: self.below(2) == 0,
            },
            3 => Blow::Clock {
                hours: if self.below(2) == 0 { 1 } else { -1 },
                after: self.millis(0, 3_000),
            },
            4 => Blow::FillDisk {
                who: self.who(agents),
                after: self.millis(0, 2_000),
                lasts: self.millis(200, 1_000),
            },
            _ => self.cut(agents),
        }
    }

    fn cut(&mut self, agents: usize) -> Blow {
        let phases = [
            None,
            Some(Phase::Preparing),
            Some(Phase::Driving),
            Some(Phase::Delivering),
            Some(Phase::Checking),
        ];
        let bytes = Some(100 + self.next() % 6_000);
        let faults = match self.below(4) {
            0 => Faults {
                refuse: true,
                ..Faults::default()
            },
            1 => Faults {
                cut_up_after: bytes,
                ..Faults::default()
            },
            2 => Faults {
                cut_down_after: bytes,
                ..Faults::default()
            },
            _ => Faults {
                drop_answers: true,
                ..Faults::default()
            },
        };
        Blow::Cut {
            agent: self.below(agents),
            phase: phases[self.below(phases.len())],
            faults,
            lasts: self.millis(100, 2_000),
        }
    }
}

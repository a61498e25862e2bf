//! The rounds of `make chaos`, drawn by lot.

use std::time::Duration;

use devlab_agent::harness::points;
use devlab_agent::journal::FAULT_WRITE;
use devlab_testing::Faults;

use super::plan::{Arm, Blow, PUSHED, Round, SYNCED, Who, all_points, full, kill, round};

/// Points of a move.
const MOVES: &str = "move.";
/// Reached only if a lease ends.
const EXPIRE: &str = "server.before_expire";

/// A round that depends on its seed alone.
pub(super) fn round_of(seed: u64, on_postgres: bool) -> Round {
    let mut dice = Dice {
        state: seed,
        points: all_points(on_postgres),
    };
    let mut made = round(&format!("seed {seed}"), vec![], vec![]);
    made.is_exact = false;
    made.on_postgres = on_postgres;
    made.agents = 2 + dice.below(2);
    made.hard_end = dice.below(2) == 0;
    made.slow_restart = dice.below(4) == 0;
    for _ in 0..dice.below(4) {
        match dice.below(8) {
            0..3 => made.arms.push(dice.arm(made.agents)),
            3 => made.arms.push(dice.full(made.agents)),
            _ => made.blows.push(dice.blow(made.agents)),
        }
    }
    // The last of two for one point counts.
    let turn = dice.turn(seed, made.agents);
    made.arms.push(turn);
    bring_about(&mut made);
    if on_postgres {
        dice.of_two_servers(&mut made);
    }
    made
}

/// Some points are reached only if something else happens.
fn bring_about(made: &mut Round) {
    let is_armed = |made: &Round, point| made.arms.iter().any(|arm| arm.point == point);
    let is_side = made.blows.contains(&Blow::Side);
    made.blows.retain(|blow| *blow != Blow::Side);
    if is_side || is_armed(made, PUSHED) || is_armed(made, SYNCED) {
        made.blows.push(Blow::Side);
    }
    if is_armed(made, EXPIRE) {
        // A lease ends: its agent dies at work, and stays away for longer than that.
        made.slow_restart = true;
        made.arms.push(kill(Who::Agent(0), points::DURING_DRIVE, 1));
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Dice {
    state: u64,
    points: Vec<String>,
}

impl Dice {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
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

    /// Every point has its turn, each in one of so many rounds as there are points.
    fn turn(&mut self, seed: u64, agents: usize) -> Arm {
        let turn = usize::try_from(seed % self.points.len() as u64).unwrap();
        let point = self.points[turn].clone();
        self.at(&point, agents, 1)
    }

    fn arm(&mut self, agents: usize) -> Arm {
        let any = self.below(self.points.len());
        let point = self.points[any].clone();
        self.at(&point, agents, 4)
    }

    fn at(&mut self, point: &str, agents: usize, most: usize) -> Arm {
        let is_agents = point.starts_with("agent.");
        let who = if is_agents {
            Who::Agent(self.below(agents))
        } else {
            Who::Server
        };
        let most = match point {
            SYNCED => 1,
            _ if point.starts_with(MOVES) => 1,
            PUSHED => most.min(2),
            _ if point.starts_with("store.") => most * 15,
            _ => most,
        };
        kill(who, point, 1 + self.below(most) as u64)
    }

    fn full(&mut self, agents: usize) -> Arm {
        match self.who(agents) {
            Who::Server | Who::Other => {
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
        match self.below(9) {
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
                hours: i64::from(self.below(2) == 0),
            },
            3 => Blow::Clock {
                hours: if self.below(2) == 0 { 1 } else { -1 },
                after: self.millis(0, 3_000),
            },
            7 => Blow::LoseClaim {
                agent: self.below(agents),
            },
            5 => Blow::Side,
            6 => Blow::KillInConflict {
                who: match self.below(3) {
                    0 => vec![Who::Server],
                    1 => (0..agents).map(Who::Agent).collect(),
                    _ => (0..agents).map(Who::Agent).chain([Who::Server]).collect(),
                },
            },
            4 => Blow::FillDisk {
                who: self.who(agents),
                after: self.millis(0, 2_000),
                lasts: self.millis(200, 1_000),
            },
            _ => self.cut(agents),
        }
    }

    /// What can only happen where there are two.
    fn of_two_servers(&mut self, made: &mut Round) {
        let is_moved = made.arms.iter().any(|arm| arm.point.starts_with(MOVES));
        for _ in 0..self.below(3).max(usize::from(is_moved)) {
            let after = self.millis(0, 4_000);
            made.blows.push(Blow::Move { after });
        }
        if self.below(3) == 0 {
            made.blows.push(Blow::Database {
                after: self.millis(0, 4_000),
                lasts: self.millis(0, 1_500),
            });
        }
    }

    fn cut(&mut self, agents: usize) -> Blow {
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
            at: points::ALL[self.below(points::ALL.len())],
            faults,
            lasts: self.millis(100, 2_000),
        }
    }
}

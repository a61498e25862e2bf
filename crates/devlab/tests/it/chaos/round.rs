//! One round, from its set-up to the last look at the process table.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use devlab_core::state::StateName;
use futures::future::join_all;
use rustix::process::Signal;
use tokio::time::Instant;

use super::breaking::Miss;
use super::plan::{Round, Who};
use super::process::{self, Proc};
use super::project::MARK;
use super::world::{World, within};
use super::{breaking, report, verify};

/// Longest time that a goal may take, with everything that is done to it.
const GOAL_MAX: Duration = Duration::from_secs(240);
/// Longest time that processes may take to end.
const END_MAX: Duration = Duration::from_secs(20);

/// What came of a round.
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) kills: BTreeMap<String, u32>,
    /// Points that were reached, and how often.
    pub(super) reached: BTreeMap<String, u64>,
    pub(super) problems: Vec<String>,
    pub(super) blows: Vec<String>,
    /// Blows whose moment never came.
    pub(super) missed: usize,
    /// Blows that this user may not deal.
    pub(super) left_out: usize,
    /// Conflicts that were resolved.
    pub(super) conflicts: u32,
    took: Duration,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.problems.is_empty() {
            "ok    "
        } else {
            "FAILED"
        };
        let kills: Vec<&str> = self.kills.keys().map(String::as_str).collect();
        write!(
            f,
            "{word} {} in {:.1} s; killed at [{}]",
            self.name,
            self.took.as_secs_f64(),
            kills.join(" ")
        )?;
        for blow in &self.blows {
            write!(f, "\n         {blow}")?;
        }
        for problem in &self.problems {
            write!(f, "\n     !!! {problem}")?;
        }
        Ok(())
    }
}

/// Runs one. Its folder is kept if something was lost.
pub(super) async fn run(round: Round) -> Outcome {
    let began = Instant::now();
    let mut world = World::open(&round).await;
    let blows = join_all(round.blows.iter().map(|blow| breaking::deal(&world, blow)));
    let (dealt, done) = tokio::join!(blows, goal_is_done(&world));
    let (mut problems, mut blows, mut missed) = (Vec::new(), Vec::new(), 0);
    let mut left_out = 0;
    for blow in dealt {
        match blow {
            Ok(said) => blows.push(said),
            Err(Miss::NotAllowed(why)) => {
                left_out += 1;
                report::say_once(why);
                blows.push(why.to_owned());
            }
            Err(Miss::Late(why)) => {
                missed += 1;
                // Drawn by lot, one may come too late.
                if round.is_exact {
                    problems.push(why.clone());
                }
                blows.push(format!("missed: {why}"));
            }
            Err(Miss::Wrong(why)) => problems.push(why),
        }
    }
    match done {
        Ok(()) => problems.extend(verify::everything(&world).await),
        Err(why) => problems.push(why),
    }
    if problems.is_empty() {
        problems.extend(no_driver_is_left(&world).await);
    }
    let conflicts = verify::conflicts(&world).await;
    problems.extend(end(&world, round.hard_end).await);
    world.keeper.abort_all();
    let mut outcome = Outcome {
        name: round.name,
        kills: BTreeMap::new(),
        reached: BTreeMap::new(),
        problems,
        blows,
        missed,
        left_out,
        conflicts,
        took: began.elapsed(),
    };
    drop(world.procs.each(|proc| {
        for (point, count) in &proc.kills {
            *outcome.kills.entry(point.clone()).or_default() += count;
        }
        for (point, hits) in proc.reached() {
            *outcome.reached.entry(point).or_default() += hits;
        }
        outcome.problems.append(&mut proc.problems);
        outcome.problems.extend(proc.panics());
        if round.is_exact {
            outcome.problems.extend(proc.never_hit());
        }
    }));
    if !outcome.problems.is_empty() {
        world.keep();
        let path = world.path().display();
        outcome.problems.push(format!("its folder is {path}"));
    }
    outcome
}

async fn goal_is_done(world: &World) -> Result<(), String> {
    let done = within(GOAL_MAX, || async {
        let goal = world.client.task(world.goal).await.ok()?;
        (goal.task.state == StateName::Done).then_some(())
    });
    if done.await.is_some() {
        world.is_over.store(true, Ordering::Relaxed);
        return Ok(());
    }
    let mut states = vec!["the goal is not done in time".to_owned()];
    for (key, id) in world.keys.iter().chain([(&"goal".to_owned(), &world.goal)]) {
        states.push(match world.client.task(*id).await {
            Ok(found) => {
                let (task, stuck) = (&found.task, found.stuck.unwrap_or_default());
                let (state, attempts) = (task.state, task.attempts);
                format!(
                    "{key} {id}: {state:?}, {attempts} attempts, {:?}, {stuck}",
                    task.tries
                )
            }
            Err(error) => format!("{key}: {error}"),
        });
    }
    Err(states.join("\n         "))
}

/// Agents idle now: what drivers have left behind must be gone.
async fn no_driver_is_left(world: &World) -> Vec<String> {
    let mark = format!("{MARK}={}", world.path().display());
    gone(&mark, "a driver's process is left while agents are idle").await
}

async fn gone(needle: &str, what: &str) -> Vec<String> {
    let gone = within(END_MAX, || async {
        process::named(needle).is_empty().then_some(())
    });
    match gone.await {
        Some(()) => Vec::new(),
        None => process::named(needle)
            .into_iter()
            .map(|left| format!("{what}: {left}"))
            .collect(),
    }
}

/// Ends all processes; nothing of the round may be left.
async fn end(world: &World, hard: bool) -> Vec<String> {
    let signal = if hard { Signal::KILL } else { Signal::TERM };
    let mut problems = Vec::new();
    for (whose, signal) in [(false, signal), (true, Signal::TERM)] {
        let concerned = |who: Who| (who == Who::Server) == whose;
        drop(
            world
                .procs
                .each(|proc| concerned(proc.who()).then(|| proc.retire(signal))),
        );
        let ended = || async {
            let running = world
                .procs
                .each(|proc| concerned(proc.who()) && proc.is_running());
            (!running.contains(&true)).then_some(())
        };
        if within(END_MAX, ended).await.is_none() {
            problems.push("a process does not end when it is asked to".to_owned());
            drop(
                world
                    .procs
                    .each(|proc: &mut Proc| proc.retire(Signal::KILL)),
            );
        }
    }
    let path = world.path().display().to_string();
    problems.extend(gone(&path, "left in the process table").await);
    problems
}

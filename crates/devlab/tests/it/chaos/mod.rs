//! The real executable under kill -9, cut connections, full disks and clocks that jump.
//!
//! A round is a lab of its own (a server, agents behind proxies that cut) that works through a goal
//! while a plan breaks things. Afterwards everything must be done exactly once. The short set
//! kills at every named point; the long one draws its rounds from a seed.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test fails by panicking, says what it did, and starts programs with the caller's PATH"
)]

mod breaking;
mod history;
mod plan;
mod process;
mod project;
mod round;
mod verify;
mod world;

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use plan::Round;
use round::Outcome;

/// Rounds at one time: most of a round is waiting.
const AT_ONCE: usize = 3;
/// Rounds of the long set, unless `DEVLAB_CHAOS_ROUNDS` says otherwise.
const ROUNDS_DEFAULT: u64 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_named_point_survives_a_kill() {
    let outcomes = run_all(plan::short_set()).await;
    let mut table: BTreeMap<String, (u32, u32)> = plan::all_points()
        .into_iter()
        .map(|point| (point, (0, 0)))
        .collect();
    let mut unknown = Vec::new();
    for outcome in &outcomes {
        for (point, kills) in &outcome.kills {
            let row = table.entry(point.clone()).or_default();
            row.0 += 1;
            row.1 += kills;
        }
        unknown.extend(
            outcome
                .reached
                .iter()
                .filter(|point| !plan::all_points().contains(point)),
        );
    }
    println!("{:<26} {:>6} {:>5}", "killed at", "rounds", "kills");
    for (point, (rounds, kills)) in &table {
        println!("{point:<26} {rounds:>6} {kills:>5}");
    }
    report(&outcomes);
    assert!(
        unknown.is_empty(),
        "points without a kill of their own: {unknown:?}"
    );
    let never: Vec<&String> = table
        .iter()
        .filter(|(_, (_, kills))| *kills == 0)
        .map(|(point, _)| point)
        .collect();
    assert!(never.is_empty(), "never killed at {never:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes long: `make chaos` runs it"]
async fn seeded_rounds_survive() {
    let number = |name: &str, default| {
        let text = std::env::var_os(name).map(|text| text.into_string().unwrap());
        text.map_or(default, |text| text.parse().unwrap())
    };
    let rounds = number("DEVLAB_CHAOS_ROUNDS", ROUNDS_DEFAULT);
    let first = number("DEVLAB_CHAOS_SEED", 1);
    let seeded = (first..first + rounds).map(plan::seeded).collect();
    let outcomes = run_all(seeded).await;
    report(&outcomes);
    println!("{} rounds survived", outcomes.len());
}

async fn run_all(rounds: Vec<Round>) -> Vec<Outcome> {
    let (mut waiting, mut running) = (rounds.into_iter(), JoinSet::new());
    let mut outcomes = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(round) = waiting.next()
        {
            running.spawn(round::run(round));
        }
        let Some(ended) = running.join_next().await else {
            return outcomes;
        };
        let outcome = ended.unwrap();
        println!("{outcome}");
        outcomes.push(outcome);
    }
}

/// Fails with the name of every round that lost something.
fn report(outcomes: &[Outcome]) {
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| !outcome.problems.is_empty())
        .map(|outcome| outcome.name.as_str())
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} rounds failed: {failed:?}",
        failed.len(),
        outcomes.len()
    );
}

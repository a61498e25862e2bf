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

mod asleep;
mod breaking;
mod cutting;
mod history;
mod lot;
mod moving;
mod plan;
mod process;
mod project;
mod report;
mod round;
mod short;
mod side;
mod verify;
mod world;

use tokio::task::JoinSet;

use plan::Round;
use report::Report;
use round::Outcome;

/// Rounds at one time: most of a round is waiting.
const AT_ONCE: usize = 3;
/// Rounds of the long set, unless `DEVLAB_CHAOS_ROUNDS` says otherwise.
const ROUNDS_DEFAULT: u64 = 200;
/// Seeded rounds of two servers on PostgreSQL in the short set, besides those that are named.
const ROUNDS_ON_POSTGRES: u64 = 3;
/// So many seeded rounds kill at every point, whatever their seeds.
const ROUNDS_FOR_ALL: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_named_point_survives_a_kill() {
    let report = Report::of(&run_all(short::set()).await, false);
    report.show();
    report.nothing_is_lost();
    report.nothing_is_left_out();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn some_rounds_survive_on_postgresql() {
    let mut rounds = short::on_postgres();
    rounds.extend(seeded(1, ROUNDS_ON_POSTGRES, true));
    let report = Report::of(&run_all(rounds).await, true);
    report.show();
    report.nothing_is_lost();
    report.was_killed_at(&short::ON_POSTGRES);
    report.was_dealt(&["the database was gone", "moved the repository"]);
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
    let on_postgres = match std::env::var("DEVLAB_CHAOS_STORE").as_deref() {
        Ok("postgres") => true,
        Ok("sqlite" | "") | Err(_) => false,
        Ok(other) => panic!("DEVLAB_CHAOS_STORE is sqlite or postgres, not {other}"),
    };
    let seeded = seeded(first, rounds, on_postgres);
    let report = Report::of(&run_all(seeded).await, on_postgres);
    report.show();
    report.nothing_is_lost();
    if rounds >= ROUNDS_FOR_ALL {
        report.nothing_is_left_out();
    }
}

fn seeded(first: u64, rounds: u64, on_postgres: bool) -> Vec<Round> {
    let seeds = first..first + rounds;
    seeds.map(|seed| lot::round_of(seed, on_postgres)).collect()
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

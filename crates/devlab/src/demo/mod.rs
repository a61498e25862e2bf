//! `devlab demo`: a throw-away lab on a real repository, with several agents at work.
//!
//! The project, its history, the goal and the drivers are under `examples/demo`, embedded. Nothing
//! here helps the tasks along: the demo schedules the goal, kills one agent, and watches.
//!
//! *Invariant:* whatever happens, all of it is gone afterwards, unless it is to be kept: agents,
//! drivers, the server, the folder, and what it has put into a database.

mod database;
mod evidence;
mod facts;
mod files;
mod goal;
mod history;
mod kill;
mod live;
mod report;
mod stage;
mod story;
mod verify;

use std::time::Duration;

use anyhow::Context as _;
use tokio_util::task::TaskTracker;

use crate::args::Demo;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::lab::signals::Stop;
use crate::show;

use facts::Facts;
use stage::{Set, Stage};

/// How long the goal may take.
const GOAL_MAX: Duration = Duration::from_secs(180);
/// How long everything before and after may take: the set-up, reading and holding against git.
const AROUND_MAX: Duration = Duration::from_secs(60);

/// What is said when it is over; `--keep` has said already what is kept.
const NOTHING_LEFT: &str = "stopped; nothing of the demo runs any more";

/// A demo that came to its end.
struct Played {
    set: Set,
    facts: Facts,
    seconds: f64,
}

/// `devlab demo`.
pub(crate) async fn run(context: &Context, demo: &Demo) -> anyhow::Result<()> {
    let tracker = TaskTracker::new();
    let stop = Stop::listen(&tracker)?;
    let mut opening = Box::pin(Stage::open(context, demo));
    let stage = tokio::select! {
        stage = &mut opening => stage?,
        () = stop.soft.cancelled() => {
            // What it has put into a database is removed by nobody else.
            let opened = tokio::select! {
                opened = opening => opened.ok(),
                () = stop.hard.cancelled() => None,
            };
            if let Some(stage) = opened {
                stage.strike(&stop.hard).await;
            }
            return stopped(&stop);
        }
    };
    let shown = tokio::select! {
        shown = show_all(context, demo, &stage) => Some(shown),
        () = stop.soft.cancelled() => None,
    };
    if shown.as_ref().is_some_and(Result::is_ok) && !demo.once {
        stop.soft.cancelled().await;
    }
    stage.strike(&stop.hard).await;
    let Some(shown) = shown else {
        return stopped(&stop);
    };
    let problems = shown?;
    if problems.is_empty() {
        return match demo.once {
            true => Ok(()),
            false => stop.ended(NOTHING_LEFT),
        };
    }
    Err(Failure::new(
        Exit::Failed,
        format!("the demo does not hold:\n  {}", problems.join("\n  ")),
    ))
}

/// It was stopped before it could show anything.
fn stopped(stop: &Stop) -> anyhow::Result<()> {
    stop.ended(NOTHING_LEFT)?;
    Err(Failure::new(Exit::Failed, "it had not come to its end"))
}

/// Plays it and prints what it came to. Returns what does not hold.
async fn show_all(context: &Context, demo: &Demo, stage: &Stage) -> anyhow::Result<Vec<String>> {
    let played = tokio::time::timeout(GOAL_MAX + AROUND_MAX, play(context, demo, stage)).await;
    let played = played.map_err(|_| {
        Failure::new(
            Exit::Timeout,
            "the demo took too long; run it with --keep and look at the logs in the folder it names",
        )
    })??;
    report::print(context, demo, &played)?;
    if !demo.once {
        report::invite(context, stage, &played.set)?;
    }
    Ok(played.facts.problems)
}

/// From the empty lab to the merged goal.
async fn play(context: &Context, demo: &Demo, stage: &Stage) -> anyhow::Result<Played> {
    report::open_the_door(stage);
    let mut set = stage.fill(demo).await?;
    let began = context.clock.monotonic();
    let goal = stage
        .schedule(demo, &mut set)
        .await
        .context("cannot schedule the goal")?;
    let live = live::Live::new(context.output);
    let watched = tokio::time::timeout(GOAL_MAX, live::watch(stage, &mut set, goal, live)).await;
    let seconds = context
        .clock
        .monotonic()
        .saturating_sub(began)
        .as_secs_f64();
    let late = match watched {
        Ok(watched) => {
            watched?;
            None
        }
        Err(_) => Some(format!(
            "the goal was not over after {} s",
            GOAL_MAX.as_secs()
        )),
    };
    let mut facts = facts::gather(stage, &set, goal, demo.spec_kit).await?;
    facts.problems.extend(late);
    Ok(Played {
        set,
        facts,
        seconds,
    })
}

/// Says something while the demo goes on.
fn say(text: &str) {
    show::note(text);
}

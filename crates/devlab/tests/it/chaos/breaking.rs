//! Deals a round's blows while the lab works.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use devlab_api::client::Page;
use devlab_api::task::Attempt;
use devlab_core::{AttemptId, TaskId};
use rustix::process::Signal;

use super::plan::{Blow, Who};
use super::project::RESOLVING;
use super::world::{World, within};
use super::{asleep, cutting, moving, side};

/// Longest wait for the moment of a blow; the goal may be done before it comes.
pub(super) const MOMENT_MAX: Duration = Duration::from_secs(20);
/// Said instead of filling a disk.
const NOT_ROOT: &str = "chaos: the blow of a full disk is left out: a small disk is mounted by root, which this is not";
/// Milliseconds of an hour.
pub(super) const HOUR_MS: i64 = 3_600_000;
/// How long a moved clock stays moved.
const CLOCK_LASTS: Duration = Duration::from_millis(1_500);

/// Why a blow was not what it is meant to be.
pub(super) enum Miss {
    /// Its moment never came.
    Late(String),
    /// This user may not do it.
    NotAllowed(&'static str),
    /// It was dealt, and the lab did not bear it.
    Wrong(String),
}

/// Deals one. Says what came of it.
pub(super) async fn deal(world: &World, blow: &Blow) -> Result<String, Miss> {
    Ok(match blow {
        Blow::Kill { who, after } => {
            tokio::time::sleep(*after).await;
            // The odd ones meet the server beside the home, where there is one.
            let meets_other = after.as_millis() % 2 == 1 && world.has_other();
            let met = |who: &Who| match who {
                Who::Server if meets_other => Who::Other,
                who => *who,
            };
            let who: Vec<Who> = who.iter().map(met).collect();
            kill_all(world, &who);
            format!("killed {who:?} after {after:?}")
        }
        Blow::KillInConflict { who } => {
            let file = world.path().join(RESOLVING);
            let there = moment(world, || async { file.exists().then_some(()) });
            if there.await.is_none() {
                return Err(Miss::Late("no driver ever had a conflict".to_owned()));
            }
            kill_all(world, who);
            format!("killed {who:?} while a conflict was resolved")
        }
        Blow::Freeze {
            agent,
            successor,
            hours,
        } => asleep::freeze(world, *agent, *successor, *hours).await?,
        Blow::Cut {
            agent,
            at,
            faults,
            lasts,
        } => cutting::cut(world, *agent, at, *faults, *lasts).await?,
        Blow::LoseClaim { agent } => cutting::lose_claim(world, *agent).await?,
        Blow::Side => side::push_and_sync(world).await.map_err(Miss::Wrong)?,
        Blow::Clock { hours, after } => {
            tokio::time::sleep(*after).await;
            std::fs::write(world.clock_file(), (hours * HOUR_MS).to_string()).unwrap();
            tokio::time::sleep(CLOCK_LASTS).await;
            std::fs::write(world.clock_file(), "0").unwrap();
            format!("moved the clock by {hours} h, and back")
        }
        Blow::Move { after } => {
            tokio::time::sleep(*after).await;
            moving::to_the_other(world).await?
        }
        Blow::Database { after, lasts } => {
            tokio::time::sleep(*after).await;
            world.without_database(*lasts).await;
            format!("the database was gone for {lasts:?}")
        }
        Blow::FillDisk { who, after, lasts } => {
            let folder = world.data_of(*who);
            if let Some(why) = world.not_small.get(&folder) {
                return Err(match rustix::process::geteuid().is_root() {
                    true => Miss::Late(format!("no small disk for {who:?}: {why}")),
                    false => Miss::NotAllowed(NOT_ROOT),
                });
            }
            tokio::time::sleep(*after).await;
            let written = fill(&folder);
            tokio::time::sleep(*lasts).await;
            std::fs::remove_file(folder.join("filler")).unwrap();
            format!("filled the disk of {who:?} with {written} bytes")
        }
    })
}

fn kill_all(world: &World, who: &[Who]) {
    for who in who {
        world.procs.with(*who, |proc| proc.signal(Signal::KILL));
    }
}

/// Waits for the moment of a blow, which cannot come any more once the goal is done.
pub(super) async fn moment<T, F, Fut>(world: &World, mut look: F) -> Option<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let found = within(MOMENT_MAX, || {
        let looked = look();
        async move {
            let found = looked.await;
            let is_over = world.is_over.load(Ordering::Relaxed);
            (found.is_some() || is_over).then_some(found)
        }
    });
    found.await.flatten()
}

/// Every byte there is.
fn fill(folder: &Path) -> u64 {
    let mut file = File::create(folder.join("filler")).unwrap();
    let mut piece = vec![b'x'; 256 * 1024];
    let mut written = 0;
    while !piece.is_empty() {
        match file.write(&piece) {
            Ok(count @ 1..) => written += count as u64,
            Ok(0) | Err(_) => piece.truncate(piece.len() / 2),
        }
    }
    written
}

/// The attempt that an agent holds.
pub(super) async fn held(world: &World, agent: usize) -> Option<(TaskId, AttemptId)> {
    let name = format!("agent-{agent}");
    let agents = world
        .client
        .agents(None, &Page::default())
        .await
        .ok()?
        .items;
    let attempt = *agents
        .iter()
        .find(|agent| agent.name == name)?
        .attempts
        .first()?;
    for task in world.keys.values() {
        if attempt_of(world, *task, attempt).await.is_some() {
            return Some((*task, attempt));
        }
    }
    None
}

pub(super) async fn attempt_of(world: &World, task: TaskId, attempt: AttemptId) -> Option<Attempt> {
    let attempts = world.client.attempts(task).await.ok()?.items;
    attempts.into_iter().find(|found| found.id == attempt)
}

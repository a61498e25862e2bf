//! Deals a round's blows while the lab works.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use devlab_api::client::Page;
use devlab_api::task::Attempt;
use devlab_core::attempt::{AttemptState, Phase};
use devlab_core::{AttemptId, TaskId};
use devlab_testing::Faults;
use rustix::process::{Pid, Signal, kill_process};

use super::plan::{Blow, Who};
use super::project::RESOLVING;
use super::side;
use super::world::{World, within};

/// Longest wait for the moment of a blow; the goal may be done before it comes.
const MOMENT_MAX: Duration = Duration::from_secs(20);
/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// How long a moved clock stays moved.
const CLOCK_LASTS: Duration = Duration::from_millis(1_500);

/// Deals one. Says what came of it; `Err` if its moment never came.
pub(super) async fn deal(world: &World, blow: &Blow) -> Result<String, String> {
    Ok(match blow {
        Blow::Kill { who, after } => {
            tokio::time::sleep(*after).await;
            kill_all(world, who);
            format!("killed {who:?} after {after:?}")
        }
        Blow::KillInConflict { who } => {
            let file = world.path().join(RESOLVING);
            let there = within(MOMENT_MAX, || async { file.exists().then_some(()) });
            if there.await.is_none() {
                return Err("no driver ever had a conflict".to_owned());
            }
            kill_all(world, who);
            format!("killed {who:?} while a conflict was resolved")
        }
        Blow::Freeze { agent, successor } => freeze(world, *agent, *successor).await?,
        Blow::Cut {
            agent,
            phase,
            faults,
            lasts,
        } => cut(world, *agent, *phase, *faults, *lasts).await?,
        Blow::Side => side::push_and_sync(world).await?,
        Blow::Clock { hours, after } => {
            tokio::time::sleep(*after).await;
            std::fs::write(world.clock_file(), (hours * HOUR_MS).to_string()).unwrap();
            tokio::time::sleep(CLOCK_LASTS).await;
            std::fs::write(world.clock_file(), "0").unwrap();
            format!("moved the clock by {hours} h, and back")
        }
        Blow::FillDisk { who, after, lasts } => {
            tokio::time::sleep(*after).await;
            let folder = world.data_of(*who);
            if !world.small.contains(&folder) {
                return Ok("no small disk: mounting needs root".to_owned());
            }
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
async fn held(world: &World, agent: usize) -> Option<(TaskId, AttemptId)> {
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

async fn attempt_of(world: &World, task: TaskId, attempt: AttemptId) -> Option<Attempt> {
    let attempts = world.client.attempts(task).await.ok()?.items;
    attempts.into_iter().find(|found| found.id == attempt)
}

async fn freeze(world: &World, agent: usize, successor: bool) -> Result<String, String> {
    let driving = || async {
        let (task, attempt) = held(world, agent).await?;
        let phase = attempt_of(world, task, attempt).await?.phase;
        (phase == Phase::Driving).then_some((task, attempt))
    };
    let Some((task, attempt)) = within(MOMENT_MAX, driving).await else {
        return Err(format!("agent {agent} was never at work"));
    };
    let all: Vec<usize> = (0..world.proxies.len()).collect();
    // Without a successor nobody else may be able to claim.
    let still: Vec<usize> = if successor { vec![agent] } else { all };
    let stopped: Vec<i32> = still
        .iter()
        .flat_map(|agent| world.procs.with(Who::Agent(*agent), |p| p.tree()))
        .collect();
    signal_all(&stopped, Signal::STOP);
    let wanted = if successor {
        AttemptState::Superseded
    } else {
        AttemptState::Lost
    };
    let over = || async {
        let now = attempt_of(world, task, attempt).await?.state;
        (now == wanted).then_some(())
    };
    let lost = within(MOMENT_MAX, over).await;
    // The sleeper alone first, so that it speaks before the others.
    signal_all(
        &world.procs.with(Who::Agent(agent), |proc| proc.tree()),
        Signal::CONT,
    );
    let back = || async {
        let now = attempt_of(world, task, attempt).await?.state;
        (now != AttemptState::Lost).then_some(now)
    };
    let became = within(MOMENT_MAX, back).await;
    signal_all(&stopped, Signal::CONT);
    if lost.is_none() || became == Some(AttemptState::Superseded) && !successor {
        return Err(format!(
            "agent {agent} slept; its attempt never was {wanted:?}, now {became:?}"
        ));
    }
    Ok(format!(
        "froze agent {agent} until its attempt was {wanted:?}; then it was {became:?}"
    ))
}

fn signal_all(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // One that has ended needs no signal.
        kill_process(pid, signal).ok();
    }
}

async fn cut(
    world: &World,
    agent: usize,
    phase: Option<Phase>,
    faults: Faults,
    lasts: Duration,
) -> Result<String, String> {
    if let Some(phase) = phase {
        let there = || async {
            let (task, attempt) = held(world, agent).await?;
            let now = attempt_of(world, task, attempt).await?.phase;
            (now == phase).then_some(())
        };
        if within(MOMENT_MAX, there).await.is_none() {
            return Err(format!("agent {agent} was never {phase:?}"));
        }
    }
    let proxy = &world.proxies[agent];
    proxy.set(faults);
    proxy.cut();
    tokio::time::sleep(lasts).await;
    proxy.set(Faults::default());
    proxy.cut();
    Ok(format!(
        "cut agent {agent} at {phase:?} for {lasts:?}: {faults:?}"
    ))
}

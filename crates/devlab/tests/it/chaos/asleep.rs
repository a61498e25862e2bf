//! Agents that stand still, as on a machine that sleeps, and what becomes of their work.

use devlab_api::agent::{Completion, Delivery, Update};
use devlab_core::attempt::{AttemptState, Phase};
use devlab_core::{AttemptId, TaskId};
use rustix::process::{Pid, Signal, kill_process};

use super::breaking::{HOUR_MS, MOMENT_MAX, Miss, attempt_of, held, moment};
use super::plan::Who;
use super::world::{World, insist, within};

/// What an agent logs of work that nobody wants any more.
const DROPPED: &str = "the server takes nothing from it any more";

/// Stops an agent at work, with everything below it, until its lease is over; if `successor`, until
/// its task was claimed by another. Its clock has gone on by so many hours when it wakes.
pub(super) async fn freeze(
    world: &World,
    agent: usize,
    successor: bool,
    hours: i64,
) -> Result<String, Miss> {
    let driving = || async {
        let (task, attempt) = held(world, agent).await?;
        let phase = attempt_of(world, task, attempt).await?.phase;
        (phase == Phase::Driving).then_some((task, attempt))
    };
    let Some((task, attempt)) = moment(world, driving).await else {
        return Err(Miss::Late(format!("agent {agent} was never at work")));
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
    let state = || async { Some(attempt_of(world, task, attempt).await?.state) };
    let lost = within(MOMENT_MAX, || async {
        state().await.filter(|now| *now == wanted)
    });
    let lost = lost.await;
    std::fs::write(world.agent_clock(agent), (hours * HOUR_MS).to_string()).unwrap();
    // The sleeper alone first, so that it speaks before the others.
    signal_all(
        &world.procs.with(Who::Agent(agent), |proc| proc.tree()),
        Signal::CONT,
    );
    let became = within(MOMENT_MAX, || async {
        state().await.filter(|now| *now != AttemptState::Lost)
    });
    let became = became.await;
    signal_all(&stopped, Signal::CONT);
    if lost.is_none() || became == Some(AttemptState::Superseded) && !successor {
        return Err(Miss::Late(format!(
            "agent {agent} slept; its attempt never was {wanted:?}, now {became:?}"
        )));
    }
    if successor {
        is_refused(world, agent, task, attempt).await?;
    } else {
        is_adopted(world, task, attempt).await?;
    }
    Ok(format!(
        "froze agent {agent} for {hours} h until its attempt was {wanted:?}; then it was {became:?}"
    ))
}

/// The sleeper gives its work up, and whatever it says of it is refused without effect.
async fn is_refused(
    world: &World,
    agent: usize,
    task: TaskId,
    attempt: AttemptId,
) -> Result<(), Miss> {
    let log = world.path().join(format!("agent-{agent}.log"));
    let id = attempt.to_string();
    let dropped = within(MOMENT_MAX, || async {
        let log = std::fs::read_to_string(&log).ok()?;
        log.lines()
            .any(|line| line.contains(&id) && line.contains(DROPPED))
            .then_some(())
    });
    if dropped.await.is_none() {
        return Err(Miss::Late(format!("agent {agent} did not give {id} up")));
    }
    let look = || async { insist(|| world.client.attempts(task)).await };
    let own = |all: Vec<devlab_api::task::Attempt>| all.into_iter().find(|a| a.id == attempt);
    let before = look().await.ok().and_then(|found| own(found.items));
    let update = Update {
        task,
        attempt,
        phase: None,
        touched: None,
        complete: Some(Completion::Delivered(Delivery {
            commit: before.as_ref().and_then(|found| found.base.clone()),
            ..Delivery::default()
        })),
    };
    let answer = insist(|| world.agent_client.update_attempt(&update)).await;
    let is_stale = answer
        .as_ref()
        .is_err_and(|error| error.code() == Some("stale_attempt"));
    if !is_stale {
        return Err(Miss::Wrong(format!("{id} is stale, and heard {answer:?}")));
    }
    let after = look().await.ok().and_then(|found| own(found.items));
    if before.is_none() || after != before {
        return Err(Miss::Wrong(format!(
            "a stale word changed {before:?} to {after:?}"
        )));
    }
    Ok(())
}

/// The sleeper was back in time: its own result is the one that counts.
async fn is_adopted(world: &World, task: TaskId, attempt: AttemptId) -> Result<(), Miss> {
    let ended = within(MOMENT_MAX, || async {
        let state = attempt_of(world, task, attempt).await?.state;
        (state != AttemptState::Live).then_some(state)
    });
    match ended.await {
        Some(AttemptState::Succeeded) => Ok(()),
        other => Err(Miss::Late(format!(
            "{attempt} was back in time, and became {other:?}"
        ))),
    }
}

fn signal_all(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // One that has ended needs no signal.
        kill_process(pid, signal).ok();
    }
}

//! Networks that are cut, each at a moment of the agent's work.

use std::time::Duration;

use devlab_agent::harness::points;
use devlab_testing::Faults;

use super::breaking::{Miss, held, moment};
use super::plan::Who;
use super::world::{World, within};

/// Longest wait for a claim while its answer would be lost: there may be no work just then.
const CLAIM_MAX: Duration = Duration::from_secs(2);

/// Cuts an agent off for a while, once it comes to a point. What an agent has reached stands in its
/// record, so that no phase is too short to be seen.
pub(super) async fn cut(
    world: &World,
    agent: usize,
    at: &'static str,
    faults: Faults,
    lasts: Duration,
) -> Result<String, Miss> {
    // One after the other: the end of one would be the end of another that has just begun.
    let turn = world.cutting[agent].lock().await;
    comes_to(world, agent, at).await?;
    let proxy = &world.proxies[agent];
    proxy.set(faults);
    proxy.cut();
    tokio::time::sleep(lasts).await;
    proxy.set(Faults::default());
    proxy.cut();
    drop(turn);
    Ok(format!("cut agent {agent} {at} for {lasts:?}: {faults:?}"))
}

/// The answer to a claim is lost: the server has given work away that the agent does not know of.
pub(super) async fn lose_claim(world: &World, agent: usize) -> Result<String, Miss> {
    let turn = world.cutting[agent].lock().await;
    let proxy = &world.proxies[agent];
    let silent = Faults {
        drop_answers: true,
        ..Faults::default()
    };
    let lost = moment(world, || async {
        // It has told what came of its work, and asks for more next.
        comes_to(world, agent, points::BEFORE_ACK).await.ok()?;
        let known = hits(world, agent, points::AFTER_CLAIM);
        proxy.set(silent);
        proxy.cut();
        let given = within(CLAIM_MAX, || held(world, agent)).await;
        let unheard = hits(world, agent, points::AFTER_CLAIM) == known;
        proxy.set(Faults::default());
        proxy.cut();
        given.filter(|_| unheard)
    });
    let lost = lost.await;
    drop(turn);
    match lost {
        Some((_, attempt)) => Ok(format!("agent {agent} did not hear that it has {attempt}")),
        None => Err(Miss::Late(format!("no claim of agent {agent} was lost"))),
    }
}

fn hits(world: &World, agent: usize, point: &str) -> u64 {
    let reached = world.procs.with(Who::Agent(agent), |proc| proc.reached());
    reached.get(point).copied().unwrap_or(0)
}

/// Waits until an agent comes to a point, once more than it has so far.
async fn comes_to(world: &World, agent: usize, point: &str) -> Result<(), Miss> {
    let before = hits(world, agent, point);
    let there = moment(world, || async {
        (hits(world, agent, point) > before).then_some(())
    });
    there
        .await
        .ok_or_else(|| Miss::Late(format!("agent {agent} did not come to {point}")))
}

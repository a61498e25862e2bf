//! How attempts and agents end early.

use std::time::Duration;

use devlab_agent::harness::AgentError;
use devlab_core::attempt::{AttemptState, Failure};
use devlab_core::state::StateName;
use tokio::time::Instant;

use super::World;
use crate::lab::{pids, until};

/// Leaves its processes' ids, and does not end when it is asked to.
const STUBBORN: &str = "trap '' TERM; echo $$ >> $TRACES/pids; \
                        setsid sh -c 'trap \"\" TERM; echo $$ >> $TRACES/pids; while :; do sleep 1; done' & \
                        while :; do sleep 1; done";

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_reaches_every_process_in_two_seconds() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let task = world.task(STUBBORN, &[]).await;
    let processes = pids(world.trace("pids"), 2).await;
    let began = Instant::now();
    world.server.admin().cancel_task(task).await.unwrap();
    until("they are gone", || {
        (!processes.iter().any(|process| process.is_alive())).then_some(())
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    // The slot is free again.
    let next = world.task("true", &[]).await;
    world.until_state(next, StateName::Done).await;
    agent.stop().await;
    assert_eq!(world.attempts(task).await[0].state, AttemptState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_work_finish_and_takes_no_more() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let script = "touch $TRACES/begun; while ! test -e $TRACES/go; do sleep 0.02; done; echo x > x";
    let task = world.task(script, &[]).await;
    until("it has begun", || {
        world.trace("begun").exists().then_some(())
    })
    .await;
    agent.stop.cancel();
    let later = world.task("true", &[]).await;
    std::fs::write(world.trace("go"), "").unwrap();
    agent.ended().await.unwrap();
    let done = world.until_state(task, StateName::Done).await;
    assert_eq!(done.task.attempts, 1);
    assert_eq!(world.attempts(later).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_finish_in_a_drain_is_given_back() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|config| config.drain = Duration::from_millis(200));
    let task = world.task(STUBBORN, &[]).await;
    let processes = pids(world.trace("pids"), 2).await;
    agent.stop().await;
    assert!(!processes.iter().any(|process| process.is_alive()));
    let attempts = world.attempts(task).await;
    assert_eq!(
        (attempts[0].state, attempts[0].failure),
        (AttemptState::Failed, Some(Failure::Lost))
    );
    assert_eq!(world.detail(task).await.task.state, StateName::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_stop_leaves_a_journal_and_the_next_start_goes_on() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let script = format!("if test -e $TRACES/go; then echo x > x; else {STUBBORN}; fi");
    let task = world.task(&script, &[]).await;
    let processes = pids(world.trace("pids"), 2).await;
    let began = Instant::now();
    agent.kill().await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert!(!processes.iter().any(|process| process.is_alive()));
    std::fs::write(world.trace("go"), "").unwrap();
    let agent = world.start(|_| {});
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert_eq!(done.task.attempts, 1);
    assert!(
        world
            .log(task, None)
            .await
            .contains("the agent was restarted")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_known_ends_the_agent_with_advice() {
    let world = World::new(&[]).await;
    let agent = world.start(|config| config.token = "wrong".to_owned().into());
    let error = agent.ended().await.unwrap_err();
    assert!(matches!(error, AgentError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("devlab token create"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_do_not_share_a_home() {
    let world = World::new(&[]).await;
    let agent = world.start(|_| {});
    until("the home is taken", || {
        let text = std::fs::read_to_string(world.home.path().join("lock")).ok()?;
        (!text.is_empty()).then_some(())
    })
    .await;
    let error = world.start(|_| {}).ended().await.unwrap_err();
    assert!(matches!(error, AgentError::Home(_)), "{error:?}");
    agent.stop().await;
}

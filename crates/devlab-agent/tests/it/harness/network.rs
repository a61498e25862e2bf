//! Networks that break.

use std::time::Duration;

use devlab_api::client::Page;
use devlab_core::attempt::AttemptState;
use devlab_core::state::StateName;
use devlab_core::tx::RuleConfig;
use devlab_testing::{CutProxy, Faults, Setup, TestServer};

use super::World;
use crate::lab::until;

async fn with_lease(lease: Duration) -> TestServer {
    TestServer::start_with(Setup {
        rules: RuleConfig {
            lease_term: lease,
            ..RuleConfig::default()
        },
        ..Setup::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_is_lost_is_asked_again_and_holds_one_slot() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let proxy = CutProxy::new(world.server.addr()).await;
    let agent = world.start(|config| config.url = proxy.url());
    devlab_testing::until("the agent is known", || async {
        let agents = world.server.admin().agents(None, &Page::default()).await;
        (!agents.unwrap().items.is_empty()).then_some(())
    })
    .await;
    proxy.set(Faults {
        drop_answers: true,
        ..Faults::default()
    });
    proxy.cut();
    let task = world
        .task("echo run >> $TRACES/runs; echo x > x", &[])
        .await;
    let attempt = devlab_testing::until("the claim has arrived", || async {
        world.attempts(task).await.into_iter().next()
    });
    let attempt = attempt.await;
    proxy.set(Faults::default());
    proxy.cut();
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert_eq!((done.task.attempts, world.count("runs")), (1, 1));
    assert_eq!(world.attempts(task).await[0].id, attempt.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_gone_for_longer_than_a_lease_stops_no_driver() {
    let world = World::on(
        with_lease(Duration::from_millis(600)).await,
        &[("a", "a\n")],
    )
    .await;
    let proxy = CutProxy::new(world.server.addr()).await;
    let agent = world.start(|config| config.url = proxy.url());
    let script = "echo run >> $TRACES/runs; while ! test -e $TRACES/go; do sleep 0.02; done; \
                  echo said; echo x > x";
    let task = world.task(script, &[("c", "true")]).await;
    until("it runs", || (world.count("runs") == 1).then_some(())).await;
    proxy.set(Faults {
        refuse: true,
        ..Faults::default()
    });
    proxy.cut();
    devlab_testing::until("the lease has ended", || async {
        let attempts = world.attempts(task).await;
        (attempts[0].state == AttemptState::Lost).then_some(())
    })
    .await;
    std::fs::write(world.trace("go"), "").unwrap();
    proxy.set(Faults::default());
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert_eq!((done.task.attempts, world.count("runs")), (1, 1));
    assert!(world.log(task, None).await.contains("said\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_whose_successor_was_claimed_changes_nothing() {
    let world = World::on(
        with_lease(Duration::from_millis(600)).await,
        &[("a", "a\n")],
    )
    .await;
    let proxy = CutProxy::new(world.server.addr()).await;
    let agent = world.start(|config| config.url = proxy.url());
    let script = "echo run >> $TRACES/runs; if test $(wc -l < $TRACES/runs) = 1; then \
                  while ! test -e $TRACES/go; do sleep 0.02; done; echo first > x; else echo second > x; fi";
    let task = world.task(script, &[]).await;
    until("it runs", || (world.count("runs") == 1).then_some(())).await;
    proxy.set(Faults {
        refuse: true,
        ..Faults::default()
    });
    proxy.cut();
    let home = tempfile::tempdir().unwrap();
    let other = world.start(|config| {
        config.home = home.path().to_owned();
        config.name = "other".to_owned();
    });
    world.until_state(task, StateName::Done).await;
    proxy.set(Faults::default());
    std::fs::write(world.trace("go"), "").unwrap();
    // It is free for other work once it has heard.
    other.stop().await;
    let next = world.task("true", &[]).await;
    world.until_state(next, StateName::Done).await;
    agent.stop().await;
    assert_eq!(world.published("x").await.as_deref(), Some("second"));
    let states: Vec<_> = world
        .attempts(task)
        .await
        .iter()
        .map(|attempt| attempt.state)
        .collect();
    assert_eq!(
        states
            .iter()
            .filter(|state| **state == AttemptState::Superseded)
            .count(),
        1,
        "{states:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_after_any_number_of_bytes_loses_no_log() {
    let world = World::new(&[("a", "a\n")]).await;
    let proxy = CutProxy::new(world.server.addr()).await;
    let agent = world.start(|config| config.url = proxy.url());
    let script = "i=0; while test $i -lt 3000; do echo line $i; i=$((i+1)); done; \
                  touch $TRACES/said; while ! test -e $TRACES/go; do sleep 0.02; done; echo last; echo x > x";
    let task = world.task(script, &[]).await;
    until("it has said all", || {
        world.trace("said").exists().then_some(())
    })
    .await;
    for bytes in [100, 2_000, 20_000] {
        proxy.set(Faults {
            cut_up_after: Some(bytes),
            ..Faults::default()
        });
        proxy.cut();
        tokio::task::yield_now().await;
    }
    std::fs::write(world.trace("go"), "").unwrap();
    proxy.set(Faults {
        cut_down_after: Some(200),
        ..Faults::default()
    });
    proxy.cut();
    proxy.set(Faults::default());
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert_eq!(done.task.attempts, 1);
    let lines: String = (0..3000).map(|i| format!("line {i}\n")).collect();
    let log = world.log(task, None).await;
    assert!(log.starts_with(&format!("{lines}last\n")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_log_that_the_server_lost_is_sent_again() {
    let world = World::new(&[("a", "a\n")]).await;
    let proxy = CutProxy::new(world.server.addr()).await;
    let agent = world.start(|config| config.url = proxy.url());
    let script = "touch $TRACES/begun; if test -e $TRACES/again; then echo late; exit 0; fi; \
                  while ! test -e $TRACES/go; do sleep 0.02; done; echo early; touch $TRACES/said; sleep 600";
    let task = world.task(script, &[]).await;
    until("it has begun", || {
        world.trace("begun").exists().then_some(())
    })
    .await;
    proxy.set(Faults {
        refuse: true,
        ..Faults::default()
    });
    proxy.cut();
    std::fs::write(world.trace("go"), "").unwrap();
    until("it has spoken", || {
        world.trace("said").exists().then_some(())
    })
    .await;
    agent.kill().await;
    // What an agent believes after its server came back from a backup.
    let attempt = world.attempts(task).await[0].id;
    let log = world.home.path().join(format!("attempts/{attempt}/log"));
    std::fs::write(log.join("acked"), "6").unwrap();
    std::fs::write(world.trace("again"), "").unwrap();
    let agent = world.start(|_| {});
    world.until_state(task, StateName::Done).await;
    agent.stop().await;
    let log = world.log(task, None).await;
    assert!(log.starts_with("early\n"), "{log}");
    assert!(log.contains("late\n"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_waits_for_a_server_that_is_away() {
    let world = World::new(&[("a", "a\n")]).await;
    let proxy = CutProxy::new(world.server.addr()).await;
    proxy.set(Faults {
        refuse: true,
        ..Faults::default()
    });
    let agent = world.start(|config| config.url = proxy.url());
    let task = world.task("true", &[]).await;
    until("the agent has its home", || {
        world.home.path().join("lock").exists().then_some(())
    })
    .await;
    proxy.set(Faults::default());
    world.until_state(task, StateName::Done).await;
    agent.stop().await;
}

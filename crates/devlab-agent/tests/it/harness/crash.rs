//! Agents that die at every step, and disks that are full there.

use std::process::Stdio;
use std::sync::Arc;

use devlab_agent::faults::{Action, FaultPlan};
use devlab_agent::harness::points;
use devlab_api::client::Page;
use devlab_api::task::CreateTask;
use devlab_core::attempt::{AttemptKind, AttemptState};
use devlab_core::state::StateName;
use devlab_core::task::Proof;
use tokio::process::{Child, Command};

use super::{World, within};
use crate::lab::{HOST, until};

/// Runs long enough to be caught, and counts its runs. The second process must not be there when
/// it runs again.
const SCRIPT: &str = "test ! -e $TRACES/lock || ! kill -0 $(cat $TRACES/lock) 2>/dev/null; echo $$ > $TRACES/lock; \
                      echo run >> $TRACES/runs; sleep 0.1; echo line >> out; rm -f $TRACES/lock";

fn process(world: &World, faults: &str) -> Child {
    Command::new(HOST)
        .arg("work")
        .args([&world.server.url(), &world.token])
        .arg(world.home.path())
        .arg(faults)
        .arg(world.trace("points"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_point_loses_nothing_and_repeats_nothing() {
    for point in points::ALL {
        let world = World::new(&[("out", "begin\n")]).await;
        let checks = [("one", "echo c1 && test -s out"), ("two", "echo c2")];
        let task = CreateTask {
            artifacts: vec!["out".to_owned()],
            ..world.leaf(SCRIPT, &checks)
        };
        let task = world.create(task).await;
        let mut first = process(&world, &format!("{point}=kill"));
        let status = within(point, first.wait()).await.unwrap();
        assert_eq!(status.code(), None, "{point} was not reached");
        let _second = process(&world, "");
        let done = world.until_state(task, StateName::Done).await;
        assert_eq!(done.task.proof, Proof::Proven, "{point}");
        assert_eq!(
            world.published("out").await.as_deref(),
            Some("begin\nline"),
            "{point}"
        );
        let attempts = world.attempts(task).await;
        let work: Vec<_> = attempts
            .iter()
            .filter(|attempt| attempt.kind == AttemptKind::Work)
            .collect();
        assert_eq!(
            (work.len(), work[0].state),
            (1, AttemptState::Succeeded),
            "{point}"
        );
        let runs = world.count("runs");
        let allowed = if point == points::DURING_DRIVE {
            1..=2
        } else {
            1..=1
        };
        assert!(
            allowed.contains(&runs),
            "{point}: the driver ran {runs} times"
        );
        let log = world.log(task, Some(work[0].id)).await;
        assert_eq!(work[0].log_bytes, log.len() as u64, "{point}");
        let receipts = world.server.admin().receipts(task).await.unwrap().items;
        assert_eq!(receipts.len(), 2, "{point}");
        assert!(receipts.iter().all(|receipt| receipt.passed), "{point}");
        let artifacts = world
            .server
            .admin()
            .artifacts(task, None, &Page::default())
            .await
            .unwrap()
            .items;
        assert_eq!(artifacts.len(), 1, "{point}");
        let kept = (artifacts[0].path.as_str(), artifacts[0].size);
        assert_eq!(kept, ("out", "begin\nline\n".len() as u64), "{point}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_at_any_point_gives_the_task_to_the_next_try() {
    for point in points::ALL {
        let world = World::new(&[("out", "begin\n")]).await;
        let plan = Arc::new(FaultPlan::default().arm(point, Action::DiskFull, 1));
        let agent = world.start_with_faults(Arc::clone(&plan) as _);
        let task = CreateTask {
            artifacts: vec!["*".to_owned()],
            ..world.leaf("echo line >> out", &[("one", "true")])
        };
        let task = world.create(task).await;
        world.until_state(task, StateName::Done).await;
        agent.stop().await;
        assert!(plan.hits(point) > 0, "{point}");
        assert_eq!(
            world.published("out").await.as_deref(),
            Some("begin\nline"),
            "{point}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_written_for_a_moment_is_waited_for() {
    let world = World::new(&[("out", "begin\n")]).await;
    let plan = Arc::new(FaultPlan::default().arm("agent.journal_write", Action::DiskFull, 3));
    let agent = world.start_with_faults(Arc::clone(&plan) as _);
    let task = world.task("echo line >> out", &[]).await;
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert!(plan.hits("agent.journal_write") > 3);
    assert_eq!(done.task.attempts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_over_is_dropped_at_the_start() {
    let world = World::new(&[("out", "begin\n")]).await;
    let task = world.task("touch $TRACES/begun; sleep 600", &[]).await;
    let agent = world.start(|_| {});
    until("it has begun", || {
        world.trace("begun").exists().then_some(())
    })
    .await;
    agent.kill().await;
    world.server.admin().cancel_task(task).await.unwrap();
    std::fs::remove_file(world.trace("begun")).unwrap();
    let agent = world.start(|_| {});
    let next = world.task("true", &[]).await;
    world.until_state(next, StateName::Done).await;
    agent.stop().await;
    assert!(!world.trace("begun").exists());
}

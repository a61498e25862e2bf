//! How agents get work, keep it, and hand it in.

mod streams;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use devlab_api::agent::{Claim, Claimed, RegisterAgent};
use devlab_api::client::{AuditQuery, ClientError};
use devlab_api::task::{CreateTask, Schedule, Task};
use devlab_core::TaskId;
use devlab_core::state::StateName;
use devlab_testing::{CutProxy, Faults, HandClock, ScriptedAgent, Setup, TestServer, until};
use futures::future::join_all;
use tokio::time::Instant;

/// Longer than the default lease.
const PAST_THE_LEASE: Duration = Duration::from_secs(31);

async fn task(server: &TestServer, title: &str) -> Task {
    let task = CreateTask {
        title: title.to_owned(),
        driver: Some(crate::driver()),
        ..CreateTask::default()
    };
    server.admin().create_task(&task).await.unwrap()
}

async fn state(server: &TestServer, id: TaskId) -> StateName {
    server.admin().task(id).await.unwrap().task.state
}

async fn until_state(server: &TestServer, id: TaskId, wanted: StateName) {
    let reached = || async { (state(server, id).await == wanted).then_some(()) };
    until(wanted.as_str(), reached).await;
}

fn code<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> String {
    outcome.unwrap_err().code().unwrap().to_owned()
}

/// A server whose clock the test moves.
async fn with_clock() -> (TestServer, Arc<HandClock>) {
    let clock = Arc::new(HandClock::new());
    let setup = Setup {
        clock: clock.clone(),
        ..Setup::default()
    };
    (TestServer::start_with(setup).await, clock)
}

#[tokio::test]
async fn a_waiting_agent_gets_a_task_at_once() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 20).await;
    // The quickest of ten, because this machine does other things too.
    let mut quickest = Duration::MAX;
    for _ in 0..10 {
        let made = async {
            let made = task(&server, "Now").await;
            (made.id, Instant::now())
        };
        let got = async { (agent.claim().await.task, Instant::now()) };
        let ((got, then), (made, since)) = tokio::join!(got, made);
        assert_eq!(got, made);
        quickest = quickest.min(then.saturating_duration_since(since));
    }
    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
    server.stop().await;
}

#[tokio::test]
async fn fifty_waiting_agents_get_one_task_each_and_none_twice() {
    let server = TestServer::start().await;
    let names = (0..50).map(|i| format!("agent-{i}"));
    let agents = names.map(|name| async { server.agent("default", &{ name }, 1).await });
    let agents = join_all(agents).await;
    let claims = join_all(agents.iter().map(ScriptedAgent::claim));
    let make = async {
        let mut made = BTreeSet::new();
        for i in 0..50 {
            made.insert(task(&server, &format!("Task {i}")).await.id);
            let running = || async {
                let list = server.admin().tasks(&Default::default()).await.unwrap();
                let running = list
                    .items
                    .iter()
                    .filter(|task| task.state == StateName::Running);
                (running.count() == made.len()).then_some(())
            };
            // One at a time: all the others are still waiting when it comes.
            if i < 3 {
                until("the claim", running).await;
            }
        }
        made
    };
    let (claimed, made) = tokio::join!(claims, make);
    let got: BTreeSet<TaskId> = claimed.iter().map(|work| work.task).collect();
    assert_eq!(got, made);
    assert!(claimed.iter().all(|work| work.number == 1));
    server.stop().await;
}

#[tokio::test]
async fn a_lost_answer_to_a_claim_holds_no_slot() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 1).await;
    let made = task(&server, "Once").await;
    let proxy = CutProxy::new(server.addr()).await;
    proxy.set(Faults {
        drop_answers: true,
        ..Faults::default()
    });
    let behind = streams::client(&proxy.url(), &agent.secret);
    let claim: Claim = agent.next_claim(0);
    let cut = async {
        until_state(&server, made.id, StateName::Running).await;
        proxy.cut();
    };
    let (lost, ()) = tokio::join!(behind.claim(&claim), cut);
    assert!(lost.unwrap_err().is_retryable());
    let again = agent.client.claim(&claim).await.unwrap().unwrap();
    let and_again = agent.client.claim(&claim).await.unwrap().unwrap();
    assert_eq!((again.task, again.number), (made.id, 1));
    assert_eq!(again.attempt, and_again.attempt);
    let attempts = server.admin().attempts(made.id).await.unwrap();
    assert_eq!(attempts.items.len(), 1);
    agent.finish(&again).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_cancellation_reaches_the_agent_and_its_result_comes_too_late() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 8).await;
    let mut quickest = Duration::MAX;
    let mut last: Option<Claimed> = None;
    for _ in 0..5 {
        let made = task(&server, "Stop me").await;
        let work = agent.claim().await;
        let held = [work.attempt];
        let control = async {
            let told = agent
                .client
                .agent_control(agent.agent.id, &[(held[0], 0)], 15)
                .await;
            (told.unwrap(), Instant::now())
        };
        let cancel = async {
            server.admin().cancel_task(made.id).await.unwrap();
            Instant::now()
        };
        let ((told, then), since) = tokio::join!(control, cancel);
        assert_eq!(told.stop, held);
        quickest = quickest.min(then.saturating_duration_since(since));
        last = Some(work);
    }
    assert!(quickest < Duration::from_millis(500), "{quickest:?}");
    let work = last.unwrap();
    assert_eq!(code(agent.finish(&work).await), "task_cancelled");
    assert_eq!(code(agent.heartbeat(&work).await), "task_cancelled");
    let log = agent
        .client
        .append_log(work.task, work.attempt, 0, "x".into());
    assert_eq!(code(log.await), "task_cancelled");
    assert_eq!(state(&server, work.task).await, StateName::Cancelled);
    server.stop().await;
}

#[tokio::test]
async fn an_agent_that_comes_back_in_time_takes_its_task_back() {
    let (server, clock) = with_clock().await;
    let agent = server.agent("default", "one", 1).await;
    let made = task(&server, "Slow").await;
    let work = agent.claim().await;
    clock.advance(PAST_THE_LEASE);
    until_state(&server, made.id, StateName::Ready).await;
    let beat = agent.heartbeat(&work).await.unwrap();
    assert_eq!((beat.state, beat.lease_ms), (StateName::Running, 30_000));
    clock.advance(PAST_THE_LEASE);
    until_state(&server, made.id, StateName::Ready).await;
    let done = agent.finish(&work).await.unwrap();
    assert_eq!(done.state, StateName::Done);
    server.stop().await;
}

#[tokio::test]
async fn an_agent_that_comes_back_after_its_successor_changes_nothing() {
    let (server, clock) = with_clock().await;
    let first = server.agent("default", "one", 1).await;
    let second = server.agent("default", "two", 1).await;
    let made = task(&server, "Slow").await;
    let work = first.claim().await;
    clock.advance(PAST_THE_LEASE);
    let successor = second.claim().await;
    assert_eq!((successor.task, successor.number), (made.id, 2));
    for outcome in [
        first.heartbeat(&work).await,
        first.finish(&work).await,
        first.fail(&work, "no").await,
        first.give_up(&work).await,
    ] {
        assert_eq!(code(outcome), "stale_attempt");
    }
    let log = first
        .client
        .append_log(work.task, work.attempt, 0, "x".into());
    assert_eq!(code(log.await), "stale_attempt");
    let held = [work.attempt];
    let told = first
        .client
        .agent_control(first.agent.id, &[(held[0], 0)], 0)
        .await;
    assert_eq!(told.unwrap().stop, held);
    assert_eq!(state(&server, made.id).await, StateName::Running);
    assert_eq!(
        second.finish(&successor).await.unwrap().state,
        StateName::Done
    );
    assert_eq!(code(first.finish(&work).await), "stale_attempt");
    server.stop().await;
}

#[tokio::test]
async fn a_wall_clock_that_jumps_takes_no_lease_away() {
    let (server, clock) = with_clock().await;
    let agent = server.agent("default", "one", 1).await;
    let made = task(&server, "Slow").await;
    let work = agent.claim().await;
    let runs = || {
        let reports = server.lab().loop_reports();
        reports
            .iter()
            .find(|r| r.name == "leases")
            .map_or(0, |r| r.runs)
    };
    for jump in [3_600_000, -7_200_000] {
        let before = runs();
        clock.jump(jump);
        let looked = || async { (runs() >= before + 3).then_some(()) };
        until("the loop's look", looked).await;
        assert_eq!(state(&server, made.id).await, StateName::Running, "{jump}");
    }
    assert_eq!(agent.finish(&work).await.unwrap().state, StateName::Done);
    server.stop().await;
}

#[tokio::test]
async fn completions_may_be_repeated_and_come_in_any_order() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 2).await;
    let made = task(&server, "Once").await;
    let work = agent.claim().await;
    let events = || async {
        let all = server.admin().events(&Default::default()).await.unwrap();
        all.items.len()
    };
    let first = agent.finish(&work).await.unwrap();
    let count = events().await;
    for _ in 0..3 {
        assert_eq!(agent.finish(&work).await.unwrap(), first);
    }
    // What says otherwise comes too late, and so does a heartbeat that was overtaken.
    assert_eq!(code(agent.fail(&work, "no").await), "stale_attempt");
    assert_eq!(code(agent.heartbeat(&work).await), "stale_attempt");
    assert_eq!(events().await, count);
    assert_eq!(state(&server, made.id).await, StateName::Done);

    // Twenty at once are one.
    let made = task(&server, "Once more").await;
    let work = agent.claim().await;
    let all = join_all((0..20).map(|_| agent.finish(&work))).await;
    assert!(
        all.iter()
            .all(|done| done.as_ref().unwrap().state == StateName::Done)
    );
    let attempts = server.admin().attempts(made.id).await.unwrap();
    assert_eq!(attempts.items.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_failed_driver_is_tried_again_and_told_why() {
    let (server, clock) = with_clock().await;
    let agent = server.agent("default", "one", 1).await;
    let made = task(&server, "Hard").await;
    let work = agent.claim().await;
    let failed = agent.fail(&work, "exit code 3").await.unwrap();
    assert_eq!(failed.state, StateName::Ready);
    clock.advance(Duration::from_secs(120));
    let again = agent.claim().await;
    assert_eq!((again.task, again.number), (made.id, 2));
    let told = serde_json::to_string(&again.feedback).unwrap();
    assert!(told.contains("exit code 3"), "{told}");
    server.stop().await;
}

#[tokio::test]
async fn logs_have_no_gaps() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 1).await;
    let made = task(&server, "Talk").await;
    let work = agent.claim().await;
    let append = |offset: u64, text: &'static str| {
        agent
            .client
            .append_log(work.task, work.attempt, offset, text.into())
    };
    assert_eq!(append(0, "hello").await.unwrap().len, 5);
    assert_eq!(append(0, "hello").await.unwrap().len, 5);
    let gap = append(9, "x").await.unwrap_err();
    let problem = gap.problem().unwrap();
    assert_eq!(
        (problem.code.as_str(), problem.expected_offset),
        ("log_gap", Some(5))
    );
    assert_eq!(append(3, "lo world").await.unwrap().len, 11);
    assert_eq!(append(11, "").await.unwrap().len, 11);
    agent.finish(&work).await.unwrap();
    // The rest of a log may come after the completion.
    assert_eq!(append(11, "!").await.unwrap().len, 12);
    let log = server.admin().log(made.id, None, 0, None).await.unwrap();
    assert_eq!(
        (log.bytes.as_ref(), log.len),
        (b"hello world!".as_slice(), 12)
    );
    let part = server
        .admin()
        .log(made.id, Some(work.attempt), 6, Some(5))
        .await
        .unwrap();
    assert_eq!((part.bytes.as_ref(), part.offset), (b"world".as_slice(), 6));
    server.stop().await;
}

#[tokio::test]
async fn an_agent_that_is_silent_is_shown_as_gone() {
    let (server, clock) = with_clock().await;
    let agent = server.agent("default", "one", 1).await;
    let online = || async { server.admin().agent(agent.agent.id).await.unwrap().online };
    assert!(online().await);
    clock.advance(Duration::from_secs(91));
    assert!(!online().await);
    let clusters = server.admin().clusters().await.unwrap();
    assert_eq!(clusters.items[0].agents, 0);
    assert!(agent.claim_now().await.is_none());
    assert!(online().await);
    server.stop().await;
}

#[tokio::test]
async fn a_draining_agent_finishes_and_takes_nothing_new() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 2).await;
    task(&server, "First").await;
    let work = agent.claim().await;
    let drain = async { server.admin().drain_agent(agent.agent.id).await.unwrap() };
    let control = agent.client.agent_control(agent.agent.id, &[], 15);
    let (told, _) = tokio::join!(control, drain);
    assert!(told.unwrap().drain);
    task(&server, "Second").await;
    assert!(agent.claim_now().await.is_none());
    let held = server.admin().delete_agent(agent.agent.id).await;
    assert_eq!(code(held), "conflict");
    agent.finish(&work).await.unwrap();
    server.admin().delete_agent(agent.agent.id).await.unwrap();
    server.stop().await;
}

/// A server remembers those who ask for work, as a hint.
#[tokio::test]
async fn an_agent_that_comes_back_with_other_labels_stands_in_their_line() {
    const FAR_LESS_THAN_A_SLOW_LOOK: Duration = Duration::from_secs(5);
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 1).await;
    assert!(agent.claim_now().await.is_none());
    let with_labels = RegisterAgent {
        org: None,
        name: "one".to_owned(),
        labels: vec!["gpu".to_owned()],
        capacity: 1,
        runtime: "local".to_owned(),
    };
    let again = agent.client.register_agent(&with_labels).await.unwrap();
    assert_eq!(again.id, agent.agent.id);
    let render = Schedule {
        org: Some("default".to_owned()),
        task: Some("Render".to_owned()),
        driver: Some(crate::driver()),
        labels: vec!["gpu".to_owned()],
        ..Schedule::default()
    };
    let began = Instant::now();
    let (work, made) = tokio::join!(agent.claim(), async {
        server.admin().schedule(&render).await.unwrap()
    });
    assert_eq!(work.task, made.goal);
    assert!(began.elapsed() < FAR_LESS_THAN_A_SLOW_LOOK);
    server.stop().await;
}

/// The audit log is filtered where it is kept, page by page.
async fn is_filtered(server: &TestServer, cancelled_task: TaskId) {
    let admin = server.admin();
    let found = |text: String, since: Option<&str>| {
        let query = AuditQuery {
            text: Some(text),
            since: since.map(str::to_owned),
            ..AuditQuery::default()
        };
        let admin = admin.clone();
        async move { admin.audit(&query).await.unwrap().items }
    };
    let cancelled = found(format!("Cancel {cancelled_task}"), None).await;
    assert_eq!(cancelled.len(), 2);
    assert!(cancelled.iter().all(|entry| entry.action == "task.cancel"));
    let later = Some("2200-01-01T00:00:00Z");
    assert_eq!(found("cancel".to_owned(), later).await, []);
}

#[tokio::test]
async fn every_change_by_a_person_is_audited_and_no_work_of_agents_is() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let (project, _checkout) = server.project_with("default", &[("a.txt", "a\n")]).await;
    let first = task(&server, "One").await;
    let change = devlab_api::task::UpdateTask {
        priority: Some(1),
        ..Default::default()
    };
    admin.update_task(first.id, &change).await.unwrap();
    let change = devlab_api::project::UpdateProject {
        archived: Some(false),
        ..Default::default()
    };
    admin.update_project(project.id, &change).await.unwrap();
    let agent = server.agent("default", "one", 2).await;
    let expected = [
        "project.create",
        "project.push",
        "task.create",
        "task.update",
        "project.update",
        "token.create",
    ];
    let actions = || async {
        let log = admin.audit(&Default::default()).await.unwrap().items;
        assert!(log.iter().all(|entry| entry.actor.starts_with("admin:")));
        assert!(log.iter().all(|entry| !entry.request_id.is_empty()));
        log.into_iter()
            .rev()
            .map(|entry| entry.action)
            .collect::<Vec<_>>()
    };
    assert_eq!(actions().await, expected);

    let work = agent.claim().await;
    agent.heartbeat(&work).await.unwrap();
    let log = agent
        .client
        .append_log(work.task, work.attempt, 0, "x".into());
    log.await.unwrap();
    agent.finish(&work).await.unwrap();
    assert_eq!(actions().await, expected);

    let second = task(&server, "Two").await;
    admin.cancel_task(second.id).await.unwrap();
    admin.retry_task(second.id).await.unwrap();
    admin.cancel_task(second.id).await.unwrap();
    admin.archive_task(second.id).await.unwrap();
    // What is refused is not audited.
    assert_eq!(
        code(admin.archive_task(TaskId::new(first.created_at, 1)).await),
        "not_found"
    );
    let later = [
        "task.create",
        "task.cancel",
        "task.retry",
        "task.cancel",
        "task.archive",
    ];
    assert_eq!(actions().await[expected.len()..], later);

    is_filtered(&server, second.id).await;
    server.stop().await;
}

#[tokio::test]
async fn a_task_without_a_result_says_so_when_it_is_asked_for_it() {
    let server = TestServer::start().await;
    let (project, _checkout) = server.project_with("default", &[("README", "hello")]).await;
    let new = CreateTask {
        title: "Later".to_owned(),
        project: Some(project.id.to_string()),
        driver: Some(crate::driver()),
        ..CreateTask::default()
    };
    let task = server.admin().create_task(&new).await.unwrap();
    let error = server.admin().task_diff(task.id).await.unwrap_err();
    assert_eq!(error.code(), Some("conflict"));
    assert_eq!(error.to_string(), "the task has no result yet");
    server.stop().await;
}

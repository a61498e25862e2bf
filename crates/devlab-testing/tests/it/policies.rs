//! Policies over HTTP: set, explained, and kept by what claims and lands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use devlab_api::client::{Client, PolicyOf};
use devlab_api::policy::{Policy, PolicyView, SetPolicy};
use devlab_api::task::{CreateTask, Driver, Schedule};
use devlab_core::TaskId;
use devlab_core::auth::Role;
use devlab_core::state::{StateName, WaitReason};
use devlab_testing::{TestServer, until};
use serde_json::{Value, json};

fn set(policy: Value) -> SetPolicy {
    SetPolicy {
        policy: serde_json::from_value::<Policy>(policy).unwrap(),
        why: "we agreed".to_owned(),
        instead_of: None,
    }
}

fn org() -> PolicyOf {
    PolicyOf::Org("default".to_owned())
}

fn task(labels: &[&str]) -> CreateTask {
    CreateTask {
        title: "Do it".to_owned(),
        driver: Some(crate::driver()),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
        ..CreateTask::default()
    }
}

async fn waits(client: &Client, id: TaskId) -> Option<WaitReason> {
    client.task(id).await.unwrap().task.waiting_for
}

fn field(view: &PolicyView, name: &str) -> (Value, String) {
    let found = view.fields.iter().find(|field| field.name == name).unwrap();
    (found.value.clone(), found.from.clone())
}

#[tokio::test]
async fn a_policy_says_who_set_it_and_which_level_each_value_comes_from() {
    let server = TestServer::start().await;
    let client = server.admin();
    let (project, _) = server.project_with("default", &[("a", "b")]).await;
    let new = CreateTask {
        project: Some(project.name.clone()),
        ..task(&["nobody"])
    };
    let goal = client.create_task(&new).await.unwrap().id;
    let (project, goal) = (PolicyOf::Project(project.id), PolicyOf::Goal(goal));
    let nothing = client.policy(&goal).await.unwrap();
    assert_eq!(nothing.own, None);
    assert_eq!(
        field(&nothing, "retries.check.most"),
        (json!(3), "default".to_owned())
    );

    for (of, policy) in [
        (
            &org(),
            json!({"retries": {"check": {"most": 5}}, "running": "finish"}),
        ),
        (
            &project,
            json!({"retries": {"check": {"most": 6}}, "concurrency": {"total": 2}}),
        ),
        (&goal, json!({"reviews": "all"})),
    ] {
        let view = client.set_policy(of, &set(policy.clone())).await.unwrap();
        let own = view.own.unwrap();
        assert_eq!(serde_json::to_value(&own.policy).unwrap(), policy);
        assert_eq!((own.number, own.why.as_str()), (1, "we agreed"));
        assert!(own.by.starts_with("admin:"), "{}", own.by);
    }
    let view = client.policy(&goal).await.unwrap();
    for (name, value, from) in [
        ("retries.check.most", json!(6), "project"),
        ("running", json!("finish"), "org"),
        ("reviews", json!("all"), "goal"),
        ("retries.lost.most", json!(8), "default"),
    ] {
        assert_eq!(field(&view, name), (value, from.to_owned()), "{name}");
    }
    let limits: Vec<_> = view
        .limits
        .iter()
        .map(|l| (l.from.as_str(), l.used, l.most))
        .collect();
    assert_eq!(limits, [("project", 0, 2)]);

    let stale = SetPolicy {
        instead_of: Some(0),
        ..set(json!({}))
    };
    let refused = client.set_policy(&project, &stale).await.unwrap_err();
    assert_eq!(refused.code(), Some("outdated"));
    let known = SetPolicy {
        instead_of: Some(1),
        ..set(json!({}))
    };
    let view = client.set_policy(&project, &known).await.unwrap();
    assert_eq!(view.limits, [], "a limit that nobody has is gone");
    assert_eq!(view.before.len(), 1);
    let audit = client.audit(&Default::default()).await.unwrap();
    assert!(
        audit
            .items
            .iter()
            .any(|entry| entry.action == "policy.set_project")
    );
}

#[tokio::test]
async fn what_makes_no_sense_or_is_not_theirs_is_refused() {
    let server = TestServer::start().await;
    let own = server.client(&server.token(Role::Admin, "default").await);
    let share = set(json!({"share": 5}));
    let refused = own.set_policy(&org(), &share).await.unwrap_err();
    assert_eq!(
        refused.code(),
        Some("forbidden"),
        "who shares does not say how"
    );
    server.admin().set_policy(&org(), &share).await.unwrap();
    let view = own.set_policy(&org(), &set(json!({}))).await.unwrap();
    assert_eq!(view.own.unwrap().policy.share, Some(5), "nor takes it back");
    let odd = set(json!({"concurrency": {"labels": {"a,b": 1}}}));
    let refused = own.set_policy(&org(), &odd).await.unwrap_err();
    let problem = refused.problem().unwrap();
    assert_eq!(problem.field.as_deref(), Some("concurrency.labels"));
}

#[tokio::test]
async fn many_claims_at_once_keep_a_limit_and_nothing_is_left_waiting() {
    const TASKS: u32 = 120;
    const MOST: u32 = 3;
    let server = TestServer::start().await;
    let client = server.admin();
    for i in 0..TASKS {
        let labels: &[&str] = if i % 4 == 0 { &["gpu"] } else { &[] };
        client.create_task(&task(labels)).await.unwrap();
    }
    let limits = json!({"concurrency": {"total": MOST, "labels": {"gpu": 1}}});
    client.set_policy(&org(), &set(limits)).await.unwrap();
    let (now, highest, done) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let counts = Arc::new((now, highest, done));
    let mut agents = tokio::task::JoinSet::new();
    for i in 0..6 {
        let secret = server.token(Role::Agent, "default").await;
        let (url, counts) = (server.url(), Arc::clone(&counts));
        agents.spawn(async move {
            let name = format!("agent-{i}");
            let labels: &[&str] = if i % 2 == 0 { &["gpu"] } else { &[] };
            let agent =
                devlab_testing::ScriptedAgent::register(url, secret, &name, labels, 4).await;
            let (now, highest, done) = &*counts;
            while done.load(Ordering::SeqCst) < TASKS {
                let asked = agent.client.claim(&agent.next_claim(2)).await.unwrap();
                let Some(work) = asked else { continue };
                let running = now.fetch_add(1, Ordering::SeqCst) + 1;
                highest.fetch_max(running, Ordering::SeqCst);
                // The first ones hold on until as many run as may.
                let used = async {
                    while highest.load(Ordering::SeqCst) < MOST {
                        tokio::task::yield_now().await;
                    }
                };
                let used = tokio::time::timeout(Duration::from_secs(20), used).await;
                used.expect("the limit is used");
                agent.heartbeat(&work).await.unwrap();
                // Not counted any more before its place is free.
                now.fetch_sub(1, Ordering::SeqCst);
                agent.finish(&work).await.unwrap();
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    while let Some(ended) = agents.join_next().await {
        ended.unwrap();
    }
    let (_, highest, done) = &*counts;
    assert_eq!(done.load(Ordering::SeqCst), TASKS);
    assert_eq!(highest.load(Ordering::SeqCst), MOST, "the limit is kept");
    let view = client.policy(&org()).await.unwrap();
    assert!(
        view.limits.iter().all(|limit| limit.used == 0),
        "{:?}",
        view.limits
    );
}

#[tokio::test]
async fn work_that_needs_an_approval_holds_no_agent_until_it_has_it() {
    let server = TestServer::start().await;
    let client = server.admin();
    let (project, _) = server.project_with("default", &[("a", "b")]).await;
    let policy = json!({
        "approvals": {"tasks": [["prod"]], "publication": true},
        "time_limits": {"driver_secs": 7},
    });
    client.set_policy(&org(), &set(policy)).await.unwrap();
    let held = client.create_task(&task(&["prod"])).await.unwrap();
    assert_eq!(held.waiting_for, Some(WaitReason::Approval));
    let secret = server.token(Role::Agent, "default").await;
    let agent =
        devlab_testing::ScriptedAgent::register(server.url(), secret, "able", &["prod"], 1).await;
    assert!(agent.claim_now().await.is_none());
    let approved = client.activate_task(held.id).await.unwrap();
    assert_eq!(approved.state, StateName::Ready);
    let work = agent.claim().await;
    let Some(Driver::Command(command)) = &work.driver else {
        panic!("a command");
    };
    assert_eq!(
        (work.driver_secs_max, command.timeout_secs),
        (Some(7), Some(7))
    );
    agent.finish(&work).await.unwrap();
    let asked = client.task(held.id).await.unwrap().asks;
    assert_eq!(asked.len(), 1);
    assert!(asked[0].answer.as_ref().unwrap().by.starts_with("admin:"));

    let goal = Schedule {
        project: Some(project.name.clone()),
        task: Some("Change it".to_owned()),
        review: Some(false),
        driver: Some(crate::driver()),
        ..Schedule::default()
    };
    let goal = client.schedule(&goal).await.unwrap().goal;
    let work = agent.claim().await;
    agent.deliver(&work, &[("c", "d")], 0).await;
    until("the question whether to publish", || async {
        let waits = waits(&client, goal).await;
        (waits == Some(WaitReason::Approval)).then_some(())
    })
    .await;
    client.activate_task(goal).await.unwrap();
    until("the publication", || async {
        let task = client.task(goal).await.unwrap().task;
        (task.state == StateName::Done).then_some(())
    })
    .await;
}

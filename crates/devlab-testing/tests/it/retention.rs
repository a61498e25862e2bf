//! Retention over HTTP: who may look, who may let go, and what is spared.

use std::sync::Arc;
use std::time::Duration;

use devlab_api::agent::Claimed;
use devlab_api::client::{ClientError, Page};
use devlab_api::project::UpdateOrg;
use devlab_api::task::CreateTask;
use devlab_core::auth::Role;
use devlab_testing::{HandClock, ScriptedAgent, Setup, TestServer};
use futures::TryStreamExt;

use super::artifacts::artifact;
use super::driver;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn server() -> (TestServer, Arc<HandClock>) {
    let clock = Arc::new(HandClock::new());
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        ..Setup::default()
    };
    (TestServer::start_with(setup).await, clock)
}

/// A goal whose attempt is under way and has left a log and an artifact.
async fn work(server: &TestServer, agent: &ScriptedAgent) -> Claimed {
    let task = CreateTask {
        title: "Report".to_owned(),
        driver: Some(driver()),
        artifacts: vec!["report/**".to_owned()],
        ..CreateTask::default()
    };
    server.admin().create_task(&task).await.unwrap();
    let work = agent.claim().await;
    let log = b"one line\n".to_vec().into();
    let appended = agent.client.append_log(work.task, work.attempt, 0, log);
    appended.await.unwrap();
    artifact(agent, &work, "report/a.txt", b"an artifact").await;
    work
}

async fn due(server: &TestServer) -> Vec<String> {
    let due = server.admin().due("default", &Page::default()).await;
    let due = due.unwrap().items.into_iter();
    due.map(|due| due.goal.to_string()).collect()
}

fn code(error: &ClientError) -> &str {
    error.code().unwrap_or("none")
}

#[tokio::test]
async fn only_what_is_over_for_long_enough_goes() {
    let (server, clock) = server().await;
    let agent = server.agent("default", "one", 4).await;
    let admin = server.admin();
    let old = work(&server, &agent).await;
    agent.finish(&old).await.unwrap();
    let live = work(&server, &agent).await;
    clock.advance(DAY * 31);
    agent.heartbeat(&live).await.unwrap();
    let young = work(&server, &agent).await;
    agent.finish(&young).await.unwrap();
    assert_eq!(due(&server).await, [old.task.to_string()]);

    let retired = admin.retire("default", &Page::default()).await.unwrap();
    assert_eq!(retired.goals, 1);
    assert_eq!((retired.held.logs, retired.held.log_bytes), (1, 9));
    assert_eq!(
        (retired.held.artifacts, retired.held.artifact_bytes),
        (1, 11)
    );
    let again = admin.retire("default", &Page::default()).await.unwrap();
    assert_eq!(again.goals, 0);

    let gone = admin.log(old.task, None, 0, None).await.unwrap_err();
    assert_eq!(code(&gone), "gone");
    let attempts = admin.attempts(old.task).await.unwrap().items;
    assert!(attempts[0].log_gone && attempts[0].log_bytes == 9);
    let artifacts = admin
        .artifacts(old.task, None, &Page::default())
        .await
        .unwrap()
        .items;
    assert_eq!((&artifacts[0].sha256, artifacts[0].size), (&None, 11));
    let gone = match admin.artifact_content(artifacts[0].id).await {
        Ok(bytes) => bytes.try_collect::<Vec<_>>().await.err(),
        Err(error) => Some(error),
    };
    assert_eq!(code(&gone.unwrap()), "gone");

    for kept in [&live, &young] {
        let log = admin.log(kept.task, None, 0, None).await.unwrap();
        assert_eq!(&log.bytes[..], b"one line\n");
        assert!(!admin.attempts(kept.task).await.unwrap().items[0].log_gone);
        let artifacts = admin
            .artifacts(kept.task, None, &Page::default())
            .await
            .unwrap()
            .items;
        assert!(artifacts[0].sha256.is_some());
    }
    agent.finish(&live).await.unwrap();
    assert!(
        due(&server).await.is_empty(),
        "its time begins with its end"
    );
    let audit = admin
        .audit(&devlab_api::client::AuditQuery::default())
        .await;
    let actions: Vec<String> = audit.unwrap().items.into_iter().map(|e| e.action).collect();
    assert!(actions.contains(&"goal.retire".to_owned()), "{actions:?}");
    assert!(actions.contains(&"org.retire".to_owned()), "{actions:?}");
}

#[tokio::test]
async fn a_goal_that_is_taken_up_again_keeps_what_it_makes() {
    let (server, clock) = server().await;
    let agent = server.agent("default", "one", 4).await;
    let admin = server.admin();
    let first = work(&server, &agent).await;
    admin.cancel_task(first.task).await.unwrap();
    clock.advance(DAY * 31);
    let retired = admin.retire("default", &Page::default()).await.unwrap();
    assert_eq!(retired.goals, 1);
    admin.retry_task(first.task).await.unwrap();
    assert!(due(&server).await.is_empty(), "it is not over");
    let second = agent.claim().await;
    assert_eq!(second.task, first.task);
    let log = b"another line\n".to_vec().into();
    let appended = agent.client.append_log(second.task, second.attempt, 0, log);
    appended.await.unwrap();
    agent.finish(&second).await.unwrap();
    assert!(due(&server).await.is_empty());
    let log = admin.log(second.task, None, 0, None).await.unwrap();
    assert_eq!(&log.bytes[..], b"another line\n");
    clock.advance(DAY * 31);
    assert_eq!(due(&server).await, [first.task.to_string()]);
    let retired = admin.retire("default", &Page::default()).await.unwrap();
    assert_eq!((retired.held.logs, retired.held.log_bytes), (1, 13));
}

#[tokio::test]
async fn only_admins_let_go_and_an_org_has_its_own_word() {
    let (server, clock) = server().await;
    let agent = server.agent("default", "one", 4).await;
    let done = work(&server, &agent).await;
    agent.finish(&done).await.unwrap();
    clock.advance(DAY * 31);
    for role in [Role::Viewer, Role::Operator] {
        let client = server.client(&server.token(role, "default").await);
        let seen = client.due("default", &Page::default()).await.unwrap();
        assert_eq!((seen.items.len(), seen.retention.as_str()), (1, "30d"));
        let refused = client.retire("default", &Page::default()).await;
        assert_eq!(code(&refused.unwrap_err()), "forbidden");
    }
    let admin = server.admin();
    let keep = async |kept: &str| {
        let change = UpdateOrg {
            retention: Some(kept.to_owned()),
        };
        admin.update_org("default", &change).await
    };
    for bad in ["", "0d", "30", "-1d", "36501d", "soon", "1h"] {
        assert_eq!(code(&keep(bad).await.unwrap_err()), "invalid", "{bad}");
    }
    for (kept, said) in [("forever", "forever"), ("32d", "32d")] {
        assert_eq!(keep(kept).await.unwrap().retention.as_deref(), Some(said));
        assert!(due(&server).await.is_empty());
        let retired = admin.retire("default", &Page::default()).await.unwrap();
        assert_eq!(retired.goals, 0);
    }
    assert_eq!(keep("default").await.unwrap().retention, None);
    assert_eq!(due(&server).await.len(), 1);
}

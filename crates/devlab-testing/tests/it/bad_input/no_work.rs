//! Deliveries that are no work on their base.

use devlab_core::state::StateName;
use devlab_testing::TestServer;
use devlab_testing::git::Checkout;
use devlab_testing::raw::Request;
use serde_json::json;

/// Something to push that is no commit on the attempt's base.
async fn make(checkout: &Checkout, what: &str) -> String {
    match what {
        "a blob" => checkout.git(&["hash-object", "-w", "a.txt"]).await,
        "a tree" => checkout.git(&["rev-parse", "HEAD^{tree}"]).await,
        _ => {
            let tree = checkout.git(&["rev-parse", "HEAD^{tree}"]).await;
            checkout.git(&["commit-tree", "-m", "Orphan", &tree]).await
        }
    }
}

#[tokio::test]
async fn what_is_no_commit_on_its_base_is_not_taken() {
    let server = TestServer::start().await;
    let (project, _checkout) = server.project_with("default", &[("a.txt", "a\n")]).await;
    let agent = server.agent("default", "one", 4).await;
    let mut accepted = Vec::new();
    for what in ["a blob", "a tree", "an orphan"] {
        let wanted = devlab_api::task::Schedule {
            project: Some(project.name.clone()),
            task: Some("Write it".to_owned()),
            driver: Some(crate::driver()),
            review: Some(false),
            ..Default::default()
        };
        server.admin().schedule(&wanted).await.unwrap();
        let work = agent.claim().await;
        let repository = work.repository.as_ref().unwrap();
        let (checkout, url) = agent.check_out(&work).await;
        let pushed = make(&checkout, what).await;
        let to = format!("{pushed}:{}", repository.push_ref);
        // A push that is refused is as good: then there is nothing of that name to take.
        let _push = checkout.try_git(&["push", "-q", &url, &to]).await;
        let body = json!({"task": work.task, "attempt": work.attempt,
            "complete": {"delivered": {"commit": pushed}}});
        let request = Request::post("/v1/tasks/update", &body).token(&agent.secret);
        let reply = server.send(&request).await;
        if reply.status != 422 {
            accepted.push(format!("{what}: {} {}", reply.status, reply.text()));
            continue;
        }
        let task = server.admin().task(work.task).await.unwrap().task;
        assert_eq!(task.state, StateName::Running, "{what} ended its attempt");
        agent.give_up(&work).await.unwrap();
        server.admin().cancel_task(work.task).await.unwrap();
    }
    assert!(accepted.is_empty(), "{}", accepted.join("\n"));
    server.stop().await;
}

//! What belongs to one task comes in pages too, and none is cut without saying so.

use std::sync::Arc;
use std::time::Duration;

use devlab_testing::raw::Request;
use devlab_testing::{HandClock, Setup, TestServer};
use serde_json::{Value, json};

async fn get(server: &TestServer, path: &str) -> Value {
    let request = Request::get(path).token(server.admin_secret());
    let reply = server.send(&request).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

/// Reads a list one item at a time, and compares it with the whole.
async fn read_in_pages(server: &TestServer, path: &str, least: usize) {
    let whole = get(server, path).await;
    assert!(whole["next"].is_null());
    let whole = whole["items"].as_array().unwrap().clone();
    assert!(whole.len() >= least, "{path}: {whole:?}");
    let mut read = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get(server, &format!("{path}?limit=1{cursor}")).await;
        read.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        assert!(read.len() <= whole.len(), "{path} does not end");
    }
    assert_eq!(read, whole, "{path}");
    for bad in ["cursor=x", "cursor=-1", "limit=0", "limit=501"] {
        let request = Request::get(format!("{path}?{bad}")).token(server.admin_secret());
        let problem = server.send(&request).await.problem();
        assert_eq!((problem.status, problem.code.as_str()), (422, "invalid"));
    }
}

#[tokio::test]
async fn lists_of_a_task_are_read_in_pages() {
    let server = TestServer::start().await;
    let file =
        "[[check]]\nname = \"one\"\nrun = \"true\"\n\n[[check]]\nname = \"two\"\nrun = \"true\"\n";
    let (project, _checkout) = server
        .project_with("default", &[(".devlab/project.toml", file)])
        .await;
    let agent = server.agent("default", "one", 1).await;
    let wanted = devlab_api::task::Schedule {
        project: Some(project.name.clone()),
        task: Some("Write it".to_owned()),
        driver: Some(crate::driver()),
        review: Some(false),
        ..Default::default()
    };
    let goal = server.admin().schedule(&wanted).await.unwrap().goal;
    let work = agent.claim().await;
    agent.deliver(&work, &[("b.txt", "b\n")], 0).await;
    devlab_testing::until("the publication", || async {
        server.admin().task(goal).await.unwrap().task.published
    })
    .await;
    for (list, least) in [
        ("receipts", 2),
        ("candidates", 1),
        ("attempts", 1),
        ("commits", 2),
    ] {
        read_in_pages(&server, &format!("/v1/tasks/{goal}/{list}"), least).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_discussion_is_read_in_pages_and_its_end_comes_with_its_patch() {
    let server = TestServer::start().await;
    let (project, _checkout) = server.project_with("default", &[("a.txt", "a\n")]).await;
    let agent = server.agent("default", "one", 1).await;
    let wanted = devlab_api::task::Schedule {
        project: Some(project.name.clone()),
        task: Some("Write it".to_owned()),
        driver: Some(crate::driver()),
        review: Some(true),
        ..Default::default()
    };
    let admin = server.admin();
    let goal = admin.schedule(&wanted).await.unwrap().goal;
    let work = agent.claim().await;
    agent.deliver(&work, &[("b.txt", "b\n")], 0).await;
    let patch = devlab_testing::until("the patch", || async {
        admin.task(goal).await.unwrap().patch
    })
    .await;
    let shown_max = 50;
    for number in 1..=shown_max + 3 {
        let remark = devlab_api::patch::CreateComment {
            body: format!("remark {number}"),
            verdict: None,
            head: None,
            rework: Some(false),
        };
        admin.comment_patch(patch, &remark).await.unwrap();
    }
    let path = format!("/v1/patches/{patch}/comments");
    read_in_pages(&server, &path, shown_max + 3).await;
    let shown = admin.patch_by_id(patch).await.unwrap();
    let bodies: Vec<&str> = shown.comments.iter().map(|c| c.body.as_str()).collect();
    assert_eq!(shown.comment_count, Some(53));
    assert_eq!((bodies.len(), bodies[0]), (shown_max, "remark 4"));
    assert_eq!(bodies[shown_max - 1], "remark 53");
    server.stop().await;
}

#[tokio::test]
async fn attempts_are_read_in_pages() {
    let clock = Arc::new(HandClock::new());
    let server = TestServer::start_with(Setup {
        clock: clock.clone(),
        ..Setup::default()
    })
    .await;
    let agent = server.agent("default", "one", 1).await;
    let body = json!({"org": "default", "title": "Hard",
        "driver": {"command": {"argv": ["true"]}}});
    let request = Request::post("/v1/tasks", &body).token(server.admin_secret());
    let task = server.send(&request).await.json();
    for _ in 0..2 {
        let work = agent.claim().await;
        agent.fail(&work, "exit code 3").await.unwrap();
        clock.advance(Duration::from_secs(120));
    }
    let path = format!("/v1/tasks/{}/attempts", task["id"].as_str().unwrap());
    read_in_pages(&server, &path, 2).await;
    server.stop().await;
}

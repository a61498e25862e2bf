//! The same request twice does one thing.

use devlab_api::client::Client;
use devlab_core::auth::Role;
use devlab_testing::TestServer;
use devlab_testing::raw::{Reply, Request};
use futures::future::join_all;
use serde_json::{Value, json};

async fn send(server: &TestServer, target: &str, secret: &str, key: &str, body: &Value) -> Reply {
    let request = Request::post(target, body)
        .token(secret)
        .header("idempotency-key", key);
    server.send(&request).await
}

async fn titles(client: &Client) -> Vec<String> {
    let tasks = client.tasks(&Default::default()).await.unwrap();
    tasks.items.into_iter().map(|task| task.title).collect()
}

async fn audited(client: &Client, action: &str) -> usize {
    let log = client.audit(&Default::default()).await.unwrap();
    assert!(log.next.is_none());
    log.items
        .iter()
        .filter(|entry| entry.action == action)
        .count()
}

#[tokio::test]
async fn a_repeated_request_is_answered_again_and_does_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin_secret();
    let body = json!({"org": "default", "task": "Write it"});
    let first = send(&server, "/v1/schedule", admin, "k1", &body).await;
    assert_eq!(
        (first.status, first.header("idempotency-replayed")),
        (201, None)
    );
    // The short path is the same route.
    for target in ["/v1/schedule", "/schedule"] {
        let again = send(&server, target, admin, "k1", &body).await;
        assert_eq!((again.status, &again.body), (201, &first.body));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
    }
    assert_eq!(titles(&server.admin()).await, ["Write it"]);
    assert_eq!(audited(&server.admin(), "schedule").await, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_caller_on_one_route() {
    let server = TestServer::start().await;
    let admin = server.admin_secret();
    let other = server.token(Role::Operator, "default").await;
    let first = json!({"org": "default", "title": "One"});
    let second = json!({"org": "default", "title": "Two"});
    let made = send(&server, "/v1/tasks", admin, "k", &first).await;
    assert_eq!(made.status, 201);

    let differs = send(&server, "/v1/tasks", admin, "k", &second).await;
    assert_eq!(differs.status, 422);
    assert_eq!(differs.problem().code, "idempotency_mismatch");
    assert_eq!(titles(&server.admin()).await, ["One"]);

    let elsewhere = json!({"org": "default", "task": "Three"});
    let replies = [
        send(&server, "/v1/tasks", &other, "k", &first).await,
        send(&server, "/v1/schedule", admin, "k", &elsewhere).await,
        send(&server, "/v1/tasks", admin, "k2", &first).await,
    ];
    for reply in replies {
        assert_eq!(
            (reply.status, reply.header("idempotency-replayed")),
            (201, None)
        );
    }
    assert_eq!(titles(&server.admin()).await.len(), 4);
    server.stop().await;
}

#[tokio::test]
async fn the_same_key_on_another_thing_of_the_route_is_a_mismatch() {
    let server = TestServer::start().await;
    let admin = server.admin_secret();
    let mut tasks = Vec::new();
    for title in ["One", "Two"] {
        let body = json!({"org": "default", "title": title});
        let made = send(&server, "/v1/tasks", admin, title, &body).await.json();
        tasks.push(made["id"].as_str().unwrap().to_owned());
    }
    let cancel = |id: &str| format!("/v1/tasks/{id}/cancel");
    let first = send(&server, &cancel(&tasks[0]), admin, "stop", &json!({})).await;
    assert_eq!(first.status, 200);
    let second = send(&server, &cancel(&tasks[1]), admin, "stop", &json!({})).await;
    assert_eq!(second.problem().code, "idempotency_mismatch");
    let task = server
        .admin()
        .task(tasks[1].parse().unwrap())
        .await
        .unwrap();
    assert_eq!(task.task.state.as_str(), "ready");
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let server = TestServer::start().await;
    let admin = server.admin_secret();
    let body = json!({"org": "later", "title": "One"});
    let refused = send(&server, "/v1/tasks", admin, "k", &body).await;
    assert_eq!(refused.status, 404);
    server.org("later").await;
    let made = send(&server, "/v1/tasks", admin, "k", &body).await;
    assert_eq!(
        (made.status, made.header("idempotency-replayed")),
        (201, None)
    );
    server.stop().await;
}

#[tokio::test]
async fn twenty_at_once_make_one() {
    let server = TestServer::start().await;
    let admin = server.admin_secret();
    for (target, body, action) in [
        (
            "/v1/tasks",
            json!({"org": "default", "title": "One"}),
            "task.create",
        ),
        (
            "/v1/projects",
            json!({"org": "default", "name": "one"}),
            "project.create",
        ),
        ("/v1/orgs", json!({"name": "one"}), "org.create"),
    ] {
        let calls = (0..20).map(|_| send(&server, target, admin, "k", &body));
        let replies = join_all(calls).await;
        let fresh = replies
            .iter()
            .filter(|reply| reply.header("idempotency-replayed").is_none());
        assert_eq!(fresh.count(), 1, "{target}");
        for reply in &replies {
            let text = reply.text();
            assert_eq!((reply.status, &text), (201, &replies[0].text()), "{target}");
        }
        assert_eq!(audited(&server.admin(), action).await, 1);
    }
    // A repository that lost the race is not left behind.
    let org = server.admin().org("default").await.unwrap().id.to_string();
    let repositories = std::fs::read_dir(server.lab().repos().join(org)).unwrap();
    assert_eq!(repositories.count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_is_remembered_across_a_restart() {
    let server = TestServer::start().await;
    let admin = server.admin_secret().to_owned();
    let body = json!({"org": "default", "title": "One"});
    let first = send(&server, "/v1/tasks", &admin, "k", &body).await;
    let server = server.restart().await;
    let again = send(&server, "/v1/tasks", &admin, "k", &body).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(titles(&server.admin()).await, ["One"]);
    server.stop().await;
}

#[tokio::test]
async fn a_sync_that_is_repeated_or_refused_merges_once_or_not_at_all() {
    let server = TestServer::start().await;
    let (project, checkout) = server.project_with("default", &[("a.txt", "1\n")]).await;
    let base = checkout.git(&["rev-parse", "HEAD"]).await;
    // Upstream goes on from the first commit, and so does the project.
    let upstream = checkout.commit(&[("b.txt", "theirs\n")], "Theirs").await;
    server.push(&checkout, &project, "upstream").await;
    checkout.git(&["reset", "-q", "--hard", &base]).await;
    let ours = checkout.commit(&[("c.txt", "ours\n")], "Ours").await;
    server.push(&checkout, &project, "ours").await;
    let target = format!("/v1/projects/{}/sync", project.id);
    let admin = server.admin_secret();
    let forward = json!({"commit": ours});
    let moved = send(&server, &target, admin, "forward", &forward).await;
    assert_eq!(moved.json()["outcome"], "fast_forwarded");

    // Only what was pushed for a sync is removed after it.
    let other = json!({"commit": ours, "pushed_branch": "ours"});
    let other = send(&server, &target, admin, "other", &other).await;
    assert_eq!(other.problem().field.as_deref(), Some("pushed_branch"));

    let merge = json!({"commit": upstream});
    let refused = send(&server, &target, admin, "forward", &merge).await;
    assert_eq!(refused.problem().code, "idempotency_mismatch");
    assert_eq!(titles(&server.admin()).await.len(), 0);

    let first = send(&server, &target, admin, "merge", &merge).await;
    assert_eq!(first.json()["outcome"], "merging");
    let again = send(&server, &target, admin, "merge", &merge).await;
    assert_eq!(again.body, first.body);
    assert_eq!(titles(&server.admin()).await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_is_repeated_though_the_project_takes_no_new_work_any_more() {
    let server = TestServer::start().await;
    let (project, _checkout) = server.project_with("default", &[("a.txt", "a\n")]).await;
    let admin = server.admin_secret();
    let asked = [
        (
            "/v1/schedule",
            json!({"project": project.name, "task": "One"}),
        ),
        ("/v1/tasks", json!({"project": project.id, "title": "Two"})),
    ];
    let mut answers = Vec::new();
    for (target, body) in &asked {
        let body = with_org(body);
        let made = send(&server, target, admin, "k", &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        answers.push(made.body);
    }
    let archive = Request::new("PATCH", format!("/v1/projects/{}", project.id))
        .token(admin)
        .json(&json!({"archived": true}));
    assert_eq!(server.send(&archive).await.status, 200);
    for ((target, body), first) in asked.iter().zip(&answers) {
        let body = with_org(body);
        let again = send(&server, target, admin, "k", &body).await;
        assert_eq!((again.status, &again.body), (201, first), "{target}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        let new = send(&server, target, admin, "another", &body).await;
        assert_eq!(new.problem().code, "conflict", "{target}");
    }
    assert_eq!(titles(&server.admin()).await.len(), 2);
    server.stop().await;
}

fn with_org(body: &Value) -> Value {
    let mut body = body.clone();
    body["org"] = json!("default");
    body
}

#[tokio::test]
async fn a_token_is_not_made_for_a_key_since_its_secret_cannot_be_shown_twice() {
    let server = TestServer::start().await;
    let admin = server.admin_secret();
    let body = json!({"role": "viewer", "org": "default", "note": "once"});
    let refused = send(&server, "/v1/tokens", admin, "k", &body).await;
    let problem = refused.problem();
    assert_eq!((problem.status, problem.code.as_str()), (422, "invalid"));
    assert_eq!(problem.field.as_deref(), Some("Idempotency-Key"));
    assert!(problem.detail.contains("leave the header out"));
    assert_eq!(audited(&server.admin(), "token.create").await, 0);
    server.stop().await;
}

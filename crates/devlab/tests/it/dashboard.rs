//! The listener for people: the app's files, sessions of two halves, and the API behind them.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::net::SocketAddr;

use devlab_testing::raw::{Reply, Request};
use serde_json::{Value, json};

use crate::bench::Bench;

/// A lab without agents, its dashboard, and the token of its first admin.
struct Lab {
    bench: Bench,
    dashboard: SocketAddr,
    admin: String,
    /// The link of the first start.
    link: String,
}

/// A session, as a browser and its page have it.
struct Session {
    cookie: String,
    secret: String,
}

impl Lab {
    fn new() -> Self {
        let bench = Bench::new();
        let args = ["up", "--detach", "--agents", "0", "--output", "json"];
        let started = bench.run(&args).ok();
        let up = started.json();
        let mut words = started.err.split_whitespace();
        let link = words.find(|word| word.contains("/login#")).unwrap();
        let address = up["dashboard"].as_str().unwrap();
        let dashboard = address.trim_start_matches("http://").parse().unwrap();
        let credentials = std::fs::read(bench.home().join("credentials.json")).unwrap();
        let credentials: Value = serde_json::from_slice(&credentials).unwrap();
        Self {
            dashboard,
            admin: credentials["token"].as_str().unwrap().to_owned(),
            bench,
            link: link.to_owned(),
        }
    }

    async fn get(&self, target: &str) -> Reply {
        Request::get(target).send(self.dashboard).await
    }

    async fn log_in(&self, with: &Value) -> Reply {
        let request = Request::post("/api/session", with);
        request.send(self.dashboard).await
    }

    async fn session(&self, token: &str) -> Session {
        let reply = self.log_in(&json!({ "token": token })).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let cookie = reply.header("set-cookie").unwrap();
        for part in ["HttpOnly", "SameSite=Strict", "Path=/api"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        Session {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            secret: reply.json()["secret"].as_str().unwrap().to_owned(),
        }
    }

    async fn ask(&self, method: &str, target: &str, session: &Session) -> Reply {
        let request = Request::new(method, target)
            .header("cookie", &session.cookie)
            .header("x-devlab-session", &session.secret);
        request.send(self.dashboard).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_is_served_with_a_strict_policy() {
    let lab = Lab::new();
    assert_eq!(lab.get("/api/health").await.text(), r#"{"status":"ok"}"#);
    let front = lab.get("/").await;
    assert_eq!(front.header("location"), Some("/ui/"));
    for view in ["/ui/", "/ui/board", "/ui/tasks/task_0"] {
        let page = lab.get(view).await;
        assert_eq!(page.status, 200, "{view}");
        assert!(page.text().contains("<!doctype html>"), "{view}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
    assert_eq!(lab.get("/ui/assets/none.js").await.status, 404);
    let strange = Request::get("/ui/").header("host", "evil.example");
    let strange = strange.send(lab.dashboard).await;
    assert_eq!(strange.problem().code, "host_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_needs_both_of_its_halves_and_ends() {
    let lab = Lab::new();
    let session = lab.session(&lab.admin).await;
    let whoami = "/api/v1/whoami";
    let who = lab.ask("GET", whoami, &session).await;
    assert_eq!((who.status, &who.json()["role"]), (200, &json!("admin")));
    let shown = lab.ask("GET", "/api/session", &session).await.json();
    assert_eq!(
        (&shown["role"], &shown["org"]),
        (&json!("admin"), &Value::Null)
    );

    let only = |name: &str, value: &str| Request::get(whoami).header(name, value);
    let halves = [
        only("cookie", &session.cookie),
        only("x-devlab-session", &session.secret),
        // A token is for the other listener.
        Request::get(whoami).token(&lab.admin),
        only("x-auth-token", &lab.admin),
        Request::get(whoami),
    ];
    for request in halves {
        let reply = request.send(lab.dashboard).await;
        assert_eq!(reply.problem().code, "unauthorized");
    }
    let events = Request::get("/api/events?after=0")
        .header("cookie", &session.cookie)
        .header("x-devlab-session", &session.secret);
    let events = events.send_for_head(lab.dashboard).await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));

    let ended = lab.ask("DELETE", "/api/session", &session).await;
    assert_eq!(ended.status, 204);
    let after = lab.ask("GET", whoami, &session).await;
    assert_eq!(after.problem().code, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn things_are_named_by_their_ids_here_too() {
    let lab = Lab::new();
    let session = lab.session(&lab.admin).await;
    let make = ["project", "create", "tally", "--output", "json"];
    let made = lab.bench.run(&make).ok().json();
    let project = format!("/api/v1/projects/{}", made["id"].as_str().unwrap());
    let shown = lab.ask("GET", &project, &session).await;
    assert_eq!((shown.status, shown.json()), (200, made));
    let none = "/api/v1/tasks/task_01m8jmtfb6esxrt06sdhgq8s06/plans/1";
    let none = lab.ask("GET", none, &session).await;
    assert_eq!(none.problem().code, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_the_token_that_it_was_opened_with() {
    let lab = Lab::new();
    let made = [
        "token", "create", "operator", "--org", "default", "--output", "json",
    ];
    let made = lab.bench.run(&made).ok().json();
    let session = lab.session(made["secret"].as_str().unwrap()).await;
    let whoami = "/api/v1/whoami";
    let who = lab.ask("GET", whoami, &session).await.json();
    assert_eq!(
        (&who["role"], &who["org_name"]),
        (&json!("operator"), &json!("default"))
    );
    let id = made["token"]["id"]
        .as_str()
        .unwrap_or_else(|| made["id"].as_str().unwrap());
    lab.bench.run(&["token", "revoke", id]).ok();
    let after = lab.ask("GET", whoami, &session).await;
    assert_eq!(after.problem().code, "unauthorized");

    let agent = [
        "token", "create", "agent", "--org", "default", "--output", "json",
    ];
    let agent = lab.bench.run(&agent).ok().json();
    let refused = lab.log_in(&json!({ "token": agent["secret"] })).await;
    assert_eq!(refused.problem().code, "forbidden");
    let wrong = lab.log_in(&json!({ "token": "dl_wrong" })).await;
    assert_eq!(wrong.problem().code, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_the_first_start_logs_in_once() {
    let lab = Lab::new();
    let (page, code) = lab.link.split_once('#').unwrap();
    assert!(page.ends_with("/ui/login"), "{page}");
    let first = lab.log_in(&json!({ "code": code })).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.json()["principal"]["role"], "admin");
    let again = lab.log_in(&json!({ "code": code })).await;
    assert_eq!(again.problem().code, "not_found");
}

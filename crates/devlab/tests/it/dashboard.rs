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

    /// A token of this role in an org.
    fn token(&self, role: &str, org: &str) -> String {
        let made = ["token", "create", role, "--org", org, "--output", "json"];
        let made = self.bench.run(&made).ok().json();
        made["secret"].as_str().unwrap().to_owned()
    }

    /// Schedules a task as a script does.
    async fn command(&self, secret: &str, body: &Value) -> Reply {
        let request = Request::post("/api/command", body).token(secret);
        request.send(self.dashboard).await
    }

    /// What a script sees with this token.
    async fn state(&self, secret: &str) -> Value {
        let reply = Request::get("/api/state").token(secret);
        let reply = reply.send(self.dashboard).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    async fn ask(&self, method: &str, target: &str, session: &Session) -> Reply {
        let request = Request::new(method, target)
            .header("cookie", &session.cookie)
            .header("x-devlab-session", &session.secret);
        request.send(self.dashboard).await
    }
}

/// Everything that a page of the app may do: what is not named here it may not.
const POLICY: [&str; 11] = [
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "font-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "img-src 'self' data: blob:",
    "manifest-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "worker-src 'self'",
];

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
        let mut directives: Vec<&str> = policy.split(';').map(str::trim).collect();
        directives.sort_unstable();
        assert_eq!(directives, POLICY);
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
    // Cookies ignore ports: those of another login, of this lab or of another one of the host, come too.
    let other = lab.session(&lab.admin).await;
    let both = format!("{}; {}", session.cookie, other.cookie);
    for one in [&session, &other] {
        let asked = Request::get(whoami).header("cookie", &both);
        let asked = asked.header("x-devlab-session", &one.secret);
        assert_eq!(asked.send(lab.dashboard).await.status, 200);
    }
    let events = Request::get("/api/events?after=0")
        .header("cookie", &session.cookie)
        .header("x-devlab-session", &session.secret);
    let events = events.send_for_head(lab.dashboard).await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));

    // A session opens no other one: that would outlive the token that both come from.
    let value = session.cookie.split_once('=').unwrap().1;
    let whole = format!("{value}.{}", session.secret);
    let chained = lab.log_in(&json!({ "token": whole })).await;
    assert_eq!((chained.status, chained.header("set-cookie")), (403, None));

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

#[tokio::test(flavor = "multi_thread")]
async fn a_script_schedules_a_task_in_one_call_and_sees_it_in_the_state() {
    let lab = Lab::new();
    let words = json!({"org": "default", "task": "Write the changelog\n\nIn short sentences."});
    let made = lab.command(&lab.admin, &words).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let task = made.json();
    assert_eq!(task["title"], "Write the changelog");
    let id = task["id"].as_str().unwrap();
    let session = lab.session(&lab.admin).await;
    let whole = format!("/api/v1/tasks/{id}");
    let whole = lab.ask("GET", &whole, &session).await;
    assert_eq!(
        whole.json()["goal"],
        "Write the changelog\n\nIn short sentences."
    );

    let with_session = lab.ask("GET", "/api/state?org=default", &session).await;
    let other_header = Request::get("/api/state").header("x-auth-token", &lab.admin);
    let other_header = other_header.send(lab.dashboard).await;
    for seen in [
        lab.state(&lab.admin).await,
        with_session.json(),
        other_header.json(),
    ] {
        assert!(seen["at"].is_string(), "{seen}");
        let org = &seen["orgs"][0];
        assert_eq!(org["org"]["name"], "default", "{seen}");
        assert_eq!(org["tasks"]["ready"], 1, "{seen}");
        assert_eq!(org["tasks"].as_object().unwrap().len(), 9, "{seen}");
        assert_eq!((&org["queued"], &org["agents"]), (&json!(1), &json!([])));
        assert_eq!(org["goals"][0]["id"], id, "{seen}");
    }

    let again = || {
        let request = Request::post("/api/command", &words).token(&lab.admin);
        request.header("idempotency-key", "once")
    };
    let first = again().send(lab.dashboard).await;
    let second = again().send(lab.dashboard).await;
    assert_eq!((second.status, &second.body), (201, &first.body));
    let seen = lab.state(&lab.admin).await;
    assert_eq!(seen["orgs"][0]["tasks"]["ready"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_two_orgs_see_nothing_of_each_other() {
    let lab = Lab::new();
    lab.bench.run(&["org", "create", "other"]).ok();
    let (first, second) = (
        lab.token("operator", "default"),
        lab.token("viewer", "other"),
    );
    let words = json!({"task": "A secret of the first"});
    let made = lab.command(&first, &words).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let seen = lab.state(&second).await;
    assert_eq!(seen["orgs"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen["orgs"][0]["org"]["name"], "other", "{seen}");
    assert!(!seen.to_string().contains("secret"), "{seen}");
    let names = |seen: Value| {
        let orgs = seen["orgs"].as_array().unwrap().clone();
        let names = orgs
            .into_iter()
            .map(|one| one["org"]["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(lab.state(&lab.admin).await), ["default", "other"]);

    for org in ["default", "nowhere"] {
        let there = Request::get(format!("/api/state?org={org}")).token(&second);
        assert_eq!(
            there.send(lab.dashboard).await.problem().code,
            "not_found",
            "{org}"
        );
        let elsewhere = json!({"org": org, "task": "Stolen"});
        let third = lab.token("operator", "other");
        assert_eq!(
            lab.command(&third, &elsewhere).await.problem().code,
            "not_found",
            "{org}"
        );
    }
    let may_not = lab.command(&second, &json!({"task": "Stolen"})).await;
    assert_eq!(may_not.problem().code, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_script_that_is_wrong_says_what_is_wrong() {
    let lab = Lab::new();
    let session = lab.session(&lab.admin).await;
    let nobody = [
        Request::get("/api/state"),
        Request::get("/api/state").token("dl_wrong"),
        // Half of a session is none.
        Request::get("/api/state").header("cookie", &session.cookie),
        Request::post("/api/command", &json!({"task": "Stolen"})).header("cookie", &session.cookie),
        // Nor does a good session help a bad token.
        Request::get("/api/state")
            .header("cookie", &session.cookie)
            .header("x-devlab-session", &session.secret)
            .token("dl_wrong"),
    ];
    for request in nobody {
        let reply = request.send(lab.dashboard).await;
        assert_eq!(reply.problem().code, "unauthorized", "{request:?}");
    }
    for (body, code) in [
        (json!({"org": "default"}), "invalid"),
        (json!({"task": " \n\t"}), "invalid"),
        (json!({"task": "x", "tasks": []}), "invalid"),
        (json!({"task": "x", "org": "nowhere"}), "not_found"),
        (json!({"task": "x", "project": "nowhere"}), "not_found"),
    ] {
        let reply = lab.command(&lab.admin, &body).await;
        assert_eq!(reply.problem().code, code, "{body}");
    }
    let no_json = Request::new("POST", "/api/command").token(&lab.admin);
    let no_json = no_json.body("task=x").send(lab.dashboard).await;
    assert_eq!(no_json.problem().code, "unsupported_media_type");
    let read = Request::get("/api/command").token(&lab.admin);
    assert_eq!(read.send(lab.dashboard).await.status, 405);
    let strange = Request::get("/api/state").token(&lab.admin);
    let strange = strange.header("host", "evil.example");
    let strange = strange.send(lab.dashboard).await;
    assert_eq!(strange.problem().code, "host_not_allowed");
    assert_eq!(lab.state(&lab.admin).await["orgs"][0]["goals"], json!([]));
}

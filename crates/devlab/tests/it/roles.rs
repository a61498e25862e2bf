//! A server that has the dashboard and nothing else, and one that has everything else.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::net::SocketAddr;

use devlab_testing::raw::{Reply, Request};
use serde_json::{Value, json};

use crate::pair::Pair;

/// Somebody who is logged in.
struct Person {
    dashboard: SocketAddr,
    cookie: String,
    secret: String,
}

impl Person {
    async fn at(dashboard: SocketAddr, token: &str) -> Self {
        let log_in = Request::post("/api/session", &json!({ "token": token }));
        let reply = log_in.send(dashboard).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let cookie = reply
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap();
        Self {
            dashboard,
            cookie: cookie.to_owned(),
            secret: reply.json()["secret"].as_str().unwrap().to_owned(),
        }
    }

    fn with(&self, request: Request) -> Request {
        let request = request.header("cookie", &self.cookie);
        request.header("x-devlab-session", &self.secret)
    }

    async fn get(&self, target: &str) -> Reply {
        self.with(Request::get(target)).send(self.dashboard).await
    }
}

/// Where a server says that it listens.
fn running(pair: &Pair, name: &str) -> Value {
    let file = pair.home(name).join("run/server.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn address(url: &Value) -> SocketAddr {
    let url = url.as_str().unwrap();
    url.trim_start_matches("http://").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_the_dashboard_alone_shows_the_lab_of_another() {
    let mut pair = Pair::new();
    pair.start("one", "api,loops,git", "");
    pair.start("two", "dashboard", "");
    assert_eq!(running(&pair, "one")["dashboard"], Value::Null);
    let peers = pair.asked("one", &["peers"]);
    let roles: Vec<&Value> = peers
        .as_array()
        .unwrap()
        .iter()
        .map(|peer| &peer["roles"])
        .collect();
    assert_eq!(
        roles,
        [&json!(["api", "loops", "git"]), &json!(["dashboard"])]
    );

    // Its other listener is for those who look whether it is well.
    let two = running(&pair, "two");
    let programs = address(&two["url"]);
    let token = pair.credentials("one").unwrap()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    for path in ["/health", "/ready", "/metrics"] {
        let reply = Request::get(path).token(&token).send(programs).await;
        assert_eq!(reply.status, 200, "{path}");
    }
    let reply = Request::get("/metrics").token(&token).send(programs).await;
    let stalled = "\ndevlab_store_turn_stalled_seconds 0";
    assert!(reply.text().contains(stalled), "{}", reply.text());
    let git = "/git/default/tally.git/info/refs?service=git-upload-pack";
    for path in ["/v1/tasks", git] {
        let refused = Request::get(path).token(&token).send(programs).await;
        assert_eq!(refused.problem().code, "wrong_server", "{path}");
    }

    let person = Person::at(address(&two["dashboard"]), &token).await;
    let make = Request::post("/api/v1/projects", &json!({ "name": "tally" }));
    let made = person.with(make).send(person.dashboard).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["home"], pair.id("one"), "it is passed on");

    pair.agent("one");
    let checkout = pair.bench.checkout("tally");
    let run = ["run", "Say hello", "--", "sh", "-c", "echo hello >greeting"];
    pair.ask_in("one", &checkout, &run).ok();
    let goals = person.get("/api/v1/tasks").await.json();
    assert_eq!(goals["items"][0]["state"], "done", "{goals:#}");
    let diff = format!(
        "/api/v1/tasks/{}/diff",
        goals["items"][0]["id"].as_str().unwrap()
    );
    let shown = person.get(&diff).await;
    assert!(shown.text().contains("+hello"), "{}", shown.text());
    let events = person.with(Request::get("/api/events?after=0"));
    let events = events.send_for_head(person.dashboard).await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));

    pair.kill("one");
    assert_eq!(person.get(&diff).await.problem().code, "not_home");
    assert_eq!(person.get("/api/v1/projects").await.status, 200);
}

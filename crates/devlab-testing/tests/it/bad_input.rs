//! Hostile input: always a 4xx that explains itself, and nothing is stored.

mod bodies;
mod no_work;
mod results;

use devlab_core::auth::Role;
use devlab_testing::raw::{Reply, Request, exchange};
use devlab_testing::{ScriptedAgent, TestServer};
use serde_json::{Value, json};

/// A server with a project, a running task, and somebody who may do everything.
struct Target {
    server: TestServer,
    agent: ScriptedAgent,
    project: String,
    task: String,
    attempt: String,
    patch: String,
}

impl Target {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let (project, _checkout) = server.project_with("default", &[("a.txt", "a\n")]).await;
        let agent = server.agent("default", "one", 8).await;
        let admin = server.admin();
        let work = |review| devlab_api::task::Schedule {
            project: Some(project.name.clone()),
            task: Some("Write it".to_owned()),
            driver: Some(crate::driver()),
            review: Some(review),
            ..Default::default()
        };
        let reviewed = admin.schedule(&work(true)).await.unwrap().goal;
        let claimed = agent.claim().await;
        agent.deliver(&claimed, &[("b.txt", "b\n")], 0).await;
        let patch = devlab_testing::until("a patch", || async {
            admin.task(reviewed).await.unwrap().patch
        });
        let patch = patch.await.to_string();
        admin.schedule(&work(false)).await.unwrap();
        let claimed = agent.claim().await;
        Self {
            project: project.id.to_string(),
            task: claimed.task.to_string(),
            attempt: claimed.attempt.to_string(),
            patch,
            agent,
            server,
        }
    }

    /// Every mutation with a body: method, path, a body that would be accepted, and who may send it.
    fn mutations(&self) -> Vec<(&'static str, String, Value, &str)> {
        let admin = self.server.admin_secret();
        let agent = self.agent.secret.as_str();
        let (task, attempt) = (&self.task, &self.attempt);
        let id = self.agent.agent.id;
        let delivered = json!({"task": task, "attempt": attempt,
            "complete": {"driver_failed": {"reason": "no", "log_tail": ""}}});
        vec![
            ("POST", "/v1/orgs".into(), json!({"name": "bad"}), admin),
            ("POST", "/v1/projects".into(), json!({"name": "bad"}), admin),
            (
                "PATCH",
                format!("/v1/projects/{}", self.project),
                json!({"upstream": "x"}),
                admin,
            ),
            (
                "POST",
                format!("/v1/projects/{}/sync", self.project),
                json!({"commit": "x"}),
                admin,
            ),
            ("POST", "/v1/tasks".into(), json!({"title": "Bad"}), admin),
            (
                "PATCH",
                format!("/v1/tasks/{task}"),
                json!({"title": "Bad"}),
                admin,
            ),
            ("POST", "/v1/schedule".into(), json!({"task": "Bad"}), admin),
            ("POST", "/v1/command".into(), json!({"task": "Bad"}), admin),
            (
                "POST",
                format!("/v1/patches/{}/comments", self.patch),
                json!({"body": "Bad"}),
                admin,
            ),
            (
                "POST",
                "/v1/tokens".into(),
                json!({"role": "admin", "note": "bad"}),
                admin,
            ),
            ("POST", "/v1/login".into(), json!({"code": "bad"}), admin),
            (
                "POST",
                "/v1/agents".into(),
                json!({"name": "bad", "capacity": 1}),
                agent,
            ),
            (
                "POST",
                "/v1/tasks/claim".into(),
                json!({"agent": id, "claim_id": "bad"}),
                agent,
            ),
            ("POST", "/v1/tasks/update".into(), delivered, agent),
        ]
    }

    /// Name of its project, as in git's paths.
    async fn project_name(&self) -> String {
        let client = self.server.admin();
        let project = client.project(self.project.parse().unwrap()).await;
        project.unwrap().name
    }

    /// How much is stored, of everything that a caller can make.
    async fn counts(&self) -> Vec<usize> {
        let admin = self.server.admin_secret();
        let mut counts = Vec::new();
        for list in [
            "orgs", "projects", "tasks", "agents", "tokens", "patches", "events", "audit",
        ] {
            let request = Request::get(format!("/v1/{list}?limit=500")).token(admin);
            let page = self.server.send(&request).await.json();
            assert!(page["next"].is_null());
            counts.push(page["items"].as_array().unwrap().len());
        }
        counts
    }
}

/// Answers that were not a refusal with a problem that explains itself. All are shown at the end,
/// because one hole seldom comes alone.
#[derive(Default)]
struct Accepted(Vec<String>);

impl Accepted {
    /// Notes an answer, and gives its code if it is a refusal.
    fn note(&mut self, said: &str, reply: &Reply) -> String {
        let said = start_of(said);
        if !(400..500).contains(&reply.status) {
            let text = start_of(&reply.text());
            self.0.push(format!("{said}: {} {text}", reply.status));
            return String::new();
        }
        let problem = reply.problem();
        assert_ne!(problem.code, "unauthorized", "{said}");
        problem.code
    }

    /// Fails if there are some.
    fn expect_none(self) {
        assert!(self.0.is_empty(), "accepted:\n{}", self.0.join("\n"));
    }
}

fn start_of(text: &str) -> String {
    text.chars().take(200).collect()
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be_are_refused_everywhere() {
    let target = Target::new().await;
    let mut accepted = Accepted::default();
    let before = target.counts().await;
    for (method, path, good, secret) in target.mutations() {
        for bad in bodies::malformed(&good) {
            let request = Request::new(method, path.as_str())
                .token(secret)
                .header("content-type", "application/json")
                .body(bad.clone());
            let reply = target.server.send(&request).await;
            let said = format!(
                "{method} {path} {}",
                start_of(&String::from_utf8_lossy(&bad))
            );
            accepted.note(&said, &reply);
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ] {
            let request = Request::new(method, path.as_str())
                .token(secret)
                .header("content-type", kind)
                .body(good.to_string());
            let reply = target.server.send(&request).await;
            assert_eq!(accepted.note(&path, &reply), "unsupported_media_type");
        }
    }
    accepted.expect_none();
    assert_eq!(target.counts().await, before);
    target.server.stop().await;
}

#[tokio::test]
async fn values_that_are_not_acceptable_are_refused() {
    let target = Target::new().await;
    let mut accepted = Accepted::default();
    let before = target.counts().await;
    for (method, path, body) in bodies::unacceptable(&target.project, &target.task, &target.patch) {
        let request = Request::new(method, path.as_str())
            .token(target.server.admin_secret())
            .json(&body);
        let reply = target.server.send(&request).await;
        accepted.note(&start_of(&format!("{method} {path} {body}")), &reply);
    }
    for (path, body) in bodies::unacceptable_of_agents(
        &target.agent.agent.id.to_string(),
        &target.task,
        &target.attempt,
    ) {
        let request = Request::post(path, &body).token(&target.agent.secret);
        let reply = target.server.send(&request).await;
        accepted.note(&start_of(&format!("{path} {body}")), &reply);
    }
    accepted.expect_none();
    assert_eq!(target.counts().await, before);
    target.server.stop().await;
}

#[tokio::test]
async fn ten_megabytes_of_title_are_refused_unread() {
    let target = Target::new().await;
    let mut accepted = Accepted::default();
    let before = target.counts().await;
    let title = "x".repeat(10 * 1024 * 1024);
    for (path, body) in [
        ("/v1/tasks", json!({"title": title})),
        ("/v1/orgs", json!({"name": title})),
        ("/v1/schedule", json!({"task": title})),
        ("/v1/schedule", json!({"title": title, "tasks": []})),
    ] {
        let request = Request::post(path, &body).token(target.server.admin_secret());
        let code = accepted.note(path, &target.server.send(&request).await);
        assert!(
            ["body_too_large", "invalid"].contains(&code.as_str()),
            "{code}"
        );
    }
    let chunk = vec![b'x'; 256 * 1024 + 1];
    let path = format!(
        "/v1/tasks/log?task={}&attempt={}&offset=0",
        target.task, target.attempt
    );
    let request = Request::new("POST", path)
        .token(&target.agent.secret)
        .body(chunk);
    let reply = target.server.send(&request).await;
    assert_eq!(reply.problem().code, "body_too_large");
    accepted.expect_none();
    assert_eq!(target.counts().await, before);
    target.server.stop().await;
}

/// Queries and paths that mean nothing.
fn senseless(task: &str) -> Vec<String> {
    vec![
        "/v1/tasks?limit=0".to_owned(),
        "/v1/tasks?limit=9999999".into(),
        "/v1/tasks?limit=-1".into(),
        "/v1/tasks?limit=99999999999999999999".into(),
        "/v1/tasks?cursor=garbage".into(),
        "/v1/tasks?cursor=%00".into(),
        "/v1/tasks?state=sleeping".into(),
        "/v1/tasks?parent=task_".into(),
        "/v1/tasks?project=x".into(),
        "/v1/tasks?goals_only=maybe".into(),
        "/v1/tasks?limit=1&limit=2".into(),
        "/v1/tasks?org=%ff".into(),
        "/v1/tasks?org=..%2f..".into(),
        "/v1/patches?state=lost".into(),
        "/v1/patches?limit=501".into(),
        "/v1/events?after=-1".into(),
        "/v1/events?limit=0".into(),
        "/v1/events?after=18446744073709551616".into(),
        "/v1/audit?limit=0".into(),
        "/v1/audit?limit=501".into(),
        "/v1/audit?cursor=x".into(),
        "/v1/audit?cursor=-1".into(),
        "/v1/audit?text=a+b+c+d+e+f+g+h+i".into(),
        "/v1/audit?since=yesterday".into(),
        "/v1/audit?until=".into(),
        format!("/v1/tasks/{task}/logs?limit=0"),
        format!("/v1/tasks/{task}/logs?limit=262145"),
        format!("/v1/tasks/{task}/logs?offset=-1"),
        format!("/v1/tasks/{task}/logs?attempt=x"),
        format!("/v1/tasks/{task}%00"),
        format!("/v1/tasks/{}", task.to_uppercase()),
        "/v1/tasks/..".into(),
        "/v1/tasks/%2e%2e%2f%2e%2e%2fetc%2fpasswd".into(),
        "/v1/tasks/%ff%fe".into(),
        "/v1/tasks/%".into(),
        "/v1/orgs/%2e%2e".into(),
        "/v1/orgs/%00".into(),
        "/v1/orgs/DEFAULT".into(),
        "/docs/..%2f..%2fCargo.toml".into(),
        "/docs/%2e%2e%2fopenapi.json".into(),
        "//v1/tasks".into(),
        "/v1//tasks".into(),
        "/v2/tasks".into(),
        "/v1/tasks/".into(),
    ]
}

#[tokio::test]
async fn queries_and_paths_that_mean_nothing_are_refused() {
    let target = Target::new().await;
    let mut accepted = Accepted::default();
    let task = &target.task;
    for path in senseless(task) {
        let request = Request::get(path.as_str()).token(target.server.admin_secret());
        accepted.note(&path, &target.server.send(&request).await);
    }
    // Numbers beyond what a database stores are places where nothing is.
    for path in [
        "/v1/events?after=9223372036854775807".to_owned(),
        "/v1/events?after=9223372036854775808".into(),
        "/v1/events?after=18446744073709551615".into(),
        "/v1/audit?cursor=18446744073709551615".into(),
        format!("/v1/tasks/{task}/logs?offset=9223372036854775808"),
        format!("/v1/tasks/{task}/logs?offset=18446744073709551615"),
    ] {
        let request = Request::get(path.as_str()).token(target.server.admin_secret());
        let reply = target.server.send(&request).await;
        assert!(
            reply.status < 500,
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
    }
    accepted.expect_none();
    target.server.stop().await;
}

#[tokio::test]
async fn headers_and_methods_that_mean_nothing_are_refused() {
    let target = Target::new().await;
    let mut accepted = Accepted::default();
    let admin = target.server.admin_secret();
    for method in ["DELETE", "PUT", "TRACE", "OPTIONS", "BREW", "PATCH"] {
        let reply = target
            .server
            .send(&Request::new(method, "/v1/tasks").token(admin))
            .await;
        assert_eq!(accepted.note(method, &reply), "method_not_allowed");
        assert!(
            reply
                .header("allow")
                .is_some_and(|allow| allow.contains("POST"))
        );
    }
    let long = "k".repeat(201);
    for key in ["", " ", "a b", "\u{e9}", long.as_str()] {
        let request = Request::post("/v1/tasks", &json!({"title": "Bad"}))
            .token(admin)
            .header("idempotency-key", key);
        accepted.note(key, &target.server.send(&request).await);
    }
    for id in ["x", "-1", "1.5", "99999999999999999999"] {
        let request = Request::get("/v1/events/stream")
            .token(admin)
            .header("last-event-id", id);
        accepted.note(id, &target.server.send(&request).await);
    }
    // hyper answers these by itself, before there is a route.
    let huge = format!(
        "GET /health HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "y".repeat(64 * 1024)
    );
    let many = "x: y\r\n".repeat(2_000);
    let many = format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    let target_line = format!(
        "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "p".repeat(64 * 1024)
    );
    let both = "POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n";
    let lengths = "POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\nconnection: close\r\n\r\n12345";
    for bytes in [
        huge.as_str(),
        &many,
        &target_line,
        both,
        lengths,
        "\0\0\0\0\r\n\r\n",
    ] {
        let answer = exchange(target.server.addr(), bytes.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{}: {}", start_of(bytes), start_of(&answer));
    }
    assert_eq!(
        target.server.send(&Request::get("/health")).await.status,
        200
    );
    accepted.expect_none();
    target.server.stop().await;
}

#[tokio::test]
async fn git_paths_lead_nowhere_else() {
    let target = Target::new().await;
    let admin = target.server.admin_secret();
    let name = target.project_name().await;
    let query = "?service=git-upload-pack";
    let before = target.counts().await;
    for path in [
        "/git/default/../default/PROJECT.git/info/refs".to_owned(),
        "/git/default/..%2fdefault%2fPROJECT.git/info/refs".into(),
        "/git/%2e%2e/PROJECT.git/info/refs".into(),
        "/git/default/%2e%2e.git/info/refs".into(),
        "/git/default/PROJECT%00.git/info/refs".into(),
        "/git/default/PROJECT.git%00/info/refs".into(),
        "/git/default/PROJECT.git/%00".into(),
        "/git/default/PROJECT.git/.git/../../info/refs".into(),
        "/git/default/PROJECT.git/../../../../etc/passwd".into(),
        "/git/default/PROJECT.git/%2e%2e/%2e%2e/devlab.db".into(),
        "/git/default/PROJECT.git//etc/passwd".into(),
        "/git/default/PROJECT.git/config".into(),
        "/git/default/PROJECT.git/HEAD".into(),
        "/git/default/PROJECT.git/objects/info/packs".into(),
        "/git/default/PROJECT.git/hooks/update".into(),
        "/git/default/PROJECT.git/git-upload-archive".into(),
        "/git/default/PROJECT.git/info/refs/".into(),
        "/git/default/PROJECT/info/refs".into(),
        "/git/default/.git/info/refs".into(),
        "/git//PROJECT.git/info/refs".into(),
        "/git/DEFAULT/PROJECT.git/info/refs".into(),
        "/git//etc/passwd.git/info/refs".into(),
    ] {
        let path = format!("{}{query}", path.replace("PROJECT", &name));
        for method in ["GET", "POST"] {
            let reply = target
                .server
                .send(&Request::new(method, path.as_str()).token(admin))
                .await;
            let said = format!(
                "{method} {path}: {} {}",
                reply.status,
                start_of(&reply.text())
            );
            assert!((400..500).contains(&reply.status), "{said}");
            assert!(
                !reply.text().contains("root:") && !reply.text().contains("SQLite"),
                "{said}"
            );
        }
    }
    assert_eq!(target.counts().await, before);
    target.server.stop().await;
}

#[tokio::test]
async fn git_calls_that_mean_nothing_are_refused() {
    let target = Target::new().await;
    let admin = target.server.admin_secret();
    let name = target.project_name().await;
    let before = target.counts().await;
    let good = format!("/git/default/{name}.git/info/refs");
    for query in [
        "",
        "?service=",
        "?service=git-shell",
        "?service=git-upload-pack%00",
        "?service=../x",
    ] {
        let reply = target
            .server
            .send(&Request::get(format!("{good}{query}")).token(admin))
            .await;
        assert!(
            (400..500).contains(&reply.status),
            "{query}: {}",
            reply.status
        );
    }
    for (service, body) in [
        ("git-upload-pack", b"garbage".to_vec()),
        ("git-upload-pack", b"ffff".to_vec()),
        (
            "git-upload-pack",
            b"0032want 0000000000000000000000000000000000000000\n0000".to_vec(),
        ),
        ("git-receive-pack", b"garbage".to_vec()),
        ("git-receive-pack", b"0001".to_vec()),
        ("git-receive-pack", vec![0xff; 100_000]),
    ] {
        let request = Request::new("POST", format!("/git/default/{name}.git/{service}"))
            .token(admin)
            .header("content-type", format!("application/x-{service}-request"))
            .body(body.clone());
        let reply = target.server.send(&request).await;
        // What git itself answers to nonsense inside its protocol is a 200 with an error in it.
        assert!(
            reply.status < 500 && reply.status > 0,
            "{service}: {} {}",
            reply.status,
            reply.text()
        );
    }
    assert_eq!(target.counts().await, before);
    target.server.stop().await;
}

#[tokio::test]
async fn hostile_addresses_are_not_imported_from() {
    let server = TestServer::start().await;
    let mut accepted = Accepted::default();
    let operator = server.token(Role::Operator, "default").await;
    for url in [
        "ext::sh -c touch% /tmp/owned",
        "file:///etc",
        "/etc",
        "../repo",
        "ssh://git@127.0.0.1/x",
        "git@127.0.0.1:x",
        "git://127.0.0.1/x",
        "http://127.0.0.1/x.git",
        "http://example.com/x.git",
        "https://127.0.0.1/x.git",
        "https://localhost/x.git",
        "https://localhost./x.git",
        "https://[::1]/x.git",
        "https://[::ffff:127.0.0.1]/x.git",
        "https://[fe80::1]/x.git",
        "https://[fd00::1]/x.git",
        "https://2130706433/x.git",
        "https://0x7f000001/x.git",
        "https://0177.0.0.1/x.git",
        "https://127.1/x.git",
        "https://0/x.git",
        "https://0.0.0.0/x.git",
        "https://10.0.0.1/x.git",
        "https://172.16.0.1/x.git",
        "https://192.168.0.1/x.git",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/x.git",
        "https://user:pass@example.com/x.git",
        "https://user@example.com/x.git",
        "https://example.com:22/x.git\n",
        "https://exa mple.com/x.git",
        "https://-oProxyCommand=x/x.git",
        "--upload-pack=touch /tmp/owned",
        "https://example.com/x.git\0",
        "https://",
        "",
    ] {
        let body = json!({"org": "default", "name": "imported", "import_url": url});
        let reply = server
            .send(&Request::post("/v1/projects", &body).token(&operator))
            .await;
        assert_eq!(accepted.note(url, &reply), "invalid", "{url}");
    }
    let projects = server
        .admin()
        .projects(None, &Default::default())
        .await
        .unwrap();
    assert!(projects.items.is_empty());
    let org = server.admin().org("default").await.unwrap().id.to_string();
    let left = std::fs::read_dir(server.lab().repos().join(org)).map_or(0, Iterator::count);
    assert_eq!(left, 0, "a refused import leaves a folder");
    accepted.expect_none();
    server.stop().await;
}

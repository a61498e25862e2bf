//! What the earlier prototype promised its scripts, with the program that they use: curl.

use devlab_core::auth::Role;
use devlab_server::rate::Rate;
use devlab_testing::{Setup, TestServer};
use serde_json::{Value, json};
use tokio::process::Command;

/// What `ORCHESTRATOR_TOKEN` held for those scripts: a text of their own choice.
const OPERATOR: &str = "a-token-from-the-environment";

/// curl with a base address and headers.
struct Curl {
    base: String,
    token: Vec<String>,
}

/// Status, content type and body, as curl saw them.
struct Got {
    status: u16,
    kind: String,
    body: Vec<u8>,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Curl {
    fn new(server: &TestServer, header: Option<&str>) -> Self {
        let token = header.map(|header| vec!["-H".to_owned(), header.to_owned()]);
        Self {
            base: server.url(),
            token: token.unwrap_or_default(),
        }
    }

    fn with_x_auth_token(server: &TestServer, secret: &str) -> Self {
        Self::new(server, Some(&format!("X-Auth-Token: {secret}")))
    }

    async fn run(&self, path: &str, more: &[&str]) -> Got {
        let output = Command::new("curl")
            .args(["-q", "-sS", "--noproxy", "*", "--max-time", "20"])
            .args(["-w", "\n%{http_code} %{content_type}"])
            .args(&self.token)
            .args(more)
            .arg(format!("{}{path}", self.base))
            .output()
            .await
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "curl {path}: {error}");
        let at = output
            .stdout
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap();
        let last = String::from_utf8(output.stdout[at + 1..].to_vec()).unwrap();
        let (status, kind) = last.split_once(' ').unwrap();
        Got {
            status: status.parse().unwrap(),
            kind: kind.to_owned(),
            body: output.stdout[..at].to_vec(),
        }
    }

    async fn get(&self, path: &str) -> Got {
        self.run(path, &[]).await
    }

    async fn post(&self, path: &str, body: &Value) -> Got {
        let body = body.to_string();
        let json = "Content-Type: application/json";
        self.run(path, &["-H", json, "-d", &body]).await
    }
}

async fn start() -> TestServer {
    TestServer::start_with(Setup {
        operator: Some(OPERATOR.to_owned()),
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn health_is_these_bytes_and_needs_no_token() {
    let server = start().await;
    let curl = Curl::new(&server, None);
    for path in ["/health", "/v1/health", "/ready", "/v1/ready"] {
        let got = curl.get(path).await;
        assert_eq!(got.status, 200, "{path}");
        assert_eq!(got.body, br#"{"status":"ok"}"#, "{path}");
        assert_eq!(got.kind, "application/json", "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn everything_else_needs_a_token_and_says_so_in_a_problem() {
    let server = start().await;
    let curl = Curl::new(&server, None);
    for path in [
        "/peers",
        "/clusters",
        "/agents",
        "/tasks",
        "/metrics",
        "/tasks/x/logs",
    ] {
        for path in [path.to_owned(), format!("/v1{path}")] {
            let got = curl.get(&path).await;
            assert_eq!(got.status, 401, "{path}");
            assert_eq!(got.kind, "application/problem+json", "{path}");
            let problem = got.json();
            assert_eq!(problem["code"], "unauthorized");
            assert_eq!(problem["status"], 401);
            assert!(
                problem["request_id"]
                    .as_str()
                    .is_some_and(|id| !id.is_empty())
            );
        }
    }
    for path in [
        "/schedule",
        "/tasks",
        "/tasks/claim",
        "/tasks/update",
        "/tasks/log",
    ] {
        assert_eq!(curl.post(path, &json!({})).await.status, 401, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_goes_in_either_header() {
    let server = start().await;
    for header in [
        format!("X-Auth-Token: {OPERATOR}"),
        format!("Authorization: Bearer {OPERATOR}"),
        format!("authorization: bearer {OPERATOR}"),
    ] {
        let got = Curl::new(&server, Some(&header)).get("/whoami").await;
        assert_eq!(got.status, 200, "{header}");
        let who = got.json();
        // Of the default org, and no more than an operator.
        assert_eq!(
            (&who["role"], &who["org_name"]),
            (&json!("operator"), &json!("default"))
        );
    }
    let server = server.restart().await;
    let curl = Curl::with_x_auth_token(&server, OPERATOR);
    assert_eq!(curl.get("/whoami").await.status, 200);
    assert_eq!(curl.get("/tokens").await.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn lists_are_there_under_both_paths() {
    let server = start().await;
    let curl = Curl::with_x_auth_token(&server, OPERATOR);
    for path in [
        "/peers",
        "/clusters",
        "/agents",
        "/tasks",
        "/orgs",
        "/projects",
        "/events",
    ] {
        let [short, long] = [path.to_owned(), format!("/v1{path}")];
        let (short, long) = (curl.get(&short).await, curl.get(&long).await);
        assert_eq!((short.status, long.status), (200, 200), "{path}");
        assert_eq!(short.body, long.body, "{path}");
        assert!(short.json()["items"].is_array(), "{path}");
    }
    let peers = curl.get("/peers").await.json();
    assert_eq!(peers["items"][0]["this"], true);
    let clusters = curl.get("/clusters").await.json();
    assert_eq!(clusters["items"][0]["runtime"], "local");
    server.stop().await;
}

#[tokio::test]
async fn a_task_goes_from_schedule_to_done() {
    let server = start().await;
    let curl = Curl::with_x_auth_token(&server, OPERATOR);
    let made = curl
        .post(
            "/schedule",
            &json!({"org": "default", "task": "Say hello\nand mean it"}),
        )
        .await;
    assert_eq!((made.status, made.kind.as_str()), (201, "application/json"));
    let goal = made.json()["goal"].as_str().unwrap().to_owned();
    let secret = server.token(Role::Agent, "default").await;
    let agent = Curl::with_x_auth_token(&server, &secret);
    let me = agent
        .post(
            "/agents",
            &json!({"name": "script", "capacity": 1, "labels": ["driver=default"]}),
        )
        .await;
    assert_eq!(me.status, 200);
    let me = me.json()["id"].clone();

    let claim = json!({"agent": me, "claim_id": "first", "wait_secs": 1});
    let work = agent.post("/tasks/claim", &claim).await.json();
    assert_eq!(
        (&work["task"], &work["title"]),
        (&json!(goal), &json!("Say hello"))
    );
    let (task, attempt) = (&work["task"], &work["attempt"]);
    let update = json!({"task": task, "attempt": attempt});
    let beat = agent.post("/tasks/update", &update).await;
    assert_eq!(
        (beat.status, &beat.json()["state"]),
        (200, &json!("running"))
    );
    assert!(beat.json()["lease_ms"].as_u64().unwrap() > 0);

    let attempt_id = attempt.as_str().unwrap();
    let path = format!("/tasks/log?task={goal}&attempt={attempt_id}&offset=0");
    let octets = [
        "-H",
        "Content-Type: application/octet-stream",
        "--data-binary",
        "hello\n",
    ];
    let logged = agent.run(&path, &octets).await;
    assert_eq!((logged.status, &logged.json()["len"]), (200, &json!(6)));
    let log = curl.get(&format!("/tasks/{goal}/logs")).await;
    assert_eq!(
        (log.status, log.body.as_slice()),
        (200, b"hello\n".as_slice())
    );

    let done = json!({"task": task, "attempt": attempt, "complete": {"delivered": {}}});
    let done = agent.post("/tasks/update", &done).await;
    assert_eq!((done.status, &done.json()["state"]), (200, &json!("done")));
    let task = curl.get(&format!("/tasks/{goal}")).await.json();
    assert_eq!(
        (&task["state"], &task["proof"]),
        (&json!("done"), &json!("unproven"))
    );
    let list = curl.get("/tasks?state=done").await.json();
    assert_eq!(list["items"][0]["id"], json!(goal));
    let empty = json!({"agent": me, "claim_id": "second"});
    assert_eq!(agent.post("/tasks/claim", &empty).await.status, 204);
    server.stop().await;
}

#[tokio::test]
async fn a_graph_is_scheduled_in_one_call() {
    let server = start().await;
    let curl = Curl::with_x_auth_token(&server, OPERATOR);
    let graph = json!({"title": "All", "tasks": [
        {"key": "a", "title": "A"},
        {"key": "b", "title": "B", "depends_on": ["a"]},
        {"key": "c", "title": "C", "depends_on": ["b"], "tasks": [
            {"key": "d", "title": "D"},
            {"key": "e", "title": "E", "depends_on": ["d"]},
        ]},
    ]});
    let made = curl.post("/v1/schedule", &graph).await;
    assert_eq!(made.status, 201);
    let tasks = made.json()["tasks"].as_object().unwrap().clone();
    let keys: Vec<&str> = tasks.keys().map(String::as_str).collect();
    assert_eq!(keys, ["a", "b", "c", "c/d", "c/e"]);
    let b = curl
        .get(&format!("/tasks/{}", tasks["b"].as_str().unwrap()))
        .await;
    assert_eq!(b.json()["depends_on"], json!([tasks["a"]]));

    let goal = made.json()["goal"].as_str().unwrap().to_owned();
    let edge = |task: &str, from: &str| json!({"task": tasks[task], "depends_on": tasks[from]});
    let mut all = [edge("b", "a"), edge("c", "b"), edge("c/e", "c/d")];
    all.sort_by_key(|edge| edge["task"].as_str().unwrap().to_owned());
    let edges = format!("/v1/tasks/{goal}/edges");
    assert_eq!(curl.get(&edges).await.json(), json!({"items": all}));
    let first = curl.get(&format!("{edges}?limit=2")).await.json();
    assert_eq!(first["items"], json!(all[..2]));
    let next = first["next"].as_str().unwrap();
    let rest = curl.get(&format!("{edges}?limit=2&cursor={next}")).await;
    assert_eq!(rest.json(), json!({"items": all[2..]}));
    for wrong in ["limit=0", "limit=5001", "cursor=x", "cursor=x-y"] {
        let refused = curl.get(&format!("{edges}?{wrong}")).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
    server.stop().await;
}

#[tokio::test]
async fn counters_are_for_the_metrics_role() {
    let server = start().await;
    let secret = server.token(Role::Metrics, "").await;
    let curl = Curl::with_x_auth_token(&server, &secret);
    let got = curl.get("/metrics").await;
    let text = String::from_utf8(got.body).unwrap();
    assert_eq!(got.status, 200);
    assert!(
        got.kind.starts_with("application/openmetrics-text"),
        "{}",
        got.kind
    );
    assert!(
        text.contains("\n# TYPE ") || text.starts_with("# "),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
    // That role reads counters and nothing else.
    assert_eq!(curl.get("/tasks").await.status, 403);
    let operator = Curl::with_x_auth_token(&server, OPERATOR);
    assert_eq!(operator.get("/metrics").await.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn mistakes_are_answered_with_problems() {
    let server = start().await;
    let curl = Curl::with_x_auth_token(&server, OPERATOR);
    let json_kind = "Content-Type: application/json";
    let cases = [
        (curl.get("/tasks/task_nothing").await, 404, "not_found"),
        (curl.get("/nothing").await, 404, "not_found"),
        (
            curl.run("/health", &["-X", "DELETE"]).await,
            405,
            "method_not_allowed",
        ),
        (
            curl.run("/schedule", &["-H", json_kind, "-d", "{"]).await,
            400,
            "malformed_json",
        ),
        (
            curl.run("/schedule", &["-d", "a=b"]).await,
            415,
            "unsupported_media_type",
        ),
        (
            curl.post("/schedule", &json!({"wish": 1})).await,
            422,
            "invalid",
        ),
        (
            curl.post("/schedule", &json!({"task": ""})).await,
            422,
            "invalid",
        ),
        (
            curl.post("/orgs", &json!({"name": "x"})).await,
            403,
            "forbidden",
        ),
    ];
    for (got, status, code) in cases {
        let problem = got.json();
        assert_eq!((got.status, problem["code"].as_str()), (status, Some(code)));
        assert_eq!(got.kind, "application/problem+json", "{code}");
        assert_eq!(problem["type"], json!(format!("/docs#problem-{code}")));
        assert!(
            problem["help"]
                .as_str()
                .is_some_and(|help| !help.is_empty()),
            "{code}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn the_login_link_works_once_and_is_audited() {
    let server = start().await;
    let curl = Curl::new(&server, None);
    assert_eq!(curl.get("/login").await.status, 200);
    let code = json!({"code": server.login_code().unwrap()});
    let first = curl.post("/login", &code).await;
    assert_eq!(first.status, 200);
    let secret = first.json()["secret"].as_str().unwrap().to_owned();
    let who = Curl::with_x_auth_token(&server, &secret)
        .get("/whoami")
        .await;
    assert_eq!(who.json()["role"], "admin");
    let again = curl.post("/login", &code).await;
    assert_eq!(
        (again.status, &again.json()["code"]),
        (404, &json!("not_found"))
    );
    let audit = server.admin().audit(&Default::default()).await.unwrap();
    let logins = audit.items.iter().filter(|entry| entry.action == "login");
    assert_eq!(logins.count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn guesses_at_the_login_code_write_nothing_and_are_slowed_down() {
    let mut setup = Setup::default();
    setup.rates.unknown = Rate::new(1, 5);
    let server = TestServer::start_with(setup).await;
    let curl = Curl::new(&server, None);
    let mut statuses = Vec::new();
    for i in 0..12 {
        let guess = json!({"code": format!("guess-{i}")});
        statuses.push(curl.post("/login", &guess).await.status);
    }
    assert_eq!(statuses[..5], [404; 5]);
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(curl.get("/health").await.status, 200);
    let admin = Curl::with_x_auth_token(&server, server.admin_secret());
    assert_eq!(admin.get("/whoami").await.status, 200);
    // The code itself is as good as before.
    let code = json!({"code": server.login_code().unwrap()});
    let login = devlab_testing::until("a login", || async {
        let got = curl.post("/login", &code).await;
        (got.status == 200).then_some(())
    });
    login.await;
    server.stop().await;
}

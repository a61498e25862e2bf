//! What requests are answered.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devlab_core::Timestamp;
use devlab_core::auth::Role;
use devlab_server::rate::{Rate, Rates};

use crate::fixture::{Setup, live_attempt, over_attempt, server, server_with};

#[tokio::test]
async fn health_needs_no_token_and_says_ok_on_both_paths() {
    let server = server().await;
    for path in ["/health", "/v1/health"] {
        let reply = server.send(&format!("GET {path}"), &[], b"").await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, r#"{"status":"ok"}"#)
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn the_root_shows_browsers_something_and_tells_programs_that_nothing_is_there() {
    let server = server().await;
    let browser = "accept: text/html,application/xhtml+xml,*/*;q=0.8";
    let reply = server.send("GET /", &[browser], b"").await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (307, Some("/docs"))
    );
    assert_eq!(reply.header("vary"), Some("accept"));
    for program in [&[][..], &["accept: */*"], &["accept: application/json"]] {
        let reply = server.send("GET /", program, b"").await;
        assert_eq!(reply.status, 404, "{program:?}");
        assert_eq!(reply.problem().code, "not_found", "{program:?}");
    }
    assert_eq!(server.send("POST /", &[browser], b"").await.status, 405);
}

#[tokio::test]
async fn every_form_of_a_token_is_taken_and_others_are_not() {
    let server = server().await;
    for header in [
        "authorization: Bearer operator",
        "authorization: bearer operator",
        "x-auth-token: operator",
    ] {
        let reply = server.send("GET /who", &[header], b"").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "operator"));
    }
    for header in [
        "x-nothing: 1",
        "authorization: Bearer wrong",
        "authorization: Basic dTpvcGVyYXRvcg==",
        "authorization: operator",
        "authorization: Bearer \u{e9}",
    ] {
        let reply = server.send("GET /who", &[header], b"").await;
        assert_eq!(reply.status, 401, "{header}");
        assert_eq!(reply.problem().code, "unauthorized");
        assert!(
            reply
                .header("www-authenticate")
                .unwrap()
                .starts_with("bearer")
        );
    }
}

#[tokio::test]
async fn git_takes_a_token_as_a_password_and_an_attempts_own() {
    let server = server().await;
    let live = server.auth.attempt_token(live_attempt());
    let over = server.auth.attempt_token(over_attempt());
    for (secret, status, body) in [
        ("operator", 200, "operator"),
        (live.as_str(), 200, "agent attempt"),
        (over.as_str(), 401, ""),
        ("wrong", 401, ""),
        ("agent", 403, ""),
    ] {
        let basic = STANDARD.encode(format!("git:{secret}"));
        for header in [
            format!("authorization: Basic {basic}"),
            format!("authorization: Bearer {secret}"),
        ] {
            let reply = server.send("GET /git-who", &[&header], b"").await;
            assert_eq!(reply.status, status, "{secret}");
            match status {
                200 => assert_eq!(reply.body, body),
                401 => {
                    let challenge = reply.header("www-authenticate").unwrap();
                    assert!(challenge.starts_with("basic"), "{challenge}");
                }
                _ => assert_eq!(reply.problem().code, "forbidden"),
            }
        }
    }
    let header = format!("x-auth-token: {live}");
    let elsewhere = server.send("GET /who", &[&header], b"").await;
    assert_eq!(elsewhere.status, 401, "an attempt's token is for git only");
}

#[tokio::test]
async fn a_route_is_open_to_its_roles_only() {
    let server = server().await;
    for (role, read, change, metrics) in [
        ("admin", 200, 200, 200),
        ("operator", 200, 200, 403),
        ("viewer", 200, 403, 403),
        ("agent", 403, 403, 403),
        ("metrics", 403, 403, 200),
    ] {
        assert_eq!(
            server.get("/notes?limit=1", role).await.status,
            read,
            "{role}"
        );
        assert_eq!(server.get("/metrics", role).await.status, metrics, "{role}");
        let auth = format!("x-auth-token: {role}");
        let headers = [auth.as_str(), "content-type: application/json"];
        let reply = server
            .send("POST /notes", &headers, br#"{"text":"a"}"#)
            .await;
        assert_eq!(reply.status, change, "{role}");
    }
}

#[tokio::test]
async fn a_token_is_looked_up_once_and_forgotten_when_tokens_change() {
    let server = server().await;
    for _ in 0..5 {
        assert_eq!(server.get("/who", "viewer").await.status, 200);
    }
    assert_eq!(server.tokens.looks.load(Ordering::SeqCst), 1);
    server.tokens.revoke("viewer");
    assert_eq!(server.get("/who", "viewer").await.status, 401);
    let past = Timestamp::from_millis(1_000);
    server.tokens.put("old", Role::Viewer, Some(past));
    assert_eq!(server.get("/who", "old").await.status, 401);
}

#[tokio::test]
async fn only_own_names_are_answered() {
    let server = server().await;
    for host in ["localhost:1", "127.0.0.1", "[::1]:18080", "lab.example"] {
        let reply = server
            .send("GET /health", &[&format!("host: {host}")], b"")
            .await;
        assert_eq!(reply.status, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", ""] {
        let header = format!("host: {host}");
        let auth = "x-auth-token: operator";
        for line in ["GET /health", "GET /who", "GET /nowhere", "DELETE /health"] {
            let reply = server.send(line, &[&header, auth], b"").await;
            assert_eq!(reply.status, 421, "{line} {host}");
            assert_eq!(reply.problem().code, "host_not_allowed");
        }
    }
    let reply = server.raw(b"GET /health HTTP/1.0\r\n\r\n").await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn bad_bodies_are_problems_of_the_caller() {
    let server = server().await;
    let deep = format!("{{\"text\":{}", "[".repeat(200_000));
    let long = format!("{{\"text\":\"{}\"}}", "a".repeat(1024 * 1024));
    let cases: [(&[u8], u16, &str, Option<&str>); 10] = [
        (b"{", 400, "malformed_json", None),
        (b"nonsense", 400, "malformed_json", None),
        (b"{\"text\":\"\xff\"}", 400, "malformed_json", None),
        (b"{\"text\":\"\\ud800\"}", 400, "malformed_json", None),
        (b"[]", 422, "invalid", Some("body")),
        (b"{\"text\":1}", 422, "invalid", Some("text")),
        (
            br#"{"text":"a","sizes":[1,99999]}"#,
            422,
            "invalid",
            Some("sizes[1]"),
        ),
        (br#"{"text":"a","other":1}"#, 422, "invalid", Some("other")),
        (deep.as_bytes(), 422, "invalid", Some("text")),
        (long.as_bytes(), 413, "body_too_large", None),
    ];
    for (body, status, code, field) in cases {
        let reply = server.post("/v1/notes", body).await;
        let problem = reply.problem();
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(
            (reply.status, problem.code.as_str()),
            (status, code),
            "{shown}"
        );
        assert_eq!(problem.field.as_deref(), field, "{shown}");
    }
    let reply = server
        .send("POST /notes", &["x-auth-token: operator"], b"{}")
        .await;
    assert_eq!(reply.problem().code, "unsupported_media_type");
    let reply = server.post("/notes", b"").await;
    assert_eq!(reply.problem().code, "malformed_json");
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let server = server().await;
    let head = "POST /raw HTTP/1.1\r\nhost: localhost\r\nx-auth-token: viewer\r\n\
        connection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("1f4\r\n{}\r\n", "a".repeat(500));
    let two = format!("{head}{chunk}{chunk}0\r\n\r\n");
    let reply = server.raw(two.as_bytes()).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "1000"));
    let three = format!("{head}{chunk}{chunk}{chunk}0\r\n\r\n");
    assert_eq!(server.raw(three.as_bytes()).await.status, 413);
}

#[tokio::test]
async fn bad_paths_and_queries_are_problems_of_the_caller() {
    let server = server().await;
    let id = "task_01jd3v6p5x8e9rk2m4n6q8t0vw";
    assert_eq!(server.get(&format!("/notes/{id}"), "viewer").await.body, id);
    for (path, status, code) in [
        ("/notes/task_x", 404, "not_found"),
        ("/notes/%00", 404, "not_found"),
        ("/notes/%ff", 400, "bad_request"),
        ("/notes/..%2f..%2fetc", 404, "not_found"),
        ("/notes?limit=99999999999999999999", 422, "invalid"),
        ("/notes?limit=-1", 422, "invalid"),
        ("/notes?limit=%ff", 422, "invalid"),
        ("/notes", 422, "invalid"),
        ("/nowhere", 404, "not_found"),
        ("/v1/v1/notes", 404, "not_found"),
        ("/v1/git-who", 404, "not_found"),
    ] {
        let reply = server.get(path, "viewer").await;
        assert_eq!(
            (reply.status, reply.problem().code.as_str()),
            (status, code),
            "{path}"
        );
    }
    let reply = server
        .send("DELETE /notes", &["x-auth-token: viewer"], b"")
        .await;
    assert_eq!(reply.problem().code, "method_not_allowed");
    let mut allowed: Vec<_> = reply.header("allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["get", "head", "post"]);
}

#[tokio::test]
async fn trouble_of_ours_is_a_problem_without_its_detail() {
    let server = server().await;
    let reply = server.get("/full", "viewer").await;
    assert_eq!(
        (reply.status, reply.problem().code.as_str()),
        (503, "unavailable")
    );
    assert!(!reply.body.contains("secret detail"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(
        server.get("/panic", "viewer").await.problem().code,
        "internal"
    );
    assert_eq!(
        server.get("/slow", "viewer").await.problem().code,
        "timeout"
    );
}

#[tokio::test]
async fn a_key_is_of_its_caller_and_route_and_hashes_what_was_asked() {
    let server = server().await;
    let send = async |path: &str, key: &str, body: &[u8]| {
        let key = format!("idempotency-key: {key}");
        let headers = [
            "x-auth-token: operator",
            "content-type: application/json",
            &key,
        ];
        server.send(&format!("POST {path}"), &headers, body).await
    };
    let one = br#"{"text":"a"}"#;
    let first = send("/keyed", "k1", one).await.body;
    assert!(first.contains("POST /keyed k1 "), "{first}");
    assert_eq!(send("/v1/keyed", "k1", one).await.body, first);
    assert_ne!(send("/keyed", "k1", br#"{"text":"b"}"#).await.body, first);
    assert_ne!(send("/keyed?x=1", "k1", one).await.body, first);
    let long = "k".repeat(201);
    for bad in [long.as_str(), "a b"] {
        let problem = send("/keyed", bad, one).await.problem();
        assert_eq!(problem.field.as_deref(), Some("Idempotency-Key"));
    }
}

async fn limited(rates: Rates) -> crate::fixture::Server {
    server_with(Setup {
        rates,
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn a_token_has_its_rate_and_agents_a_larger_one() {
    let server = limited(Rates {
        people: Some(Rate::new(1, 2)),
        agents: Some(Rate::new(1, 6)),
        unknown: Rate::new(1, 10),
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(server.get("/who", "viewer").await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
    let reply = server.get("/who", "viewer").await;
    assert_eq!(reply.problem().code, "rate_limited");
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(server.get("/who", "admin").await.status, 200);
    let mut served = 0;
    for _ in 0..20 {
        served += usize::from(server.get("/who", "agent").await.status == 200);
    }
    assert!((6..20).contains(&served), "{served}");
    // Four times what the benchmark's agents send with one token.
    let default = Rates::default().agents.unwrap();
    assert!(default.per_sec.get() >= 60_000);
}

#[tokio::test]
async fn guesses_are_slowed_down_and_shut_out_nobody_with_a_token() {
    let server = limited(Rates {
        people: None,
        agents: None,
        unknown: Rate::new(1, 10),
    })
    .await;
    let mut refused = 0;
    for i in 0..20 {
        refused += usize::from(server.get("/who", &format!("guess{i}")).await.status == 429);
    }
    assert!(refused >= 5, "guesses are slowed down: {refused}");
    // These were not seen since the start.
    for fresh in ["agent", "viewer", "admin"] {
        assert_eq!(server.get("/who", fresh).await.status, 200, "{fresh}");
    }
}

#[tokio::test]
async fn changes_without_a_token_are_slowed_down() {
    let server = limited(Rates {
        people: None,
        agents: None,
        unknown: Rate::new(1, 10),
    })
    .await;
    let body = br#"{"text":"a"}"#;
    let mut refused = 0;
    for _ in 0..20 {
        let headers = ["content-type: application/json"];
        let reply = server.send("POST /door", &headers, body).await;
        refused += usize::from(reply.status == 429);
    }
    assert!(refused >= 5, "they are slowed down: {refused}");
    // Neither what only reads nor those who have a token notice.
    assert_eq!(server.send("GET /health", &[], b"").await.status, 200);
    assert_eq!(server.post("/notes", body).await.status, 200);
}

#[tokio::test]
async fn the_document_has_every_route_with_its_roles() {
    let server = server().await;
    let reply = server.send("GET /openapi.json", &[], b"").await;
    let served: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(served, server.document);
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"));
    let note = &served["paths"]["/v1/notes"]["post"];
    assert_eq!(
        note["x-devlab-roles"],
        serde_json::json!(["admin", "operator"])
    );
    assert_eq!(note["security"], serde_json::json!([{ "token": [] }]));
    assert!(note["responses"]["default"]["content"]["application/problem+json"].is_object());
    assert!(served["paths"]["/v1/notes"]["get"].is_object());
    assert_eq!(
        served["paths"]["/v1/health"]["get"]["security"],
        serde_json::json!([])
    );
    assert!(served["paths"]["/git-who"]["get"].is_object());
    let etag = reply.header("etag").unwrap().to_owned();
    let known = format!("if-none-match: {etag}");
    assert_eq!(
        server
            .send("GET /openapi.json", &[&known], b"")
            .await
            .status,
        304
    );
}

#[tokio::test]
async fn the_api_page_needs_nothing_from_elsewhere() {
    let server = server().await;
    let page = server.send("GET /docs", &[], b"").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';"), "{policy}");
    let missing = server.send("GET /docs/missing.js", &[], b"").await;
    assert_eq!(missing.problem().code, "not_found");
    // Only in a build after `make web`; without it the page says so.
    if page.body.contains("make web") {
        return;
    }
    for name in page
        .body
        .split('"')
        .filter_map(|part| part.strip_prefix("/docs/"))
    {
        let file = server.send(&format!("GET /docs/{name}"), &[], b"").await;
        assert_eq!(file.status, 200, "{name}");
        assert!(file.header("content-type").unwrap().contains('/'));
    }
}

#[tokio::test]
async fn metrics_count_by_route_and_not_by_path() {
    let server = server().await;
    for i in 0..3 {
        server.get(&format!("/v1/notes/task_{i}"), "viewer").await;
    }
    let text = server.get("/metrics", "metrics").await.body;
    let line = r#"devlab_http_requests_total{method="GET",route="/notes/{id}",class="4xx"} 3"#;
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("task_1"));
}

#[tokio::test]
async fn a_sane_request_id_comes_back() {
    let server = server().await;
    let reply = server
        .send("GET /nowhere", &["x-request-id: build-7"], b"")
        .await;
    assert_eq!(reply.problem().request_id, "build-7");
    let reply = server
        .send("GET /nowhere", &["x-request-id: a b"], b"")
        .await;
    assert!(reply.problem().request_id.starts_with("test-"));
}

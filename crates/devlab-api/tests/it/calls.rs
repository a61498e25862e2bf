//! Single calls.

use std::time::Duration;

use bytes::Bytes;
use devlab_api::agent::Claim;
use devlab_api::client::{Client, ClientError, Timeouts};
use devlab_api::project::CreateOrg;
use devlab_core::{AgentId, AttemptId, TaskId, Timestamp};

use crate::responder::{Answer, Responder};

const ORG: &str =
    r#"{"id":"org_01jd3v6p5x8e9rk2m4n6q8t0vw","name":"acme","created_at":"2026-11-01T00:00:00Z"}"#;

fn problem(status: u16, code: &str) -> String {
    format!(
        r#"{{"type":"/docs#problem-{code}","status":{status},"code":"{code}","title":"T",
        "detail":"D","help":"H","request_id":"r1","expected_offset":7}}"#
    )
}

fn claim() -> Claim {
    Claim {
        agent: AgentId::new(Timestamp::from_millis(0), 1),
        claim_id: "c1".to_owned(),
        wait_secs: 0,
    }
}

#[tokio::test]
async fn a_call_carries_the_token_and_connections_are_kept() {
    let server = Responder::start([
        Answer::json("200 OK", r#"{"status":"ok"}"#),
        Answer::json("200 OK", ORG),
    ])
    .await;
    let client = server.client();
    assert_eq!(client.health().await.unwrap().status, "ok");
    assert_eq!(client.org("acme").await.unwrap().name, "acme");
    let requests = server.requests();
    assert_eq!(requests[0].line(), "GET /v1/health HTTP/1.1");
    assert_eq!(requests[1].line(), "GET /v1/orgs/acme HTTP/1.1");
    assert_eq!(
        requests[1].header("authorization"),
        Some("Bearer dl_secret")
    );
    assert_eq!(requests[1].connection, 1);
}

#[tokio::test]
async fn the_idempotency_key_goes_with_changes_only() {
    let server = Responder::start([
        Answer::json("201 Created", ORG),
        Answer::json("200 OK", ORG),
    ])
    .await;
    let client = server.client().with_idempotency_key("k-1").unwrap();
    let create = CreateOrg {
        name: "acme".to_owned(),
    };
    client.create_org(&create).await.unwrap();
    client.org("acme").await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].header("idempotency-key"), Some("k-1"));
    assert_eq!(requests[0].body, br#"{"name":"acme"}"#);
    assert_eq!(requests[1].header("idempotency-key"), None);
    for key in ["", "two words", "é", &"k".repeat(201)] {
        assert!(client.with_idempotency_key(key).is_err(), "{key}");
    }
}

#[tokio::test]
async fn a_claim_without_work_is_none() {
    let server = Responder::start([Answer::cut(
        "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
    )])
    .await;
    assert_eq!(server.client().claim(&claim()).await.unwrap(), None);
    assert_eq!(server.requests()[0].line(), "POST /v1/tasks/claim HTTP/1.1");
}

#[tokio::test]
async fn refusals_keep_their_code_and_what_they_ask() {
    let busy = problem(429, "rate_limited");
    let busy = format!(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\ncontent-length: {}\r\n\r\n{busy}",
        busy.len()
    );
    let server = Responder::start([
        Answer::json("409 Conflict", &problem(409, "log_gap")),
        Answer::json("401 Unauthorized", &problem(401, "unauthorized")),
        Answer::cut(busy),
    ])
    .await;
    let client = server.client();
    let ids = (
        TaskId::new(Timestamp::from_millis(0), 2),
        AttemptId::new(Timestamp::from_millis(0), 3),
    );

    let gap = client
        .append_log(ids.0, ids.1, 9, Bytes::from_static(b"\xffx"))
        .await
        .unwrap_err();
    assert_eq!(gap.code(), Some("log_gap"));
    assert_eq!(gap.problem().unwrap().expected_offset, Some(7));
    assert!(!gap.is_retryable());
    let request = server.requests()[0].clone();
    assert_eq!(
        request.line(),
        format!(
            "POST /v1/tasks/log?task={}&attempt={}&offset=9 HTTP/1.1",
            ids.0, ids.1
        )
    );
    assert_eq!(request.body, b"\xffx");

    let denied = client.whoami().await.unwrap_err();
    assert!(matches!(denied, ClientError::Unauthorized(_)), "{denied}");
    let limited = client.whoami().await.unwrap_err();
    assert!(limited.is_retryable());
    assert_eq!(limited.retry_after(), Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn a_lost_answer_is_retryable_and_not_a_failed_connect() {
    let server = Responder::start([
        Answer::cut(""),
        Answer::cut("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"sta"),
    ])
    .await;
    let client = server.client();
    for _ in 0..2 {
        let error = client
            .create_org(&CreateOrg {
                name: "a".to_owned(),
            })
            .await;
        let error = error.unwrap_err();
        assert!(error.is_retryable() && !error.is_connect(), "{error:?}");
    }
    assert_eq!(
        server.requests().len(),
        2,
        "nothing is sent twice by itself"
    );
}

#[tokio::test]
async fn nobody_there_is_a_failed_connect() {
    let url = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let client = Client::new(&url, None, Timeouts::default()).unwrap();
    let error = client.health().await.unwrap_err();
    assert!(error.is_retryable() && error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn a_slow_server_is_given_up() {
    // The listener accepts by itself (backlog) and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let timeouts = Timeouts {
        request: Duration::from_millis(50),
        ..Timeouts::default()
    };
    let client = Client::new(&url, None, timeouts).unwrap();
    let error = client.health().await.unwrap_err();
    assert!(error.is_retryable() && !error.is_connect(), "{error:?}");
    assert!(error.to_string().contains("no answer in time"), "{error}");
}

#[test]
fn an_https_client_and_one_without_certificates_can_be_made() {
    Client::new("http://127.0.0.1:1", None, Timeouts::default()).unwrap();
    // Twice: the TLS provider may be installed already.
    for _ in 0..2 {
        match Client::new("https://lab.example", None, Timeouts::default()) {
            Ok(client) => assert_eq!(client.base_url().as_str(), "https://lab.example/"),
            // A machine without certificates cannot speak https, and says so.
            Err(error) => assert!(error.to_string().contains("TLS"), "{error}"),
        }
    }
}

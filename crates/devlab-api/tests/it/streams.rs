//! Streams that break and go on.

use std::time::Duration;

use devlab_api::client::ClientError;
use devlab_core::{AttemptId, TaskId, Timestamp};
use futures::StreamExt;

use crate::responder::{Answer, Responder};

/// Longest wait of a test for what should come at once.
const PATIENCE: Duration = Duration::from_secs(20);

fn event(seq: u64) -> String {
    format!(
        "id: {seq}\nevent: task.state\ndata: {{\"seq\":{seq},\"at\":\"2026-11-01T00:00:00Z\",\
         \"kind\":\"task.state\",\"org\":\"org_01jd3v6p5x8e9rk2m4n6q8t0vw\",\"data\":{{}}}}\n\n"
    )
}

fn gone() -> Answer {
    let body = r#"{"type":"/docs#problem-not_found","status":404,"code":"not_found","title":"T",
        "detail":"D","help":"H","request_id":"r"}"#;
    Answer::json("404 Not Found", body)
}

#[tokio::test]
async fn events_go_on_after_a_cut_without_gap_or_double() {
    let half = event(5);
    let server = Responder::start([
        Answer::stream(&format!(
            ": hello\n\n{}{}{}",
            event(3),
            event(4),
            &half[..half.len() / 2]
        )),
        Answer::cut(""),
        Answer::json("503 Service Unavailable", "busy"),
        // This one repeats what it sent before.
        Answer::stream(&format!("{}{}{}", event(4), event(5), event(8))),
        gone(),
    ])
    .await;
    let events = server.client().follow_events(2, Some("acme"));
    let items: Vec<_> = tokio::time::timeout(PATIENCE, events.collect())
        .await
        .unwrap();
    let (last, events) = items.split_last().unwrap();
    let seqs: Vec<u64> = events
        .iter()
        .map(|item| item.as_ref().unwrap().seq)
        .collect();
    assert_eq!(seqs, [3, 4, 5, 8]);
    assert_eq!(last.as_ref().unwrap_err().code(), Some("not_found"));
    let asked: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.header("last-event-id").unwrap().to_owned())
        .collect();
    assert_eq!(asked, ["2", "4", "4", "4", "8"]);
    assert_eq!(
        server.requests()[1].line(),
        "GET /v1/events/stream?after=4&org=acme HTTP/1.1"
    );
}

#[tokio::test]
async fn an_event_of_another_world_ends_the_stream() {
    let server = Responder::start([Answer::stream("data: {}\n\n")]).await;
    let events = server.client().follow_events(0, None);
    let items: Vec<_> = tokio::time::timeout(PATIENCE, events.collect())
        .await
        .unwrap();
    assert_eq!(items.len(), 1);
    assert!(matches!(items[0], Err(ClientError::Decode { .. })));
}

#[tokio::test]
async fn a_log_is_followed_to_its_end_each_byte_once() {
    // "one " is 4 bytes; the second answer begins before, the third leaves a gap.
    let server = Responder::start([
        Answer::stream("id: 4\ndata: {\"offset\":0,\"data\":\"b25lIA==\"}\n\n"),
        Answer::stream(
            "id: 8\ndata: {\"offset\":2,\"data\":\"ZSB0d28g\"}\n\n\
             id: 20\ndata: {\"offset\":15,\"data\":\"Z2FwLi4=\"}\n\n",
        ),
        Answer::stream("id: 9\ndata: {\"offset\":8,\"data\":\"/w==\"}\n\nevent: end\ndata: {}\n\n"),
    ])
    .await;
    let task = TaskId::new(Timestamp::from_millis(0), 1);
    let attempt = AttemptId::new(Timestamp::from_millis(0), 2);
    let log = server.client().follow_log(task, attempt, 0);
    let chunks: Vec<_> = tokio::time::timeout(PATIENCE, log.collect()).await.unwrap();
    let bytes: Vec<u8> = chunks
        .into_iter()
        .flat_map(|chunk| chunk.unwrap().bytes)
        .collect();
    assert_eq!(bytes, b"one two \xff");
    let lines: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.line().to_owned())
        .collect();
    let expected = [0, 4, 8].map(|offset| {
        format!("GET /v1/tasks/{task}/logs/stream?attempt={attempt}&offset={offset} HTTP/1.1")
    });
    assert_eq!(lines, expected);
}

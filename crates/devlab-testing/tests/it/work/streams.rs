//! Streams go on after every cut, without a gap and without anything twice.

use std::pin::pin;

use devlab_api::client::{Client, EventQuery, Timeouts};
use devlab_api::event::Event;
use devlab_core::auth::Role;
use devlab_testing::raw::Request;
use devlab_testing::{CutProxy, Faults, PATIENCE, TestServer};
use futures::StreamExt;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::task;

/// Tasks that are made while a stream is read.
const TASKS: usize = 150;
/// A connection is cut after this many events or chunks.
const CUT_EVERY: usize = 60;

pub(super) fn client(url: &str, secret: &str) -> Client {
    let secret = SecretString::from(secret.to_owned());
    Client::new(url, Some(secret), Timeouts::default()).unwrap()
}

async fn all_events(server: &TestServer) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    loop {
        let query = EventQuery {
            after: all.last().map_or(0, |event| event.seq),
            limit: Some(500),
            org: None,
        };
        let page = server.admin().events(&query).await.unwrap();
        all.extend(page.items);
        if page.next.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn events_are_followed_through_cuts_without_a_gap() {
    let server = TestServer::start().await;
    let proxy = CutProxy::new(server.addr()).await;
    let follower = client(&proxy.url(), server.admin_secret());
    let mut stream = pin!(follower.follow_events(0, None));
    let make = async {
        let mut last = None;
        for i in 0..TASKS {
            last = Some(task(&server, &format!("Task {i}")).await.id);
        }
        last
    };
    let follow = async {
        let mut seen: Vec<Event> = Vec::new();
        // The last task has two events: it is made, and it is ready.
        let is_last = |event: &Event| event.data["to"] == "ready";
        let mut ready = 0;
        while ready < TASKS {
            let event = stream.next().await.unwrap().unwrap();
            ready += usize::from(is_last(&event));
            seen.push(event);
            if seen.len().is_multiple_of(CUT_EVERY) {
                proxy.cut();
            }
        }
        seen
    };
    let both = async { tokio::join!(follow, make) };
    let (seen, last) = timeout(PATIENCE, both).await.unwrap();
    let last = last.unwrap();
    assert!(seen.iter().any(|event| event.task == Some(last)));
    let stored = all_events(&server).await;
    assert!(seen.len() >= 2 * TASKS);
    assert_eq!(seen, stored[..seen.len()]);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_resumes_after_the_event_that_a_client_names() {
    let server = TestServer::start().await;
    for i in 0..5 {
        task(&server, &format!("Task {i}")).await;
    }
    let stored = all_events(&server).await;
    let from = stored[3].seq;
    let proxy = CutProxy::new(server.addr()).await;
    // Enough for the head and some events: what came is cut off in the middle.
    proxy.set(Faults {
        cut_down_after: Some(1_500),
        ..Faults::default()
    });
    let request = Request::get("/v1/events/stream?after=0")
        .token(server.admin_secret())
        .header("last-event-id", from.to_string());
    let reply = request.send(proxy.addr()).await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let first = text.lines().find_map(|line| line.strip_prefix("id: "));
    assert_eq!(first, Some(stored[4].seq.to_string().as_str()), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn a_log_is_followed_through_cuts_to_its_end() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 1).await;
    let made = task(&server, "Talk").await;
    let work = agent.claim().await;
    let proxy = CutProxy::new(server.addr()).await;
    let follower = client(&proxy.url(), server.admin_secret());
    let mut stream = pin!(follower.follow_log(made.id, work.attempt, 0));
    let lines: Vec<String> = (0..300).map(|i| format!("line {i}\n")).collect();
    let written = lines.concat();
    let write = async {
        let mut offset = 0;
        for line in &lines {
            let chunk = line.clone().into_bytes().into();
            let logged = agent
                .client
                .append_log(work.task, work.attempt, offset, chunk);
            offset = logged.await.unwrap().len;
        }
        agent.finish(&work).await.unwrap();
    };
    let follow = async {
        let mut read = Vec::new();
        let mut cut_at = 500;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.unwrap();
            assert_eq!(chunk.offset, read.len() as u64);
            read.extend_from_slice(&chunk.bytes);
            if read.len() >= cut_at {
                proxy.cut();
                cut_at += 500;
            }
        }
        String::from_utf8(read).unwrap()
    };
    let both = async { tokio::join!(follow, write) };
    let (read, ()) = timeout(PATIENCE, both).await.unwrap();
    assert_eq!(read, written);
    server.stop().await;
}

#[tokio::test]
async fn streams_and_long_polls_end_when_the_server_stops() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 1).await;
    let head = format!(
        "GET /v1/events/stream HTTP/1.1\r\nhost: localhost\r\nx-auth-token: {}\r\n\r\n",
        server.admin_secret()
    );
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut got = vec![0; 12];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(got, b"HTTP/1.1 200");

    let claim = agent.next_claim(30);
    let poll = agent.client.claim(&claim);
    let both = async { tokio::join!(poll, server.stop(), stream.read_to_end(&mut got)) };
    let (poll, (), rest) = timeout(PATIENCE, both).await.unwrap();
    rest.unwrap();
    match poll {
        Ok(got) => assert!(got.is_none()),
        // It came when nobody listened any more.
        Err(error) => assert!(error.is_retryable(), "{error}"),
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let server = TestServer::start().await;
    let viewer = server.new_token(Role::Viewer, "default").await;
    let head = format!(
        "GET /v1/events/stream HTTP/1.1\r\nhost: localhost\r\nx-auth-token: {}\r\n\r\n",
        viewer.secret
    );
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut got = vec![0; 12];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(got, b"HTTP/1.1 200");
    server.admin().revoke_token(viewer.token.id).await.unwrap();
    // A keep-alive connection stays open behind the last chunk of the stream.
    let mut text = Vec::new();
    let ends = async {
        while !text.ends_with(b"0\r\n\r\n") {
            text.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(PATIENCE, ends).await.unwrap();
    server.stop().await;
}

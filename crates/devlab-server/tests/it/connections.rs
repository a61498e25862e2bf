//! How connections begin, wait and end.

use std::time::Duration;

use devlab_server::listen::ListenLimits;
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{SOON, Server, Setup, server, server_with};

async fn impatient() -> Server {
    let limits = ListenLimits {
        head: Duration::from_millis(200),
        ..ListenLimits::default()
    };
    server_with(Setup {
        limits,
        ..Setup::default()
    })
    .await
}

/// Waits until the server closes, and returns what it said before.
async fn closed(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => panic!("the connection stays open"),
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = impatient().await;
    assert_eq!(closed(&mut server.connect().await).await, "");
}

#[tokio::test]
async fn a_half_sent_head_is_closed() {
    let server = impatient().await;
    // The last is the beginning of HTTP/2's preface: the protocol is not known yet.
    for start in ["GET /health HTTP/1.1\r\nhost: lo", "G", "PRI * HT", "P"] {
        let mut stream = server.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let said = closed(&mut stream).await;
        assert!(!said.contains(" 200 "), "{said}");
    }
}

#[tokio::test]
async fn a_half_sent_second_head_is_closed() {
    let server = impatient().await;
    let mut stream = server.connect().await;
    let one = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\nGET /hea";
    stream.write_all(one).await.unwrap();
    assert!(closed(&mut stream).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_a_free_one() {
    let limits = ListenLimits {
        connections_max: 1,
        ..ListenLimits::default()
    };
    let server = server_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let mut first = server.connect().await;
    let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    first.write_all(request).await.unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();
    let mut second = server.connect().await;
    second.write_all(request).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), second.read_exact(&mut byte));
    assert!(early.await.is_err(), "served beyond the limit");
    drop(first);
    let late = tokio::time::timeout(SOON, second.read_exact(&mut byte));
    late.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_ends_streams_and_idle_connections_at_once() {
    let mut server = server().await;
    let mut stream = server.connect().await;
    let request = b"GET /v1/stream HTTP/1.1\r\nhost: localhost\r\nx-auth-token: viewer\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("id: 7") {
        let mut chunk = [0; 1024];
        let read = tokio::time::timeout(SOON, stream.read(&mut chunk));
        let len = read.await.unwrap().unwrap();
        assert_ne!(len, 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&chunk[..len]));
    }
    let _silent = server.connect().await;
    let mut idle = server.connect().await;
    let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    idle.write_all(request).await.unwrap();
    idle.read_exact(&mut [0]).await.unwrap();

    let started = tokio::time::Instant::now();
    server.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(1), &mut server.task);
    ended.await.expect("ends within a second").unwrap();
    assert!(started.elapsed() < Duration::from_secs(1));
    let rest = closed(&mut stream).await;
    assert!(
        rest.ends_with("0\r\n\r\n"),
        "the stream ends cleanly: {rest:?}"
    );
    assert!(TcpStream::connect(server.addr).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let limits = ListenLimits {
        drain: Duration::from_millis(200),
        ..ListenLimits::default()
    };
    let mut server = server_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    // A body that never comes: the handler waits for it.
    let mut stream = server.connect().await;
    let request = b"POST /raw HTTP/1.1\r\nhost: localhost\r\nx-auth-token: viewer\r\n\
        content-length: 9\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut other = server.connect().await;
    let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    other.write_all(request).await.unwrap();
    other.read_exact(&mut [0]).await.unwrap();
    server.stop.cancel();
    let ended = tokio::time::timeout(SOON, &mut server.task).await;
    ended.expect("ends after the drain").unwrap();
    assert_eq!(closed(&mut stream).await, "");
}

#[tokio::test]
async fn http_2_is_spoken_and_ends_at_a_stop() {
    let mut server = server().await;
    let stream = TokioIo::new(server.connect().await);
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    let driven = tokio::runtime::Handle::current().spawn(connection);
    for (host, path, status) in [
        ("localhost", "/v1/health", 200),
        ("localhost:1", "/v1/who", 401),
        ("evil.example", "/v1/health", 421),
    ] {
        let request = hyper::Request::get(format!("http://{host}{path}"));
        let request = request.body(axum::body::Body::empty()).unwrap();
        let answer = tokio::time::timeout(SOON, client.send_request(request));
        assert_eq!(answer.await.unwrap().unwrap().status(), status, "{host}");
    }
    let request =
        hyper::Request::get("http://localhost/v1/stream").header("x-auth-token", "viewer");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let stream = client.send_request(request).await.unwrap();
    server.stop.cancel();
    let rest = tokio::time::timeout(SOON, stream.into_body().collect());
    assert!(!rest.await.unwrap().unwrap().to_bytes().is_empty());
    let ended = tokio::time::timeout(Duration::from_secs(1), &mut server.task).await;
    ended.expect("ends within a second").unwrap();
    driven.abort();
}

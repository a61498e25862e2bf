//! A page on a hostile site whose name resolves to this machine gets nothing.

use devlab_testing::raw::{Request, exchange};
use devlab_testing::{Setup, TestServer};

async fn status(server: &TestServer, target: &str, host: &str) -> u16 {
    let request = Request::get(target)
        .header("host", host)
        .token(server.admin_secret());
    let reply = server.send(&request).await;
    if reply.status >= 400 {
        assert_eq!(reply.problem().code, "host_not_allowed", "{host}");
    }
    reply.status
}

#[tokio::test]
async fn only_own_names_are_answered_on_every_kind_of_route() {
    let setup = Setup {
        allowed_hosts: vec!["lab.example".to_owned()],
        ..Setup::default()
    };
    let server = TestServer::start_with(setup).await;
    let port = server.addr().port();
    let own = [
        "localhost",
        "LocalHost",
        &format!("127.0.0.1:{port}"),
        "[::1]",
        &format!("[::1]:{port}"),
        "lab.example",
        "lab.example:443",
    ];
    let foreign = [
        "evil.example",
        &format!("evil.example:{port}"),
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "lab.example.evil.example",
        "evil-lab.example",
        "localhost@evil.example",
        "0.0.0.0",
        "127.0.0.2",
        "169.254.169.254",
        "[::]",
    ];
    let targets = [
        "/health",
        "/openapi.json",
        "/docs",
        "/login",
        "/v1/tasks",
        "/metrics",
    ];
    for target in targets {
        for host in own {
            assert_eq!(status(&server, target, host).await, 200, "{target} {host}");
        }
        for host in foreign {
            assert_eq!(status(&server, target, host).await, 421, "{target} {host}");
        }
    }
    assert_eq!(status(&server, "/no/such/path", "evil.example").await, 421);
    server.stop().await;
}

#[tokio::test]
async fn a_request_without_a_host_or_with_two_is_refused() {
    let server = TestServer::start().await;
    for heads in [
        "GET /health HTTP/1.1\r\nconnection: close\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: evil.example\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        "GET http://evil.example/health HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
    ] {
        let answer = exchange(server.addr(), heads.as_bytes()).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{heads}\n{answer}");
        assert!(!answer.contains("\"ok\""), "{answer}");
    }
    server.stop().await;
}

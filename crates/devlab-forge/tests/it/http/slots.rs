//! Clients that hold things up.

use std::time::Duration;

use devlab_forge::Oid;
use devlab_forge::http::{Body, GitHttp, GitHttpRequest, HttpLimits};
use futures::{StreamExt as _, stream};

use super::{OWN, all, body, request};
use crate::support::{Lab, git};

/// Long enough for anything that should happen at once.
const SOON: Duration = Duration::from_secs(20);

async fn service(limits: HttpLimits) -> GitHttp {
    let git = git();
    let backend = git.http_backend().await.unwrap();
    GitHttp::new(git, backend, limits)
}

/// One place, and short patience with silent clients.
fn one_place() -> HttpLimits {
    HttpLimits {
        concurrent_max: 1,
        wait: SOON,
        start: Duration::from_millis(50),
        idle: Duration::from_millis(50),
        ..HttpLimits::default()
    }
}

fn call(lab: &Lab, service: &str, body: Body) -> GitHttpRequest {
    let mut call = request(lab, "POST", &format!("/{service}"), "");
    call.content_type = Some(format!("application/x-{service}-request"));
    call.body = body;
    call
}

fn look(lab: &Lab) -> GitHttpRequest {
    request(lab, "GET", "/info/refs", "service=git-upload-pack")
}

/// The first part of a push of `head` to a ref.
fn commands(head: &Oid, name: &str) -> String {
    let line = format!("{} {head} {name}\0 report-status", "0".repeat(40));
    format!("{:04x}{line}0000", line.len() + 4)
}

#[tokio::test]
async fn a_call_without_a_body_holds_no_place_and_ends() {
    let (lab, _) = Lab::with(&[("a", "1\n")]).await;
    let patient = HttpLimits {
        start: SOON,
        idle: SOON,
        wait: Duration::ZERO,
        ..one_place()
    };
    for silent in ["git-receive-pack", "git-upload-pack"] {
        let service = service(patient).await;
        let mut held = Box::pin(service.serve(call(&lab, silent, stream::pending().boxed())));
        assert!(futures::poll!(held.as_mut()).is_pending());
        let look = service.serve(look(&lab)).await.unwrap();
        assert_eq!(look.status, 200, "{silent} holds a place");
    }
    let impatient = HttpLimits {
        idle: SOON,
        ..one_place()
    };
    let service = service(impatient).await;
    for silent in ["git-receive-pack", "git-upload-pack"] {
        let call = service.serve(call(&lab, silent, stream::pending().boxed()));
        let answer = tokio::time::timeout(SOON, call).await.unwrap().unwrap();
        assert_eq!(answer.status, 408, "{silent}");
    }
}

#[tokio::test]
async fn a_client_that_falls_silent_gives_its_place_back() {
    let (lab, head) = Lab::with(&[("a", "1\n")]).await;
    let service = service(one_place()).await;
    let starts = [
        ("git-receive-pack", commands(&head, OWN)),
        ("git-upload-pack", "0032want ".to_owned()),
    ];
    for (name, start) in starts {
        let silent = call(&lab, name, body(start).chain(stream::pending()).boxed());
        let ended = async {
            let answer = service.serve(silent).await.unwrap();
            all(answer).await
        };
        let (_said, look) = tokio::join!(
            tokio::time::timeout(SOON, ended),
            tokio::time::timeout(SOON, service.serve(look(&lab))),
        );
        assert_eq!(look.unwrap().unwrap().status, 200, "{name}");
        assert_eq!(lab.repo.list_refs("refs").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_refused_push_that_falls_silent_is_answered() {
    let (lab, head) = Lab::with(&[("a", "1\n")]).await;
    let service = service(one_place()).await;
    let start = commands(&head, "refs/heads/evil");
    let silent = body(start).chain(stream::pending()).boxed();
    let call = service.serve(call(&lab, "git-receive-pack", silent));
    let answer = tokio::time::timeout(SOON, call).await.unwrap().unwrap();
    let said = String::from_utf8(all(answer).await).unwrap();
    assert!(said.contains("ng refs/heads/evil"), "{said}");
}

#[tokio::test]
async fn one_org_cannot_take_every_place() {
    let (lab, head) = Lab::with(&[("a", "1\n")]).await;
    // A fixture's folder stands for an org.
    let (other, _) = Lab::with(&[("a", "1\n")]).await;
    let service = service(HttpLimits {
        concurrent_max: 2,
        of_one_max: 1,
        wait: Duration::ZERO,
        ..HttpLimits::default()
    })
    .await;
    let endless = body("0032want ").chain(stream::pending()).boxed();
    let held = service.serve(call(&lab, "git-upload-pack", endless)).await;
    let held = held.unwrap();
    let push = call(&lab, "git-receive-pack", body(commands(&head, OWN)));
    assert_eq!(service.serve(push).await.unwrap().status, 503);
    assert_eq!(service.serve(look(&lab)).await.unwrap().status, 503);
    assert_eq!(service.serve(look(&other)).await.unwrap().status, 200);
    drop(held);
    assert_eq!(service.serve(look(&lab)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_push_of_many_refs_is_read_to_its_end() {
    let (lab, head) = Lab::with(&[("a", "1\n")]).await;
    let service = service(one_place()).await;
    let mut sent = String::new();
    for i in 0..1_000 {
        let line = format!("{} {head} refs/heads/evil-{i:060}", "0".repeat(40));
        let line = if i == 0 {
            format!("{line}\0 report-status")
        } else {
            line
        };
        sent.push_str(&format!("{:04x}{line}", line.len() + 4));
    }
    sent.push_str("0000");
    assert!(sent.len() > 100_000);
    let pieces: Vec<_> = sent.as_bytes().chunks(10_000).map(<[u8]>::to_vec).collect();
    let pieces = stream::iter(pieces.into_iter().map(|piece| Ok(piece.into()))).boxed();
    let answer = service.serve(call(&lab, "git-receive-pack", pieces)).await;
    let said = String::from_utf8(all(answer.unwrap()).await).unwrap();
    assert_eq!(said.matches("ng refs/heads/evil-").count(), 1_000);
}

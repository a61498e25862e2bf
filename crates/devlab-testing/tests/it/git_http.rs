//! Repositories as git's own client meets them.

use devlab_api::agent::Claimed;
use devlab_api::task::Schedule;
use devlab_core::auth::Role;
use devlab_testing::git::Checkout;
use devlab_testing::raw::Request;
use devlab_testing::{ScriptedAgent, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn schedule(server: &TestServer, project: &str) -> devlab_core::TaskId {
    let wanted = Schedule {
        project: Some(project.to_owned()),
        task: Some("Write it".to_owned()),
        driver: Some(crate::driver()),
        review: Some(false),
        ..Schedule::default()
    };
    server.admin().schedule(&wanted).await.unwrap().goal
}

/// A project, and an attempt on it that lives.
async fn attempt(server: &TestServer) -> (devlab_api::project::Project, ScriptedAgent, Claimed) {
    let (project, _checkout) = server.project_with("default", &[("a.txt", "a\n")]).await;
    let agent = server.agent("default", "one", 4).await;
    schedule(server, &project.name).await;
    let work = agent.claim().await;
    (project, agent, work)
}

#[tokio::test]
async fn a_person_fills_a_project_once_and_then_trains_move_its_branch() {
    let server = TestServer::start().await;
    let (project, checkout) = server.project_with("default", &[("a.txt", "a\n")]).await;
    let head = checkout.git(&["rev-parse", "HEAD"]).await;
    assert_eq!(project.head.as_deref(), Some(head.as_str()));

    checkout.commit(&[("a.txt", "b\n")], "Again").await;
    let url = server.git_url(&project);
    let push = checkout
        .try_git(&["push", &url, "HEAD:refs/heads/main"])
        .await;
    assert!(!push.ok);
    assert!(push.stderr.contains("[remote rejected]"), "{}", push.stderr);
    assert!(
        push.stderr.contains("moved by devlab only"),
        "{}",
        push.stderr
    );
    let now = server.admin().project(project.id).await.unwrap();
    assert_eq!(now.head.as_deref(), Some(head.as_str()));
    // Another branch is theirs, but nothing under devlab/.
    let ran = checkout
        .try_git(&["push", &url, "HEAD:refs/heads/topic"])
        .await;
    assert!(ran.ok, "{}", ran.stderr);
    for to in [
        "refs/heads/devlab/x",
        "refs/devlab/attempts/x/1",
        "refs/notes/x",
    ] {
        let ran = checkout
            .try_git(&["push", &url, &format!("HEAD:{to}")])
            .await;
        assert!(!ran.ok, "{to}");
    }
    let forced = checkout
        .try_git(&["push", "-f", &url, &format!("{head}:refs/heads/topic")])
        .await;
    let deleted = checkout.try_git(&["push", &url, ":refs/heads/topic"]).await;
    assert!(!forced.ok && !deleted.ok);
    server.stop().await;
}

#[tokio::test]
async fn a_clone_has_what_was_pushed_and_each_role_does_what_it_may() {
    let server = TestServer::start().await;
    let (project, source) = server.project_with("default", &[("a.txt", "a\n")]).await;
    let head = source.git(&["rev-parse", "HEAD"]).await;
    let url = server.git_url(&project);
    for (role, fetches, pushes) in [
        (Role::Admin, true, true),
        (Role::Operator, true, true),
        (Role::Viewer, true, false),
        (Role::Agent, false, false),
        (Role::Metrics, false, false),
    ] {
        let secret = server.token(role, "default").await;
        let checkout = Checkout::new().await.with_token(&secret);
        let fetched = checkout.try_git(&["fetch", "-q", &url, "main"]).await;
        assert_eq!(fetched.ok, fetches, "{role}: {}", fetched.stderr);
        if fetches {
            assert_eq!(checkout.git(&["rev-parse", "FETCH_HEAD"]).await, head);
            checkout.git(&["reset", "-q", "--hard", "FETCH_HEAD"]).await;
        }
        checkout.commit(&[("b.txt", "b\n")], "Change").await;
        let to = format!("HEAD:refs/heads/of-{role}");
        let pushed = checkout.try_git(&["push", "-q", &url, &to]).await;
        assert_eq!(pushed.ok, pushes, "{role}: {}", pushed.stderr);
    }
    let nobody = Checkout::new().await;
    assert!(!nobody.try_git(&["fetch", "-q", &url, "main"]).await.ok);
    let audit = server.admin().audit(&Default::default()).await.unwrap();
    let pushes = audit
        .items
        .iter()
        .filter(|entry| entry.action == "project.push");
    assert_eq!(pushes.count(), 3, "one for each push that was taken");
    server.stop().await;
}

#[tokio::test]
async fn an_attempt_fetches_its_base_only_and_pushes_its_own_ref_only() {
    let server = TestServer::start().await;
    let (project, _agent, work) = attempt(&server).await;
    let repository = work.repository.as_ref().unwrap();
    let url = server.git_url(&project);
    let operator = server.token(Role::Operator, "default").await;
    let theirs = Checkout::new().await.with_token(&operator);
    let secret = theirs.commit(&[("secret.txt", "s\n")], "Secret").await;
    theirs
        .git(&["push", "-q", &url, "HEAD:refs/heads/secret"])
        .await;

    let own = Checkout::new().await.with_token(&repository.git_token);
    let refs = own.git(&["ls-remote", &url]).await;
    assert!(
        refs.contains(&repository.base_ref) && !refs.contains("secret"),
        "{refs}"
    );
    own.git(&["fetch", "-q", &url, &repository.base_ref]).await;
    assert_eq!(own.git(&["rev-parse", "FETCH_HEAD"]).await, repository.base);
    for what in ["refs/heads/secret", &secret] {
        assert!(
            !own.try_git(&["fetch", "-q", &url, what]).await.ok,
            "{what}"
        );
    }
    own.git(&["reset", "-q", "--hard", &repository.base]).await;
    own.commit(&[("b.txt", "b\n")], "Work").await;
    let other = repository.push_ref.replace("/1", "/2");
    for to in [
        other.as_str(),
        "refs/heads/main",
        "refs/heads/topic",
        "refs/tags/v1",
    ] {
        let ran = own
            .try_git(&["push", "-q", &url, &format!("HEAD:{to}")])
            .await;
        assert!(!ran.ok, "{to}");
    }
    let to = format!("HEAD:{}", repository.push_ref);
    own.git(&["push", "-q", &url, &to]).await;
    // Its token is for git and for nothing else.
    let request = Request::get("/v1/tasks").token(&repository.git_token);
    assert_eq!(server.send(&request).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn an_attempts_token_dies_with_it_and_opens_no_other_project() {
    let server = TestServer::start().await;
    let (project, agent, work) = attempt(&server).await;
    let (other, _checkout) = server.project_with("default", &[("o.txt", "o\n")]).await;
    server.org("elsewhere").await;
    let (foreign, _checkout) = server.project_with("elsewhere", &[("f.txt", "f\n")]).await;
    let token = work.repository.as_ref().unwrap().git_token.clone();
    let own = Checkout::new().await.with_token(&token);
    for project in [&other, &foreign] {
        let ran = own.try_git(&["ls-remote", &server.git_url(project)]).await;
        assert!(
            !ran.ok && ran.stderr.contains("not found"),
            "{}",
            ran.stderr
        );
    }
    let url = server.git_url(&project);
    assert!(own.try_git(&["ls-remote", &url]).await.ok);
    agent.deliver(&work, &[("b.txt", "b\n")], 0).await;
    let dead = own.try_git(&["ls-remote", &url]).await;
    assert!(!dead.ok, "{}", dead.stdout);
    let request = Request::get(format!(
        "{}/info/refs?service=git-upload-pack",
        project.git_path
    ));
    assert_eq!(server.send(&request.token(&token)).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn a_delivered_task_is_merged_and_a_clone_has_it() {
    let server = TestServer::start().await;
    let (project, agent, work) = attempt(&server).await;
    agent.deliver(&work, &[("b.txt", "b\n")], 0).await;
    let done = devlab_testing::until("the publication", || async {
        let task = server.admin().task(work.task).await.unwrap().task;
        task.published
    });
    let published = done.await;
    let checkout = Checkout::new().await.with_token(server.admin_secret());
    let url = server.git_url(&project);
    checkout.git(&["fetch", "-q", &url, "main"]).await;
    assert_eq!(checkout.git(&["rev-parse", "FETCH_HEAD"]).await, published);
    assert_eq!(checkout.git(&["show", "FETCH_HEAD:b.txt"]).await, "b");
    server.stop().await;
}

#[tokio::test]
async fn a_foreign_repository_is_answered_like_one_that_is_not_there() {
    let server = TestServer::start().await;
    server.org("elsewhere").await;
    let (foreign, _checkout) = server.project_with("elsewhere", &[("f.txt", "f\n")]).await;
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        let secret = server.token(role, "default").await;
        for service in ["git-upload-pack", "git-receive-pack"] {
            let query = format!("info/refs?service={service}");
            let mut answers = Vec::new();
            for path in [
                format!("/git/elsewhere/{}.git/{query}", foreign.name),
                format!("/git/elsewhere/no-such-thing.git/{query}"),
                format!("/git/no-such-org/{}.git/{query}", foreign.name),
            ] {
                let reply = server.send(&Request::get(path).token(&secret)).await;
                assert_eq!(reply.status, 404);
                answers.push(reply.comparable());
            }
            assert!(
                answers.windows(2).all(|two| two[0] == two[1]),
                "{answers:?}"
            );
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn silent_pushes_keep_nobody_from_git() {
    /// More than there are places.
    const SILENT: usize = 40;
    let server = TestServer::start().await;
    let (project, _checkout) = server.project_with("default", &[("a.txt", "a\n")]).await;
    let head = format!(
        "POST {}/git-receive-pack HTTP/1.1\r\nhost: localhost\r\nx-auth-token: {}\r\n\
         content-type: application/x-git-receive-pack-request\r\n\
         content-length: 1000\r\nexpect: 100-continue\r\n\r\n",
        project.git_path,
        server.admin_secret()
    );
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server says so when it begins to wait for the body.
        let mut got = vec![0; 12];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(got, b"HTTP/1.1 100");
        silent.push(stream);
    }
    let own = Checkout::new().await.with_token(server.admin_secret());
    let looked = own.try_git(&["ls-remote", &server.git_url(&project)]).await;
    assert!(looked.ok, "{}", looked.stderr);
    drop(silent);
    server.stop().await;
}

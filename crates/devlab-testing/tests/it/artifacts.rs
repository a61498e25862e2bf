//! Artifacts over HTTP: brought once, read by people, never run by a browser.

use std::io::{Seek, Write};

use devlab_api::agent::Claimed;
use devlab_api::client::{ArtifactUpload, ClientError, Page};
use devlab_api::task::{Artifact, CreateTask};
use devlab_core::check::Sha256Hex;
use devlab_core::limits::{ARTIFACT_BYTES_MAX, ARTIFACTS_MAX};
use devlab_testing::raw::{Reply, Request};
use devlab_testing::{ScriptedAgent, TestServer};
use futures::TryStreamExt;

use super::driver;

fn file(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn upload(work: &Claimed, path: &str, bytes: &[u8]) -> ArtifactUpload {
    ArtifactUpload {
        task: work.task,
        attempt: work.attempt,
        path: path.to_owned(),
        sha256: Sha256Hex::of(bytes),
        len: bytes.len() as u64,
    }
}

async fn put(
    agent: &ScriptedAgent,
    work: &Claimed,
    path: &str,
    bytes: &[u8],
) -> Result<Artifact, ClientError> {
    let upload = upload(work, path, bytes);
    agent.client.put_artifact(&upload, file(bytes)).await
}

/// An artifact that an agent brings.
pub(crate) async fn artifact(
    agent: &ScriptedAgent,
    work: &Claimed,
    path: &str,
    bytes: &[u8],
) -> Artifact {
    put(agent, work, path, bytes).await.unwrap()
}

async fn work(server: &TestServer, agent: &ScriptedAgent) -> Claimed {
    let task = CreateTask {
        title: "Report".to_owned(),
        driver: Some(driver()),
        artifacts: vec!["report/**".to_owned()],
        ..CreateTask::default()
    };
    server.admin().create_task(&task).await.unwrap();
    let work = agent.claim().await;
    assert_eq!(work.artifacts, ["report/**"]);
    work
}

async fn get(server: &TestServer, id: &Artifact, range: Option<&str>, query: &str) -> Reply {
    let request = Request::get(format!("/v1/artifacts/{}{query}", id.id));
    let request = request.token(server.admin_secret());
    let request = match range {
        Some(range) => request.header("range", range.to_owned()),
        None => request,
    };
    server.send(&request).await
}

fn code(error: &ClientError) -> &str {
    error.code().unwrap_or("none")
}

#[tokio::test]
async fn what_an_agent_brings_is_listed_and_read() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 1).await;
    let work = work(&server, &agent).await;
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let page = artifact(
        &agent,
        &work,
        "report/ü 1.html",
        b"<script>alert(1)</script>",
    )
    .await;
    let data = artifact(&agent, &work, "report/data.bin", &large).await;
    let none = artifact(&agent, &work, "report/empty", b"").await;
    // To bring it again changes nothing.
    assert_eq!(
        artifact(&agent, &work, "report/data.bin", &large).await,
        data
    );
    let listed = server
        .admin()
        .artifacts(work.task, None, &Page::default())
        .await
        .unwrap()
        .items;
    assert_eq!(
        listed,
        [data.clone(), none.clone(), page.clone()],
        "by path"
    );
    assert_eq!(
        (data.size, data.attempt),
        (large.len() as u64, work.attempt)
    );
    let sha256 = Sha256Hex::of(&large).to_string();
    assert_eq!(data.sha256.as_deref(), Some(sha256.as_str()));

    let pieces = server.admin().artifact_content(data.id).await.unwrap();
    let pieces: Vec<_> = pieces.try_collect().await.unwrap();
    assert!(pieces.concat() == large);
    let part = get(&server, &data, Some("bytes=5000000-5000099"), "").await;
    assert_eq!(part.status, 206);
    assert!(part.body == large[5_000_000..5_000_100]);
    let range = format!("bytes 5000000-5000099/{}", large.len());
    assert_eq!(part.header("content-range"), Some(range.as_str()));
    let tail = get(&server, &data, Some("bytes=-7"), "").await;
    assert!(tail.body == large[large.len() - 7..]);
    assert_eq!(
        get(&server, &data, Some("bytes=99999999-"), "")
            .await
            .status,
        416
    );
    let empty = get(&server, &none, None, "").await;
    assert_eq!((empty.status, empty.body.len()), (200, 0));

    // Nothing that a driver wrote runs in anybody's browser.
    let page = get(&server, &page, None, "?inline=true").await;
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .starts_with("sandbox;")
    );
    assert_eq!(
        page.header("content-disposition"),
        Some("attachment; filename*=UTF-8''%C3%BC%201.html")
    );
    // It is there after the attempt.
    agent.finish(&work).await.unwrap();
    assert_eq!(get(&server, &data, None, "").await.body.len(), large.len());
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_as_announced_is_not_kept() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 1).await;
    let work = work(&server, &agent).await;
    let send = async |upload: &ArtifactUpload, bytes: &[u8]| {
        agent.client.put_artifact(upload, file(bytes)).await
    };
    let other = send(&upload(&work, "a", b"four"), b"five")
        .await
        .unwrap_err();
    assert_eq!(code(&other), "invalid", "{other}");
    for (path, wanted) in [
        ("../up", "path"),
        ("/etc/passwd", "path"),
        ("", "path"),
        ("a//b", "path"),
    ] {
        let refused = put(&agent, &work, path, b"x").await.unwrap_err();
        assert_eq!(
            refused.problem().unwrap().field.as_deref(),
            Some(wanted),
            "{path}"
        );
    }
    let huge = ArtifactUpload {
        len: ARTIFACT_BYTES_MAX + 1,
        ..upload(&work, "huge", b"")
    };
    let query = format!(
        "/v1/tasks/artifacts?task={}&attempt={}&path=huge&size={}&sha256={}",
        huge.task, huge.attempt, huge.len, huge.sha256
    );
    let reply = server
        .send(&Request::new("POST", query).token(&agent.secret))
        .await;
    assert_eq!(reply.status, 413);
    assert_eq!(
        server
            .admin()
            .artifacts(work.task, None, &Page::default())
            .await
            .unwrap()
            .items,
        []
    );
    for n in 0..ARTIFACTS_MAX {
        artifact(&agent, &work, &format!("{n}"), b"same").await;
    }
    let over = put(&agent, &work, "one more", b"same").await.unwrap_err();
    assert_eq!(code(&over), "limit_reached", "{over}");
    in_pages(&server, &work).await;
    // In place of one that is there: other bytes, the same id.
    let first = artifact(&agent, &work, "0", b"other").await;
    let listed = server
        .admin()
        .artifacts(work.task, Some(work.attempt), &Page::default())
        .await
        .unwrap();
    assert!(listed.items.contains(&first));
    assert_eq!(listed.items.len(), ARTIFACTS_MAX);
    server.stop().await;
}

/// Page by page there is the same as at once, each once and in order.
async fn in_pages(server: &TestServer, work: &Claimed) {
    let admin = server.admin();
    let whole = admin.artifacts(work.task, None, &Page::default()).await;
    let whole = whole.unwrap();
    assert_eq!((whole.items.len(), &whole.next), (ARTIFACTS_MAX, &None));
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = Page {
            cursor,
            limit: Some(100),
        };
        let list = admin.artifacts(work.task, Some(work.attempt), &page).await;
        let list = list.unwrap();
        assert!(list.items.len() <= 100);
        found.extend(list.items);
        cursor = list.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(found == whole.items);
    let page = Page {
        cursor: Some(work.task.uuid().simple().to_string()),
        limit: None,
    };
    let odd = admin.artifacts(work.task, None, &page).await.unwrap_err();
    assert_eq!(odd.problem().unwrap().field.as_deref(), Some("cursor"));
}

#[tokio::test]
async fn the_hash_of_what_another_org_keeps_is_worth_nothing() {
    const SECRET: &[u8] = b"what only they know";
    let server = TestServer::start().await;
    let theirs = server.agent("default", "one", 1).await;
    let kept = work(&server, &theirs).await;
    artifact(&theirs, &kept, "secret", SECRET).await;

    server.org("other").await;
    let agent = server.agent("other", "two", 1).await;
    let task = CreateTask {
        org: Some("other".to_owned()),
        title: "Guess".to_owned(),
        driver: Some(driver()),
        ..CreateTask::default()
    };
    server.admin().create_task(&task).await.unwrap();
    let work = agent.claim().await;
    // Of the right length and of another: it is as if nobody had it.
    for body in [&b"what only they knew"[..], b"guess", b""] {
        let mut said = Vec::new();
        for named in [SECRET, b"what nobody has"] {
            let upload = ArtifactUpload {
                sha256: Sha256Hex::of(named),
                ..upload(&work, "mine", body)
            };
            let refused = agent.client.put_artifact(&upload, file(body)).await;
            let problem = refused.unwrap_err().problem().unwrap().clone();
            said.push((problem.code, problem.status, problem.field, problem.detail));
        }
        assert_eq!(said[0], said[1]);
        assert_eq!(said[0].0, "invalid");
    }
    let listed = server
        .admin()
        .artifacts(work.task, None, &Page::default())
        .await
        .unwrap();
    assert_eq!(listed.items, []);
    // Who has the bytes may keep them.
    let own = artifact(&agent, &work, "mine", SECRET).await;
    assert_eq!(own.size, SECRET.len() as u64);
    server.stop().await;
}

#[tokio::test]
async fn an_attempt_that_is_over_brings_nothing_more() {
    let server = TestServer::start().await;
    let agent = server.agent("default", "one", 1).await;
    let work = work(&server, &agent).await;
    let kept = artifact(&agent, &work, "kept", b"kept").await;
    agent.finish(&work).await.unwrap();
    let late = put(&agent, &work, "late", b"late").await.unwrap_err();
    assert_eq!(code(&late), "stale_attempt", "{late}");
    // An answer that was lost is given again.
    assert_eq!(artifact(&agent, &work, "kept", b"kept").await, kept);
    server.stop().await;
}

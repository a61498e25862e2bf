//! Logs that were sealed read like live ones.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use devlab_api::agent::Claimed;
use devlab_api::client::{Client, ClientError};
use devlab_api::task::CreateTask;
use devlab_core::AttemptId;
use devlab_orchestrator::BytesConfig;
use devlab_testing::{HandClock, ScriptedAgent, Setup, TestServer};
use futures::{StreamExt, TryStreamExt};

use super::driver;

const HOUR: Duration = Duration::from_secs(3600);
/// Several frames of a blob, and several chunks.
const LEN: usize = 900_011;

/// A server that seals logs when it is told to: an hour after their attempts, by its clock.
async fn server() -> (TestServer, Arc<HandClock>) {
    let clock = Arc::new(HandClock::new());
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        bytes: BytesConfig {
            seal_after: HOUR,
            seal_from: 1,
            ..BytesConfig::default()
        },
        ..Setup::default()
    };
    (TestServer::start_with(setup).await, clock)
}

fn log() -> Vec<u8> {
    let lines = (0..).flat_map(|n| format!("line {n} of a log\n").into_bytes());
    lines.take(LEN).collect()
}

async fn append(agent: &ScriptedAgent, work: &Claimed, offset: usize, bytes: &[u8]) -> u64 {
    let mut at = offset as u64;
    for piece in bytes.chunks(200_003) {
        let chunk = piece.to_vec().into();
        let appended = agent.client.append_log(work.task, work.attempt, at, chunk);
        at = appended.await.unwrap().len;
    }
    at
}

/// A task without a repository, its attempt under way.
async fn work(server: &TestServer, agent: &ScriptedAgent) -> Claimed {
    let task = CreateTask {
        title: "Talk".to_owned(),
        driver: Some(driver()),
        ..CreateTask::default()
    };
    server.admin().create_task(&task).await.unwrap();
    agent.claim().await
}

/// Whether the store has the first byte of a log.
async fn is_live(server: &TestServer, attempt: AttemptId) -> bool {
    let store = server.lab().store();
    let (bytes, _) = store.read_log(attempt, 0, 1).await.unwrap();
    !bytes.is_empty()
}

async fn reads_whole(client: &Client, work: &Claimed, expected: &[u8]) {
    for (offset, limit) in [
        (0, 262_144),
        (262_100, 100_000),
        (500_000, 1),
        (expected.len() - 7, 99),
    ] {
        let part = client.log(work.task, Some(work.attempt), offset as u64, Some(limit));
        let part = part.await.unwrap();
        let limit = usize::try_from(limit).unwrap();
        let to = (offset + limit).min(expected.len());
        assert!(part.bytes == expected[offset..to], "{offset} {limit}");
        assert_eq!(
            (part.offset, part.len),
            (offset as u64, expected.len() as u64)
        );
    }
    let beyond = client
        .log(work.task, None, expected.len() as u64 + 5, None)
        .await
        .unwrap();
    assert_eq!((beyond.bytes.len(), beyond.len), (0, expected.len() as u64));
    let tail = client.log_tail(work.task, None, 3).await.unwrap();
    let text = String::from_utf8(tail.bytes.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(expected.ends_with(&tail.bytes));
    assert_eq!(tail.offset + tail.bytes.len() as u64, tail.len);
    let chunks = pin!(client.follow_log(work.task, work.attempt, 5));
    let chunks: Result<Vec<_>, ClientError> = chunks
        .map(|chunk| chunk.map(|c| c.bytes))
        .try_collect()
        .await;
    assert!(chunks.unwrap().concat() == expected[5..], "followed");
}

#[tokio::test]
async fn a_sealed_log_reads_like_a_live_one_and_goes_on() {
    let (server, clock) = server().await;
    let agent = server.agent("default", "one", 2).await;
    let (log, client) = (log(), server.admin());
    let work = work(&server, &agent).await;
    append(&agent, &work, 0, &log).await;
    clock.advance(HOUR * 3);
    assert_eq!(
        server.lab().seal_logs().await.unwrap(),
        0,
        "its attempt is not over"
    );
    agent.heartbeat(&work).await.unwrap();
    agent.finish(&work).await.unwrap();
    assert_eq!(
        server.lab().seal_logs().await.unwrap(),
        0,
        "not over for long"
    );
    reads_whole(&client, &work, &log).await;
    assert!(is_live(&server, work.attempt).await);

    clock.advance(HOUR * 2);
    // Two servers may look at the same time.
    let lab = server.lab();
    let (one, two) = tokio::join!(lab.seal_logs(), lab.seal_logs());
    assert!(one.unwrap() + two.unwrap() >= 1);
    assert!(!is_live(&server, work.attempt).await);
    assert_eq!(lab.seal_logs().await.unwrap(), 0, "nothing is left to do");
    reads_whole(&client, &work, &log).await;
    let kept = lab
        .read({
            let id = work.attempt;
            move |view| view.kept_log(id)
        })
        .await
        .unwrap()
        .unwrap();
    let lines = log.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    assert_eq!((kept.len, kept.lines), (LEN as u64, lines));

    // What comes late belongs to it, and is sealed with it.
    let late = b" the end\n".repeat(10);
    let len = append(
        &agent,
        &work,
        LEN - 100,
        &[&log[LEN - 100..], &late[..]].concat(),
    )
    .await;
    let whole = [log, late].concat();
    assert_eq!(len, whole.len() as u64);
    reads_whole(&client, &work, &whole).await;
    assert_eq!(lab.seal_logs().await.unwrap(), 1);
    let (bytes, _) = lab
        .store()
        .read_log(work.attempt, LEN as u64, 1)
        .await
        .unwrap();
    assert!(bytes.is_empty(), "dropped");
    reads_whole(&client, &work, &whole).await;

    let server = server.restart().await;
    reads_whole(&server.admin(), &work, &whole).await;
    server.stop().await;
}

#[tokio::test]
async fn a_log_of_nobody_and_a_log_of_nothing_are_settled_too() {
    let (server, clock) = server().await;
    let agent = server.agent("default", "one", 2).await;
    let (quiet, loud) = (work(&server, &agent).await, work(&server, &agent).await);
    append(&agent, &loud, 0, b"no line end").await;
    agent.fail(&loud, "exit code 1").await.unwrap();
    agent.finish(&quiet).await.unwrap();
    clock.advance(HOUR * 2);
    server.lab().seal_logs().await.unwrap();
    let client = server.admin();
    let empty = client.log(quiet.task, None, 0, None).await.unwrap();
    assert_eq!((empty.bytes.len(), empty.len), (0, 0));
    let short = client.log_tail(loud.task, None, 9).await.unwrap();
    assert_eq!(
        (short.bytes.as_ref(), short.offset),
        (b"no line end".as_slice(), 0)
    );
    assert!(!is_live(&server, loud.attempt).await);
    let zero = client.log_tail(loud.task, None, 0).await.unwrap_err();
    assert_eq!(zero.problem().unwrap().field.as_deref(), Some("tail"));
    server.stop().await;
}

//! What was acknowledged survives a killed process.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use devlab_core::AttemptId;
use devlab_store::StoreExt;
use futures::future::join_all;

use crate::lab::open;

/// Names the folder for the child; without it the child's test does nothing.
const CHILD_DIR: &str = "DEVLAB_STORE_TEST_DIR";
/// Acknowledgements after which the child is killed: enough for many commits.
const ACKNOWLEDGED: usize = 500;
/// Writers of the child that wait at one time.
const TOGETHER: usize = 16;

/// Not a test by itself: what the process that is killed does.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test that starts itself as a child has no other way to tell it so"
)]
async fn child_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let store = open(dir.as_ref()).unwrap();
    let attempt = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
    let writers = (0..TOGETHER).map(|writer| {
        let store = &store;
        async move {
            for n in (writer..).step_by(TOGETHER) {
                let key = n.to_string();
                store
                    .write(move |tx| tx.put_setting(&key, "written"))
                    .await
                    .unwrap();
                if writer == 0 {
                    let at = (n / TOGETHER) as u64;
                    store.append_log(attempt, at, vec![b'x']).await.unwrap();
                }
                // One write call for a line, so that the parent never sees half of one.
                let line = format!("\nack {n}\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        }
    });
    join_all(writers).await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "durability::child_writes_until_it_is_killed"])
            .args(["--nocapture", "--test-threads", "1"])
            .env(CHILD_DIR, dir.path().join(round.to_string()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = Vec::new();
        for line in lines {
            let line = line.unwrap();
            acknowledged.extend(
                line.strip_prefix("ack ")
                    .map(|n| n.parse::<usize>().unwrap()),
            );
            if acknowledged.len() == ACKNOWLEDGED + round * 37 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(
            acknowledged.len() >= ACKNOWLEDGED,
            "the child was killed too early"
        );
        let store = open(&dir.path().join(round.to_string())).unwrap();
        let log = acknowledged.iter().filter(|n| *n % TOGETHER == 0).count() as u64;
        store
            .read(move |view| {
                for n in acknowledged {
                    let found = view.setting(&n.to_string())?;
                    assert_eq!(found.as_deref(), Some("written"), "{n} was acknowledged");
                }
                Ok(())
            })
            .await
            .unwrap();
        let attempt = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
        let (_, len) = store.read_log(attempt, 0, 0).await.unwrap();
        assert!(len >= log, "{len} of {log} bytes");
        store.close().await.unwrap();
    }
}

/// Without a checkpoint the log would hold everything that was written.
#[tokio::test]
async fn the_write_ahead_log_stays_short_while_writing_goes_on() {
    const VALUE_BYTES: usize = 100_000;
    const WRITES: u64 = 600;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for _ in 0..WRITES {
        let value = "x".repeat(VALUE_BYTES);
        store
            .write(move |tx| tx.put_setting("key", &value))
            .await
            .unwrap();
    }
    let log = dir.path().join("devlab.sqlite-wal");
    let len = std::fs::metadata(log).unwrap().len();
    let written = WRITES * VALUE_BYTES as u64;
    assert!(len < written / 2, "{len} of {written} bytes are in the log");
    store.close().await.unwrap();
}

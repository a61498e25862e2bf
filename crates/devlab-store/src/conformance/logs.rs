//! Logs of attempts.

use devlab_core::limits::{LOG_BYTES_MAX, LOG_CHUNK_BYTES_MAX};
use devlab_core::{AttemptId, Error, Refusal};
use futures::future::join_all;

use super::Lab;
use super::fixtures::id;
use crate::{SETTLE_CHUNKS_MAX, Settled};

pub(super) async fn append(lab: Lab) {
    let attempt: AttemptId = id(1);
    let append =
        async |offset, bytes: &[u8]| lab.store.append_log(attempt, offset, bytes.to_vec()).await;
    assert_eq!(append(0, b"hello").await.unwrap(), 5);
    assert_eq!(
        append(0, b"hello").await.unwrap(),
        5,
        "a repeated chunk is ignored"
    );
    assert_eq!(
        append(2, b"llo, you").await.unwrap(),
        10,
        "an overlap adds what is new"
    );
    assert_eq!(append(10, b"").await.unwrap(), 10);
    let gap = append(11, b"x").await;
    assert!(
        matches!(gap, Err(Error::Refused(Refusal::LogGap { expected: 10 }))),
        "{gap:?}"
    );
    let beyond = append(LOG_BYTES_MAX + 1, b"x").await;
    assert!(matches!(
        beyond,
        Err(Error::Refused(Refusal::LogGap { .. }))
    ));
    let read = lab.store.read_log(attempt, 0, 100).await.unwrap();
    assert_eq!(read, (b"hello, you".to_vec(), 10));
    let other = lab.store.read_log(id(2), 0, 100).await.unwrap();
    assert_eq!(other, (Vec::new(), 0));
}

pub(super) async fn ranges(lab: Lab) {
    let attempt: AttemptId = id(1);
    let big: Vec<u8> = (0..LOG_CHUNK_BYTES_MAX * 2 + 77)
        .map(|n| u8::try_from(n % 251).unwrap())
        .collect();
    let mut at = 0;
    for piece in [&big[..1], &big[1..1000], &big[1000..]] {
        at = lab
            .store
            .append_log(attempt, at, piece.to_vec())
            .await
            .unwrap();
    }
    assert_eq!(at, big.len() as u64);
    for (from, max) in [
        (0, 1),
        (0, 1000),
        (1, 999),
        (500, LOG_CHUNK_BYTES_MAX + 5),
        (0, usize::MAX),
        (big.len() - 3, 100),
        (big.len(), 100),
        (big.len() + 9, 100),
        (7, 0),
    ] {
        let (bytes, len) = lab.store.read_log(attempt, from as u64, max).await.unwrap();
        let from = from.min(big.len());
        let expected = &big[from..from.saturating_add(max).min(big.len())];
        assert_eq!((bytes.as_slice(), len), (expected, at), "{from} {max}");
    }
}

/// Many attempts write at once; each log is whole.
pub(super) async fn concurrency(lab: Lab) {
    let logs = (0..20_u32).map(|n| {
        let store = &lab.store;
        async move {
            for chunk in 0..20_u64 {
                let text = format!("{n:03}");
                let len = store.append_log(id(n), chunk * 3, text.into()).await;
                assert_eq!(len.unwrap(), chunk * 3 + 3);
            }
        }
    });
    join_all(logs).await;
    for n in 0..20_u32 {
        let (bytes, len) = lab.store.read_log(id(n), 0, 100).await.unwrap();
        assert_eq!(
            (bytes, len),
            (format!("{n:03}").repeat(20).into_bytes(), 60)
        );
    }
}

/// What is settled is dropped step by step; a log that has grown is left alone.
pub(super) async fn settling(lab: Lab) {
    let (long, short): (AttemptId, AttemptId) = (id(1), id(2));
    let chunks = u64::from(SETTLE_CHUNKS_MAX) + 3;
    for n in 0..chunks {
        let append = lab.store.append_log(long, n * 4, b"four".to_vec());
        assert_eq!(append.await.unwrap(), n * 4 + 4);
    }
    lab.store.append_log(short, 0, b"x".to_vec()).await.unwrap();
    let len = chunks * 4;
    let open = lab.store.open_logs(None, 10).await.unwrap();
    assert_eq!(open, [(long, len), (short, 1)]);
    assert_eq!(
        lab.store.open_logs(Some(long), 10).await.unwrap(),
        [(short, 1)]
    );
    assert_eq!(lab.store.open_logs(None, 1).await.unwrap(), [(long, len)]);

    let settle = async |attempt, len, to| lab.store.settle_log(attempt, len, to).await.unwrap();
    assert_eq!(settle(long, len - 1, len - 1).await, Settled::Grown);
    assert_eq!(
        lab.store.read_log(long, 0, 4).await.unwrap(),
        (b"four".to_vec(), len)
    );
    assert_eq!(settle(long, len, len).await, Settled::More);
    let (rest, known) = lab.store.read_log(long, len - 12, 100).await.unwrap();
    assert_eq!((rest.len(), known), (12, len), "the end is still there");
    assert_eq!(
        lab.store.read_log(long, 0, 4).await.unwrap(),
        (Vec::new(), len)
    );
    assert_eq!(settle(long, len, len).await, Settled::Done);
    assert_eq!(settle(long, len, len).await, Settled::Done);
    assert_eq!(
        lab.store.read_log(long, len - 1, 4).await.unwrap(),
        (Vec::new(), len)
    );
    // Settled with its bytes left where they are.
    assert_eq!(settle(short, 1, 0).await, Settled::Done);
    assert_eq!(
        lab.store.read_log(short, 0, 4).await.unwrap(),
        (b"x".to_vec(), 1)
    );
    assert_eq!(lab.store.open_logs(None, 10).await.unwrap(), []);
    late(&lab, long, len).await;
    // A log that is removed can begin anew.
    for _ in 0..2 {
        lab.store.remove_log(long).await.unwrap();
        assert_eq!(lab.store.read_log(long, 0, 4).await.unwrap(), (vec![], 0));
    }
    assert_eq!(lab.store.open_logs(None, 10).await.unwrap(), []);
    lab.store.append_log(long, 0, b"x".to_vec()).await.unwrap();
    let other = lab.store.read_log(short, 0, 4).await.unwrap();
    assert_eq!(other, (b"x".to_vec(), 1));
}

/// What comes late goes on where the log ended, and opens it.
async fn late(lab: &Lab, long: AttemptId, len: u64) {
    assert_eq!(
        lab.store
            .append_log(long, len - 4, b"fourfive".to_vec())
            .await
            .unwrap(),
        len + 4
    );
    assert_eq!(
        lab.store.open_logs(None, 10).await.unwrap(),
        [(long, len + 4)]
    );
    assert_eq!(
        lab.store.read_log(long, len, 9).await.unwrap(),
        (b"five".to_vec(), len + 4)
    );
    assert_eq!(
        lab.store.read_log(long, len - 2, 9).await.unwrap(),
        (Vec::new(), len + 4)
    );
    let gap = lab.store.append_log(long, len + 5, b"x".to_vec()).await;
    assert!(
        matches!(gap, Err(Error::Refused(Refusal::LogGap { .. }))),
        "{gap:?}"
    );
    let none = lab.store.settle_log(id(77), 0, 0).await.unwrap();
    assert_eq!(none, Settled::Done, "there is no such log");
}

//! Logs of attempts.

use devlab_core::limits::{LOG_BYTES_MAX, LOG_CHUNK_BYTES_MAX};
use devlab_core::{AttemptId, Error, Refusal};
use futures::future::join_all;

use super::Lab;
use super::fixtures::id;

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

//! What every place of blobs has to do.

use std::sync::Arc;

use bytes::Bytes;
use devlab_store::blobs::{BlobErrorKind, BlobStore};
use futures::{StreamExt, TryStreamExt, stream};

use super::{digest, noise, pieces, text};

/// More than one part of an upload, stored.
const MANY_PARTS: usize = 20 * 1024 * 1024;

/// All of it, on a place that is empty.
pub(crate) async fn run(blobs: &Arc<BlobStore>) {
    blobs.probe().await.unwrap();
    belongs_to_one_lab(blobs).await;
    puts_and_reads(blobs).await;
    refuses_other_content(blobs).await;
    takes_many_parts(blobs).await;
    lists_and_removes(blobs).await;
}

async fn belongs_to_one_lab(blobs: &Arc<BlobStore>) {
    assert!(blobs.is_empty().await.unwrap());
    assert_eq!(blobs.owner().await.unwrap(), None);
    // Of several that say so at one time it is one's, and all of them hear whose.
    let (one, two) = tokio::join!(blobs.claim("one"), blobs.claim("two"));
    let (owner, other) = (one.unwrap(), two.unwrap());
    assert_eq!(owner, other);
    assert!(["one", "two"].contains(&owner.as_str()), "{owner}");
    assert_eq!(blobs.claim("three").await.unwrap(), owner);
    blobs.take_over("three").await.unwrap();
    assert_eq!(blobs.owner().await.unwrap().as_deref(), Some("three"));
    assert_eq!(blobs.claim(&owner).await.unwrap(), "three");
    assert!(blobs.is_empty().await.unwrap(), "that is no blob");
}

async fn puts_and_reads(blobs: &Arc<BlobStore>) {
    let content = text(1_000_003);
    let name = digest(&content);
    let missing = blobs.read(&name, 0, 10).await.unwrap_err();
    assert_eq!(missing.kind, BlobErrorKind::Missing, "{missing}");
    assert_eq!(blobs.stat(&name).await.unwrap(), None);
    let put = blobs.put(&name, pieces(&content)).await.unwrap();
    assert_eq!((&put.digest, put.len), (&name, 1_000_003));
    assert!(put.stored < put.len / 2, "{put:?}");
    assert_eq!(blobs.stat(&name).await.unwrap().unwrap(), put);
    assert_eq!(blobs.put(&name, pieces(&content)).await.unwrap(), put);
    knows_it_by_its_bytes_only(blobs, &content).await;
    for (offset, max) in [
        (0, 1),
        (0, 262_144),
        (262_143, 2),
        (999_999, 100),
        (1_000_003, 5),
        (2_000_000, 5),
        (700_000, 0),
        (1, usize::MAX),
    ] {
        let (bytes, len) = blobs.read(&name, offset as u64, max).await.unwrap();
        let from = offset.min(content.len());
        let to = from.saturating_add(max).min(content.len());
        assert!(bytes == content[from..to], "{offset} {max}");
        assert_eq!(len, 1_000_003);
    }
    let streamed: Vec<Bytes> = blobs.stream(&name).try_collect().await.unwrap();
    assert!(streamed.concat() == content);
    assert_eq!(blobs.verify(&name).await.unwrap(), put);
    let nothing = blobs.put_bytes(Bytes::new()).await.unwrap();
    assert_eq!(
        blobs.read(&nothing.digest, 0, 9).await.unwrap(),
        (Vec::new(), 0)
    );
}

/// Who names the hash of content that is there, and does not have it, is told what he would be told
/// if it were not there.
async fn knows_it_by_its_bytes_only(blobs: &Arc<BlobStore>, content: &[u8]) {
    let (there, absent) = (digest(content), digest(b"nowhere"));
    for came in [&b""[..], &b"guess"[..], &content[..content.len() - 1]] {
        let mut said = Vec::new();
        for name in [&there, &absent] {
            let error = blobs.put(name, pieces(came)).await.unwrap_err();
            assert_eq!(error.kind, BlobErrorKind::Mismatch, "{error}");
            said.push(error.to_string().replace(name.as_str(), "NAME"));
        }
        assert_eq!(said[0], said[1]);
    }
    let cut = pieces(content).chain(stream::iter([Err(std::io::Error::other("cut"))]));
    let cut = blobs.put(&there, cut).await.unwrap_err();
    assert_eq!(cut.kind, BlobErrorKind::Source, "{cut}");
}

async fn refuses_other_content(blobs: &Arc<BlobStore>) {
    let announced = digest(b"announced");
    let came = pieces(b"what came");
    let mismatch = blobs.put(&announced, came).await.unwrap_err();
    assert_eq!(mismatch.kind, BlobErrorKind::Mismatch, "{mismatch}");
    assert_eq!(blobs.stat(&announced).await.unwrap(), None);
    // The same after parts have gone up.
    let long = pieces(&noise(MANY_PARTS));
    let mismatch = blobs.put(&announced, long).await.unwrap_err();
    assert_eq!(mismatch.kind, BlobErrorKind::Mismatch, "{mismatch}");
    let cut = pieces(&noise(MANY_PARTS)).chain(stream::iter([Err(std::io::Error::other("cut"))]));
    let cut = blobs.put(&announced, cut).await.unwrap_err();
    assert_eq!(cut.kind, BlobErrorKind::Source, "{cut}");
    assert_eq!(blobs.stat(&announced).await.unwrap(), None);
}

async fn takes_many_parts(blobs: &Arc<BlobStore>) {
    let content = noise(MANY_PARTS);
    let name = digest(&content);
    let put = blobs.put(&name, pieces(&content)).await.unwrap();
    assert_eq!(put.len, content.len() as u64);
    let (tail, len) = blobs.read(&name, put.len - 1000, 2000).await.unwrap();
    assert!(tail == content[content.len() - 1000..]);
    assert_eq!(len, put.len);
    blobs.verify(&name).await.unwrap();
}

async fn lists_and_removes(blobs: &Arc<BlobStore>) {
    let one = blobs.put_bytes(Bytes::from_static(b"one")).await.unwrap();
    let two = blobs.put_bytes(Bytes::from_static(b"two")).await.unwrap();
    let listed: Vec<_> = blobs.list().try_collect().await.unwrap();
    for blob in [&one, &two] {
        let found = listed.iter().find(|listed| listed.digest == blob.digest);
        assert_eq!(found.unwrap().stored, blob.stored);
    }
    blobs.delete(&one.digest).await.unwrap();
    blobs.delete(&one.digest).await.unwrap();
    assert_eq!(blobs.stat(&one.digest).await.unwrap(), None);
    let gone = blobs.read(&one.digest, 0, 1).await.unwrap_err();
    assert_eq!(gone.kind, BlobErrorKind::Missing);
    assert!(blobs.stat(&two.digest).await.unwrap().is_some());
    let health = blobs.health();
    assert!(health.good > 0 && health.failed == 0, "{health:?}");
}

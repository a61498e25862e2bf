//! Blobs at a server that speaks S3 and, when told, fails.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use devlab_store::blobs::{BlobErrorKind, BlobPlace, BlobStore, S3Keys, S3Options, S3Patience};

use super::fake_s3::{FakeS3, Trouble};
use super::{digest, noise, pieces, suite, text};

/// Patience that a test has time for.
const PATIENCE: S3Patience = S3Patience {
    connect: Duration::from_millis(500),
    silence: Duration::from_millis(800),
    request: Duration::from_secs(5),
    retries: 3,
    retry_for: Duration::from_secs(8),
};

pub(crate) fn options(endpoint: String) -> S3Options {
    S3Options {
        bucket: "lab".to_owned(),
        prefix: "some/prefix".to_owned(),
        endpoint: Some(endpoint),
        region: "us-east-1".to_owned(),
        keys: Some(S3Keys {
            access_key: "key".to_owned(),
            secret_key: "hush".to_owned(),
            session_token: None,
        }),
        allow_http: false,
        patience: PATIENCE,
    }
}

fn open(server: &FakeS3) -> Arc<BlobStore> {
    BlobStore::open(&BlobPlace::S3(Box::new(options(server.url())))).unwrap()
}

#[tokio::test]
async fn a_bucket_does_what_every_place_does() {
    let server = FakeS3::start().await;
    suite::run(&open(&server)).await;
    let names = server.names();
    assert!(!names.is_empty());
    let own = "lab/some/prefix/lab";
    for name in names.iter().filter(|name| *name != own) {
        assert!(name.starts_with("lab/some/prefix/sha256/"), "{name}");
    }
    assert!(names.iter().any(|name| name == own), "{names:?}");
    assert_eq!(server.open_uploads(), 0, "a failed upload is taken back");
}

#[tokio::test]
async fn a_range_fetches_the_table_and_its_frames_only() {
    let server = FakeS3::start().await;
    let content = noise(16 * 1024 * 1024);
    let name = digest(&content);
    open(&server).put(&name, pieces(&content)).await.unwrap();
    let blobs = open(&server);
    let before = server.sent();
    let (tail, _) = blobs
        .read(&name, content.len() as u64 - 4096, 4096)
        .await
        .unwrap();
    assert!(tail == content[content.len() - 4096..]);
    let sent = server.sent() - before;
    assert!(sent < 400_000, "{sent} bytes for a tail of 4096");
    // The table is known now.
    let (requests, before) = (server.requests(), server.sent());
    blobs.read(&name, 0, 10).await.unwrap();
    assert_eq!(server.requests() - requests, 1);
    assert!(server.sent() - before < 300_000);
}

#[tokio::test]
async fn trouble_that_passes_is_waited_for() {
    for trouble in [
        Trouble::Status(500),
        Trouble::Status(503),
        Trouble::Hang,
        Trouble::CutBody,
        Trouble::Close,
    ] {
        let server = FakeS3::start().await;
        let blobs = open(&server);
        let content = text(500_000);
        let name = digest(&content);
        server.fail(trouble, 2);
        let put = blobs.put(&name, pieces(&content)).await;
        assert_eq!(put.unwrap().len, 500_000, "{trouble:?}");
        let fresh = open(&server);
        server.fail(trouble, 2);
        let (bytes, _) = fresh.read(&name, 100, 200_000).await.unwrap();
        assert!(bytes == content[100..200_100], "{trouble:?}");
    }
}

#[tokio::test]
async fn an_upload_whose_end_was_not_heard_is_there() {
    let server = FakeS3::start().await;
    let blobs = open(&server);
    let content = noise(10 * 1024 * 1024);
    let name = digest(&content);
    server.fail(Trouble::LoseEnd, 1);
    let put = blobs.put(&name, pieces(&content)).await.unwrap();
    assert_eq!(put.len, content.len() as u64);
    assert_eq!(server.open_uploads(), 0);
    blobs.verify(&name).await.unwrap();
}

#[tokio::test]
async fn trouble_that_stays_ends_within_a_bound_and_says_what_to_do() {
    for (trouble, kind) in [
        (Trouble::Status(503), BlobErrorKind::Unreachable),
        (Trouble::Hang, BlobErrorKind::Unreachable),
        (Trouble::Close, BlobErrorKind::Unreachable),
        (Trouble::Status(403), BlobErrorKind::Denied),
        (Trouble::Status(400), BlobErrorKind::Other),
    ] {
        let server = FakeS3::start().await;
        let blobs = open(&server);
        server.fail(trouble, usize::MAX);
        let tried = tokio::time::timeout(
            Duration::from_secs(30),
            blobs.put_bytes(Bytes::from_static(b"content")),
        );
        let error = tried.await.expect("it ends").unwrap_err();
        assert_eq!(error.kind, kind, "{trouble:?}: {error}");
        let said = error.to_string();
        assert!(!said.contains("hush"), "{said}");
        assert!(said.contains("; "), "{said}");
        let health = blobs.health();
        assert!(health.failed > 0 && health.trouble.is_some(), "{health:?}");
        // It comes back, and so does the store.
        server.fail(trouble, 0);
        blobs
            .put_bytes(Bytes::from_static(b"content"))
            .await
            .unwrap();
        assert_eq!(blobs.health().trouble, None);
    }
}

#[tokio::test]
async fn a_server_that_knows_no_conditions_can_be_claimed_too() {
    let server = FakeS3::start().await;
    let blobs = open(&server);
    server.fail(Trouble::NoConditions, usize::MAX);
    assert_eq!(blobs.claim("one").await.unwrap(), "one");
    assert_eq!(blobs.claim("two").await.unwrap(), "one");
    // One that cannot be asked is nobody's yet.
    server.fail(Trouble::Status(403), usize::MAX);
    let error = blobs.claim("two").await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Denied, "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_said_at_once() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let blobs = BlobStore::open(&BlobPlace::S3(Box::new(options(endpoint)))).unwrap();
    let error = blobs.probe().await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Unreachable);
    assert!(error.to_string().contains("AWS_ENDPOINT_URL"), "{error}");
}

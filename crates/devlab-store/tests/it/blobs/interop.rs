//! Blobs at a real S3 server: Versity's gateway on a folder. `make interop-s3` builds it and says
//! where it is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use devlab_store::blobs::{BlobErrorKind, BlobPlace, BlobStore, S3Keys, S3Options};
use devlab_store::conformance::gateway::Gateway;
use rustix::process::Signal;

use super::s3::options;
use super::{digest, noise, pieces, suite, text};

/// Where the blobs are in the bucket.
const PREFIX: &str = "some/prefix";

/// A gateway that answers.
async fn gateway() -> Gateway {
    let gateway = Gateway::start();
    answers(&gateway).await;
    gateway
}

/// Starts it again.
async fn again(gateway: &mut Gateway) {
    gateway.run();
    answers(gateway).await;
}

async fn answers(gateway: &Gateway) {
    let blobs = open_at(gateway);
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    while let Err(error) = blobs.probe().await {
        let is_over = tokio::time::Instant::now() > until;
        assert!(!is_over, "the gateway does not answer: {error}");
    }
}

fn open_at(gateway: &Gateway) -> Arc<BlobStore> {
    open(options(gateway.url()))
}

fn open(options: S3Options) -> Arc<BlobStore> {
    BlobStore::open(&BlobPlace::S3(Box::new(options))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_a_real_server_does_what_every_place_does() {
    let gateway = gateway().await;
    suite::run(&open_at(&gateway)).await;
    assert!(gateway.blobs(PREFIX) > 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_a_restart_loses_nothing() {
    let mut gateway = gateway().await;
    let blobs = open_at(&gateway);
    let content = text(700_000);
    let name = digest(&content);
    let put = blobs.put(&name, pieces(&content)).await.unwrap();
    gateway.kill();
    // It is away for longer than a call waits.
    let away = blobs.verify(&name).await.unwrap_err();
    assert_eq!(away.kind, BlobErrorKind::Unreachable, "{away}");
    again(&mut gateway).await;
    assert_eq!(blobs.verify(&name).await.unwrap(), put);
    assert_eq!(blobs.health().trouble, None);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_an_upload_that_is_killed_half_way_is_whole_or_absent() {
    let mut gateway = gateway().await;
    let content = noise(40 * 1024 * 1024);
    let name = digest(&content);
    for after_ms in [5, 40, 120, 300] {
        let blobs = open_at(&gateway);
        let (uploader, content) = (Arc::clone(&blobs), content.clone());
        let wanted = name.clone();
        let upload = async move { uploader.put(&wanted, pieces(&content)).await };
        let tracker = tokio_util::task::TaskTracker::new();
        let upload = tracker.spawn(upload);
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        gateway.kill();
        again(&mut gateway).await;
        let outcome = upload.await.unwrap();
        match blobs.stat(&name).await.unwrap() {
            Some(_) => drop(blobs.verify(&name).await.unwrap()),
            None => assert!(outcome.is_err(), "{after_ms}: said to be there"),
        }
        blobs
            .put(&name, pieces(&noise(40 * 1024 * 1024)))
            .await
            .unwrap();
        blobs.verify(&name).await.unwrap();
        blobs.delete(&name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_a_server_that_pauses_is_waited_for_within_a_bound() {
    let gateway = gateway().await;
    let blobs = open_at(&gateway);
    let put = blobs
        .put_bytes(Bytes::from_static(b"content"))
        .await
        .unwrap();
    gateway.signal(Signal::STOP);
    let (read, ()) = tokio::join!(blobs.verify(&put.digest), async {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        gateway.signal(Signal::CONT);
    });
    assert_eq!(read.unwrap(), put);
    gateway.signal(Signal::STOP);
    let stuck = tokio::time::timeout(Duration::from_secs(40), blobs.verify(&put.digest)).await;
    gateway.signal(Signal::CONT);
    let error = stuck.expect("it ends").unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Unreachable, "{error}");
    assert_eq!(blobs.verify(&put.digest).await.unwrap(), put);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_a_wrong_key_and_a_wrong_bucket_are_said() {
    let gateway = gateway().await;
    let wrong = S3Options {
        keys: Some(S3Keys {
            access_key: "key".to_owned(),
            secret_key: "wrong".to_owned(),
            session_token: None,
        }),
        ..options(gateway.url())
    };
    let error = open(wrong).probe().await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Denied, "{error}");
    assert!(!error.to_string().contains("wrong"), "{error}");
    let elsewhere = S3Options {
        bucket: "no-such-bucket".to_owned(),
        ..options(gateway.url())
    };
    let error = open(elsewhere).probe().await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Config, "{error}");
    assert!(error.to_string().contains("NoSuchBucket"), "{error}");
}

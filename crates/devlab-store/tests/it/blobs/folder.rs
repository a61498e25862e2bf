//! Blobs in a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use devlab_core::Timestamp;
use devlab_store::blobs::{BlobErrorKind, BlobPlace, BlobStore};
use futures::TryStreamExt;

use super::{noise, suite, text};

fn open(dir: &Path) -> Arc<BlobStore> {
    BlobStore::open(&BlobPlace::Folder(dir.to_owned())).unwrap()
}

/// The file of the only blob.
fn only_file(dir: &Path) -> PathBuf {
    let inside = |dir: &Path| fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    inside(&inside(&dir.join("sha256")))
}

#[tokio::test]
async fn a_folder_does_what_every_place_does() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("deep/blobs");
    suite::run(&open(&place)).await;
    let mode = fs::metadata(&place).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn damage_is_noticed_and_put_right_by_the_next_put() {
    let dir = tempfile::tempdir().unwrap();
    let content = Bytes::from(text(600_000));
    let put = open(dir.path()).put_bytes(content.clone()).await.unwrap();
    let file = only_file(dir.path());
    let whole = fs::read(&file).unwrap();

    // A bit in the second frame: what lies in the first is still good.
    let mut bad = whole.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&file, &bad).unwrap();
    let blobs = open(dir.path());
    assert!(blobs.read(&put.digest, 0, 100).await.is_ok());
    let error = blobs.read(&put.digest, 300_000, 100).await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Damaged, "{error}");
    let error = blobs.verify(&put.digest).await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Damaged, "{error}");
    assert!(blobs.health().trouble.is_some());

    // A file that lost its end, or all of it.
    for length in [whole.len() - 1, 20, 0] {
        fs::write(&file, &whole[..length]).unwrap();
        let error = blobs.stat(&put.digest).await.unwrap_err();
        assert_eq!(error.kind, BlobErrorKind::Damaged, "{length}: {error}");
        assert_eq!(blobs.put_bytes(content.clone()).await.unwrap(), put);
        assert_eq!(blobs.verify(&put.digest).await.unwrap(), put);
    }

    // Another blob under its name: each frame is good, the hash is not.
    let other = open(dir.path())
        .put_bytes(Bytes::from(noise(5)))
        .await
        .unwrap();
    let (short, name) = (&other.digest.to_string()[..2], other.digest.to_string());
    let other = dir.path().join("sha256").join(short).join(name);
    fs::copy(other, &file).unwrap();
    let error = blobs.verify(&put.digest).await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Damaged, "{error}");
}

#[tokio::test]
async fn what_a_cut_upload_left_is_swept_when_it_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let put = blobs.put_bytes(Bytes::from_static(b"kept")).await.unwrap();
    let file = only_file(dir.path());
    let mut cut = file.clone().into_os_string();
    cut.push("#1");
    fs::write(&cut, "half").unwrap();
    let at = |secs: i64| Timestamp::from_millis(secs * 1000);
    assert_eq!(
        blobs.sweep(at(1_000)).await.unwrap(),
        0,
        "it may be under way"
    );
    assert!(Path::new(&cut).exists());
    assert_eq!(blobs.sweep(at(32_503_680_000)).await.unwrap(), 1);
    assert!(!Path::new(&cut).exists());
    let left: Vec<_> = blobs.list().try_collect().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].digest, put.digest);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_says_which() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = BlobStore::open(&BlobPlace::Folder(file.join("blobs"))).unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.contains("file/blobs") && text.contains("DEVLAB_BLOBS"),
        "{text}"
    );
}

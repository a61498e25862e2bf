//! One place of blobs, and several labs that are told to use it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use devlab_core::Refusal;
use devlab_core::check::Sha256Hex;
use devlab_orchestrator::archive::offer_place;
use devlab_orchestrator::{Error, Lab, NewArtifact};
use devlab_store::blobs::{BlobPlace, BlobStore};
use futures::stream;

use super::bench_lab::{TestLab, leaf, open_lab_at};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A blob that nothing names, put so long ago.
async fn loose(blobs: &BlobStore, place: &Path, content: &'static str, age: Duration) -> Sha256Hex {
    let put = blobs.put_bytes(Bytes::from_static(content.as_bytes()));
    let digest = put.await.unwrap().digest;
    let name = digest.to_string();
    let file = std::fs::File::options()
        .write(true)
        .open(place.join("sha256").join(&name[..2]).join(&name))
        .unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + now().saturating_sub(age))
        .unwrap();
    digest
}

/// Time since the epoch, by the machine's clock.
fn now() -> Duration {
    let now = devlab_core::Clock::now(&devlab_core::SystemClock::new());
    Duration::from_millis(u64::try_from(now.as_millis()).unwrap())
}

async fn has(lab: &Lab, blob: &Sha256Hex) -> bool {
    lab.blobs().stat(blob).await.unwrap().is_some()
}

/// Nothing is removed from the place nor put into it, and it says why.
async fn refused(lab: &Lab, why: &str) {
    for outcome in [lab.collect_blobs().await, lab.seal_logs().await] {
        let said = outcome.unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
        assert!(said.contains(lab.blobs().place()), "{said}");
        assert!(said.contains("DEVLAB_BLOBS"), "{said}");
    }
}

#[tokio::test]
async fn what_another_lab_keeps_is_left_and_what_is_young_too() {
    let (one_dir, two_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = one_dir.path().join("blobs");
    let one = open_lab_at(one_dir.path(), &place).await;
    assert_eq!(one.collect_blobs().await.unwrap(), 0);
    let old = loose(one.blobs(), &place, "old", DAY * 2).await;
    let young = loose(one.blobs(), &place, "young", DAY / 2).await;
    // To this lab all of it is loose.
    let two = open_lab_at(two_dir.path(), &place).await;
    refused(&two, "another lab").await;
    assert!(has(&one, &old).await && has(&one, &young).await);
    // The lab whose place it is goes on, after a restart too.
    one.store().close().await.unwrap();
    drop(one);
    let one = open_lab_at(one_dir.path(), &place).await;
    assert_eq!(one.collect_blobs().await.unwrap(), 1);
    assert!(!has(&one, &old).await && has(&one, &young).await);
}

#[tokio::test]
async fn a_place_with_the_bytes_of_somebody_unknown_is_not_claimed() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("blobs");
    let blobs = BlobStore::open(&BlobPlace::Folder(place.clone())).unwrap();
    let theirs = loose(&blobs, &place, "theirs", DAY * 9).await;
    let lab = open_lab_at(dir.path(), &place).await;
    refused(&lab, "does not know").await;
    let offered = offer_place(&blobs, false).await.unwrap_err();
    assert!(offered.to_string().contains("--take-blobs"), "{offered}");
    assert!(has(&lab, &theirs).await);
    assert_eq!(blobs.owner().await.unwrap(), None);
    // As the words say: it was emptied.
    blobs.delete(&theirs).await.unwrap();
    assert_eq!(lab.collect_blobs().await.unwrap(), 0);
    assert!(blobs.owner().await.unwrap().is_some());
}

#[tokio::test]
async fn a_place_without_a_mark_is_claimed_by_the_lab_that_names_what_it_has() {
    let bench = TestLab::new(&[("README", "hello\n")]).await;
    bench.schedule(leaf("one", &[])).await;
    let got = bench.claim().await;
    let bring = async |path: &str, content: &'static [u8]| {
        let new = NewArtifact {
            task: got.attempt.task,
            attempt: got.attempt.id,
            path: path.to_owned(),
            sha256: Sha256Hex::of(content),
            len: content.len() as u64,
        };
        let source = stream::iter([Ok(Bytes::from_static(content))]);
        bench.lab.put_artifact(&bench.who, new, source).await
    };
    let kept = bring("kept", b"kept").await.unwrap().blob.unwrap();
    let blobs = bench.lab.blobs();
    let own = blobs.owner().await.unwrap().unwrap();
    // As it was before places had owners.
    std::fs::remove_file(bench.dir.path().join("blobs/lab")).unwrap();
    bench.lab.collect_blobs().await.unwrap();
    assert_eq!(blobs.owner().await.unwrap().as_ref(), Some(&own));

    // A restored lab takes it only if a person says so, and only when it is complete.
    let refused_so_far = offer_place(blobs, false).await.unwrap_err();
    let said = refused_so_far.to_string();
    assert!(
        said.contains("another lab") && said.contains("--take-blobs"),
        "{said}"
    );
    offer_place(blobs, true).await.unwrap();
    assert_eq!(blobs.owner().await.unwrap(), Some(own));
    blobs.take_over("restored").await.unwrap();
    // The lab that had it removes nothing any more, though it runs.
    let place = bench.dir.path().join("blobs");
    let theirs = loose(blobs, &place, "theirs", DAY * 2).await;
    refused_to_collect(&bench.lab).await;
    assert!(has(&bench.lab, &theirs).await && has(&bench.lab, &kept).await);
    // Nor does it say that it keeps what it has just put there.
    let late = bring("late", b"late").await.unwrap_err();
    assert!(
        matches!(&late, Error::Refused(Refusal::WrongBlobs(said)) if said.contains("another lab")),
        "{late}"
    );
    let known = bench.lab.artifacts(&bench.who, got.attempt.task, None);
    assert_eq!(known.await.unwrap().len(), 1);
    assert!(bench.lab.blobs_trouble().unwrap().contains("another lab"));
}

#[tokio::test]
async fn one_lost_blob_does_not_speak_for_the_place() {
    let bench = TestLab::new(&[("README", "hello\n")]).await;
    bench.schedule(leaf("one", &[])).await;
    let got = bench.claim().await;
    let mut names = Vec::new();
    for content in [b"one", b"two"] {
        let sha256 = Sha256Hex::of(content);
        names.push(sha256.clone());
        let new = NewArtifact {
            task: got.attempt.task,
            attempt: got.attempt.id,
            path: sha256.to_string(),
            sha256,
            len: content.len() as u64,
        };
        let source = stream::iter([Ok(Bytes::from_static(content))]);
        let kept = bench.lab.put_artifact(&bench.who, new, source);
        kept.await.unwrap();
    }
    names.sort();
    bench.lab.shut_down().await;
    bench.lab.store().close().await.unwrap();
    let dir = bench.dir.path();
    let blobs = BlobStore::open(&BlobPlace::Folder(dir.join("blobs"))).unwrap();
    for (name, is_ours) in names.iter().zip([true, false]) {
        blobs.delete(name).await.unwrap();
        let lab = open_lab_at(dir, &dir.join("blobs")).await;
        match is_ours {
            true => assert_eq!(lab.look_at_blobs().await, None),
            false => {
                let said = lab.look_at_blobs().await.unwrap();
                assert!(said.contains("are not in"), "{said}");
                refused(&lab, "are not in").await;
            }
        }
        lab.shut_down().await;
        lab.store().close().await.unwrap();
    }
}

#[tokio::test]
async fn a_place_that_was_only_tried_names_what_to_remove() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("blobs");
    let blobs = BlobStore::open(&BlobPlace::Folder(place.clone())).unwrap();
    assert_eq!(blobs.claim("gone").await.unwrap(), "gone");
    let lab = open_lab_at(dir.path(), &place).await;
    let said = lab.look_at_blobs().await.unwrap();
    assert!(
        said.contains("another lab") && said.contains("remove that object"),
        "{said}"
    );
    let mark = place.join(blobs.owner_name());
    std::fs::remove_file(mark).unwrap();
    assert_eq!(lab.look_at_blobs().await, None);
    assert_eq!(lab.blobs_trouble(), None);
}

async fn refused_to_collect(lab: &Lab) {
    let said = lab.collect_blobs().await.unwrap_err().to_string();
    assert!(said.contains("another lab"), "{said}");
}

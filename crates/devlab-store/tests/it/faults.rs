//! Full and read-only disks, and faults that are injected.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use devlab_core::error::StorageErrorKind;
use devlab_core::tx::Effect;
use devlab_core::{AttemptId, Error, Result};
use devlab_store::faults::FaultPoint;
use devlab_store::sqlite::SqliteStore;
use devlab_store::{Store, StoreExt};
use futures::future::join_all;

use crate::lab::{open, options, refusal};

fn kind<T: std::fmt::Debug>(outcome: Result<T>) -> Option<StorageErrorKind> {
    match outcome {
        Err(Error::Storage(error)) => Some(error.kind),
        Err(Error::Refused(_)) | Ok(_) => None,
    }
}

/// A small file system of its own, which only root can mount. Unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, kib: u32) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(at)
            .output()
            .is_ok_and(|output| output.status.success());
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        assert!(mounted || !is_root, "root cannot mount a small disk here");
        mounted.then(|| Self(at.to_owned()))
    }

    fn make_read_only(&self) {
        let remounted = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status();
        assert!(remounted.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A test that failed may still hold files: let go of the name at once, of the rest later.
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        drop(unmounted);
    }
}

async fn fill(store: &Arc<dyn Store>) -> (Vec<u32>, StorageErrorKind) {
    let mut kept = Vec::new();
    for round in 0..1000_u32 {
        let units = (0..8).map(|n| {
            let key = (round * 8 + n).to_string();
            store.write(move |tx| tx.put_setting(&key, &"x".repeat(2000)))
        });
        for (n, outcome) in (0..).zip(join_all(units).await) {
            match outcome {
                Ok(()) => kept.push(round * 8 + n),
                failed => return (kept, kind(failed).unwrap()),
            }
        }
    }
    panic!("the disk never filled");
}

/// Needs root for a disk of its own; `injected_faults_fail_the_whole_batch` covers the rest.
#[tokio::test]
async fn a_full_disk_fails_writes_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path(), 3000) else {
        return;
    };
    // Half of the disk: what the rest was filled with is in the write-ahead log, and takes as much
    // again when it is copied into the database.
    let ballast = dir.path().join("ballast");
    std::fs::write(&ballast, vec![0; 1_500_000]).unwrap();
    let store = open(dir.path()).unwrap();
    let (kept, full) = fill(&store).await;
    assert_eq!(full, StorageErrorKind::Full);
    assert!(!kept.is_empty());
    let read = store.read(|view| view.setting("0")).await.unwrap();
    assert!(read.is_some(), "reading goes on");
    std::fs::remove_file(&ballast).unwrap();
    let again = store.write(|tx| tx.put_setting("again", "written")).await;
    again.unwrap();
    store.close().await.unwrap();
    let store = open(dir.path()).unwrap();
    store
        .read(move |view| {
            for n in &kept {
                assert!(
                    view.setting(&n.to_string())?.is_some(),
                    "{n} was acknowledged"
                );
            }
            assert!(view.setting("again")?.is_some());
            Ok(())
        })
        .await
        .unwrap();
    store.close().await.unwrap();
    drop(disk);
}

#[tokio::test]
async fn a_read_only_disk_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path(), 3000) else {
        return;
    };
    open(dir.path()).unwrap().close().await.unwrap();
    disk.make_read_only();
    let error = refusal(dir.path());
    assert_eq!(error.kind, StorageErrorKind::ReadOnly);
    assert!(
        error.detail.contains(dir.path().to_str().unwrap()),
        "{error}"
    );
    drop(disk);
}

#[tokio::test]
async fn injected_faults_fail_the_whole_batch() {
    for point in FaultPoint::ALL {
        let dir = tempfile::tempdir().unwrap();
        let broken = Arc::new(AtomicBool::new(false));
        let effects = Arc::new(Mutex::new(Vec::new()));
        let mut options = options(dir.path());
        let (hook, seen) = (Arc::clone(&broken), Arc::clone(&effects));
        options.faults = Some(Arc::new(move |at| {
            if at == point && hook.load(Ordering::SeqCst) {
                Err(StorageErrorKind::Full)
            } else {
                Ok(())
            }
        }));
        options.effects = Arc::new(move |new: &[Effect]| {
            seen.lock().unwrap().extend_from_slice(new);
        });
        let store = SqliteStore::open(options).unwrap() as Arc<dyn Store>;
        let attempt = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
        let write = || {
            store.write(|tx| {
                tx.effect(Effect::Tokens);
                tx.put_setting("key", "written")
            })
        };
        broken.store(true, Ordering::SeqCst);
        let of_logs = matches!(
            point,
            FaultPoint::BeforeLogCommit | FaultPoint::AfterLogCommit
        );
        let outcomes = if of_logs {
            join_all((0..9).map(|_| store.append_log(attempt, 0, vec![1])))
                .await
                .into_iter()
                .map(|outcome| outcome.map(drop))
                .collect()
        } else {
            join_all((0..9).map(|_| write())).await
        };
        for outcome in outcomes {
            assert_eq!(
                kind(outcome),
                Some(StorageErrorKind::Full),
                "{}",
                point.as_str()
            );
        }
        assert_eq!(*effects.lock().unwrap(), [], "{}", point.as_str());
        let kept = store.read(|view| view.setting("key")).await.unwrap();
        assert_eq!(kept.is_some(), point == FaultPoint::AfterCommit);
        let (_, len) = store.read_log(attempt, 0, 0).await.unwrap();
        assert_eq!(len > 0, point == FaultPoint::AfterLogCommit);
        broken.store(false, Ordering::SeqCst);
        write().await.unwrap();
        assert_eq!(*effects.lock().unwrap(), [Effect::Tokens]);
        store.append_log(attempt, 0, vec![1]).await.unwrap();
        store.close().await.unwrap();
    }
}

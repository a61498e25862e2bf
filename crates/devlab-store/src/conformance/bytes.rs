//! Sealed logs, artifacts, marks of blobs, retired goals.

use devlab_core::bytes::{Artifact, BlobMark, KeptLog};
use devlab_core::check::Sha256Hex;
use devlab_core::state::State;
use devlab_core::task::Task;
use devlab_core::{ArtifactId, AttemptId, TaskId};

use super::Lab;
use super::fixtures::{at, child, hash, id, made, spec, task};
use crate::StoreExt;

fn kept(n: u32, blob: Option<Sha256Hex>) -> KeptLog {
    KeptLog {
        attempt: id(n),
        gone: blob.is_none(),
        blob,
        len: 1 << 33,
        lines: 1_000_000,
        at: at(n),
    }
}

fn artifact(n: u32, attempt: u32, path: &str) -> Artifact {
    Artifact {
        id: id(n),
        org: id(1),
        task: id(attempt / 10),
        attempt: id(attempt),
        path: path.to_owned(),
        blob: Some(hash(path)),
        len: u64::from(n),
        created_at: at(n),
    }
}

pub(super) async fn kept_logs(lab: Lab) {
    let (blob, attempt): (_, AttemptId) = (hash("log"), id(1));
    let sealed = kept(1, Some(blob.clone()));
    let stored = sealed.clone();
    lab.store
        .write(move |tx| {
            assert_eq!(tx.kept_log(attempt)?, None);
            assert!(tx.named_blobs(3)?.is_empty());
            tx.put_kept_log(&stored)?;
            tx.put_kept_log(&kept(2, None))?;
            assert_eq!(tx.kept_log(attempt)?, Some(stored.clone()));
            Ok(())
        })
        .await
        .unwrap();
    let found = lab.store.read(move |view| {
        assert_eq!(view.named_blobs(3)?, std::slice::from_ref(&blob));
        assert!(view.named_blobs(0)?.is_empty());
        let named = (view.names_blob(&blob)?, view.names_blob(&hash("other"))?);
        Ok((view.kept_log(attempt)?, view.kept_log(id(2))?, named))
    });
    let expected = (Some(sealed), Some(kept(2, None)), (true, false));
    assert_eq!(found.await.unwrap(), expected);
    // In place of what was there, and no longer named.
    lab.store
        .write(move |tx| tx.put_kept_log(&kept(1, None)))
        .await
        .unwrap();
    let found = lab
        .store
        .read(move |view| Ok((view.kept_log(attempt)?, view.names_blob(&hash("log"))?)));
    assert_eq!(found.await.unwrap(), (Some(kept(1, None)), false));
}

pub(super) async fn artifacts(lab: Lab) {
    lab.store
        .write(|tx| {
            for (n, attempt, path) in [
                (1, 11, "b/Z"),
                (2, 11, "b/a"),
                (3, 12, "a"),
                (4, 21, "other task"),
            ] {
                tx.put_artifact(&artifact(n, attempt, path))?;
            }
            Ok(())
        })
        .await
        .unwrap();
    // The same path again: other bytes, the same id.
    let again = Artifact {
        id: id(9),
        blob: Some(hash("again")),
        len: 77,
        ..artifact(2, 11, "b/a")
    };
    let put = again.clone();
    lab.store
        .write(move |tx| tx.put_artifact(&put))
        .await
        .unwrap();
    let second = Artifact { id: id(2), ..again };
    let found = lab.store.read(|view| {
        let one: ArtifactId = id(3);
        let named = (
            view.names_blob(&hash("again"))?,
            view.names_blob(&hash("b/a"))?,
        );
        Ok((
            view.artifacts(id(11))?,
            view.artifacts_of_task(id(1))?,
            (view.artifact(one)?, view.artifact(id(9))?),
            named,
        ))
    });
    let (of_attempt, of_task, by_id, named) = found.await.unwrap();
    let (first, third) = (artifact(1, 11, "b/Z"), artifact(3, 12, "a"));
    assert_eq!(
        of_attempt,
        [first.clone(), second.clone()],
        "by bytes of the path"
    );
    assert_eq!(of_task, [first, second, third.clone()]);
    assert_eq!(by_id, (Some(third), None));
    assert_eq!(named, (true, false));
    let mut names = ["b/Z", "again", "a", "other task"].map(hash);
    names.sort();
    let named = lab.store.read(|view| view.named_blobs(3));
    assert_eq!(named.await.unwrap(), names[..3]);
    let log = hash("log");
    let stored = kept(1, Some(log.clone()));
    lab.store
        .write(move |tx| tx.put_kept_log(&stored))
        .await
        .unwrap();
    let named = lab.store.read(|view| view.named_blobs(2));
    assert_eq!(named.await.unwrap(), [log, names[0].clone()], "logs first");
}

pub(super) async fn blob_marks(lab: Lab) {
    let (a, b, c) = (hash("a"), hash("b"), hash("c"));
    let marks = [
        (
            a.clone(),
            Some(BlobMark::Pinned {
                since: at(7),
                until: at(10),
            }),
        ),
        (b.clone(), Some(BlobMark::Condemned(at(30)))),
        (
            c.clone(),
            Some(BlobMark::Pinned {
                since: at(8),
                until: at(20),
            }),
        ),
    ];
    let put = marks.clone();
    lab.store
        .write(move |tx| {
            for (blob, mark) in &put {
                assert_eq!(tx.blob_mark(blob)?, None);
                tx.set_blob_mark(blob, *mark)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let asked = marks.clone();
    let found = lab.store.read(move |view| {
        for (blob, mark) in &asked {
            assert_eq!(view.blob_mark(blob)?, *mark);
        }
        Ok((
            view.condemned_blobs(at(29), 10)?,
            view.condemned_blobs(at(30), 10)?,
        ))
    });
    assert_eq!(found.await.unwrap(), (Vec::new(), vec![b.clone()]));
    let changed = lab.store.write(move |tx| {
        tx.set_blob_mark(&a, Some(BlobMark::Condemned(at(5))))?;
        assert_eq!(
            tx.condemned_blobs(at(99), 1)?,
            [hash("a")],
            "earliest first"
        );
        assert_eq!(tx.condemned_blobs(at(99), 9)?, [hash("a"), hash("b")]);
        tx.set_blob_mark(&b, None)?;
        assert_eq!(tx.forget_pins(at(19), 10)?, 0);
        assert_eq!(tx.forget_pins(at(20), 10)?, 1);
        assert_eq!(tx.blob_mark(&c)?, None);
        tx.condemned_blobs(at(99), 10)
    });
    assert_eq!(changed.await.unwrap(), [hash("a")]);
}

pub(super) async fn retired_goals(lab: Lab) {
    let goal = |n, state| Task { state, ..task(n) };
    lab.store
        .write(move |tx| {
            for task in [
                goal(1, State::Done),
                goal(2, State::Failed),
                goal(3, State::Cancelled),
                goal(4, State::Running),
                goal(5, State::Ready),
                goal(6, State::Done),
                Task {
                    state: State::Done,
                    ..child(7, id(1))
                },
                Task {
                    org: id(2),
                    ..goal(8, State::Done)
                },
            ] {
                tx.insert_task(&task, &spec("goal"), &made())?;
            }
            tx.retire(id(2), at(1))?;
            tx.retire(id(2), at(51))?;
            // Before it ended for the last time.
            tx.retire(id(3), at(2))?;
            Ok(())
        })
        .await
        .unwrap();
    let found = lab.store.read(|view| {
        let mut ask =
            |before, after: Option<TaskId>, limit| view.retirable(id(1), at(before), after, limit);
        let all = ask(100, None, 10)?;
        let old = ask(6, None, 10)?;
        let page = ask(100, Some(id(1)), 1)?;
        Ok((
            all,
            old,
            page,
            view.retired_at(id(2))?,
            view.retired_at(id(1))?,
        ))
    });
    let (one, three, six): (TaskId, TaskId, TaskId) = (id(1), id(3), id(6));
    let expected = (
        vec![one, three, six],
        vec![one, three],
        vec![three],
        Some(at(51)),
        None,
    );
    assert_eq!(found.await.unwrap(), expected);
}

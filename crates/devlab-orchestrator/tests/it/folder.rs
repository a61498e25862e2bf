//! A data folder and the store that it is opened with.

use std::path::Path;

use devlab_core::rules::lab_id::LAB_ID;
use devlab_core::{ProjectId, Refusal, Timestamp};
use devlab_orchestrator::Error;
use devlab_store::StoreExt;

use crate::bench_lab::{TestLab, open_lab_on};

/// Opens it, and closes it again. `None` if it is said to be another lab's.
async fn opened(dir: &Path, state: &Path) -> Result<String, String> {
    let lab = match open_lab_on(dir, state).await {
        Ok(lab) => lab,
        Err(Error::Refused(Refusal::Conflict(text))) => return Err(text),
        Err(other) => panic!("{other}"),
    };
    let id = lab.store().read(|view| view.setting(LAB_ID)).await;
    lab.shut_down().await;
    lab.store().close().await.unwrap();
    Ok(id.unwrap().unwrap())
}

async fn close(t: TestLab) -> tempfile::TempDir {
    t.lab.shut_down().await;
    t.lab.store().close().await.unwrap();
    t.dir
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_no_project_has_stays_and_what_was_being_made_goes() {
    let t = TestLab::new(&[("a.txt", "one\n")]).await;
    let org = t.lab.repos().join(t.org.to_string());
    let own = t.lab.repo_dir(t.org, t.project);
    let unknown = org.join(format!(
        "{}.git",
        ProjectId::new(Timestamp::from_millis(1), 7)
    ));
    std::fs::create_dir(&unknown).unwrap();
    let half = own.file_name().unwrap().to_str().unwrap();
    let unfinished = [
        org.join(format!(".{half}.new")),
        org.join(format!(".{half}.import")),
        org.join(format!("..{half}.new-from-bundle.new")),
        org.join(".archive-x"),
    ];
    for dir in &unfinished {
        std::fs::create_dir(dir).unwrap();
    }
    let others = org.join("notes");
    std::fs::create_dir(&others).unwrap();
    let dir = close(t).await;
    opened(dir.path(), dir.path()).await.unwrap();
    assert!(own.is_dir() && unknown.is_dir() && others.is_dir());
    let left: Vec<_> = unfinished.iter().filter(|dir| dir.exists()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_repositories_of_one_lab_are_not_taken_for_those_of_another() {
    let t = TestLab::new(&[("a.txt", "one\n")]).await;
    let own = t.lab.repo_dir(t.org, t.project);
    let dir = close(t).await;
    let id = opened(dir.path(), dir.path()).await.unwrap();
    let file = dir.path().join("lab-id");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), id);

    // Another store: with nothing in it, and with a lab.
    let other = tempfile::tempdir().unwrap();
    let refused = opened(dir.path(), other.path()).await.unwrap_err();
    assert!(refused.contains("DATABASE_URL"), "{refused}");
    let there = opened(other.path(), other.path()).await.unwrap();
    assert_ne!(there, id);
    let refused = opened(dir.path(), other.path()).await.unwrap_err();
    assert!(refused.contains("lab-id"), "{refused}");

    // A folder without repositories goes along with any.
    let empty = tempfile::tempdir().unwrap();
    std::fs::write(empty.path().join("lab-id"), "an earlier one\n").unwrap();
    assert_eq!(opened(empty.path(), other.path()).await.unwrap(), there);

    // One of a lab that is older than the file gets it from the store that knows its repositories.
    std::fs::remove_file(&file).unwrap();
    let refused = opened(dir.path(), other.path()).await.unwrap_err();
    assert!(refused.contains("move"), "{refused}");
    assert!(!file.exists());
    assert_eq!(opened(dir.path(), dir.path()).await.unwrap(), id);
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), id);
    assert!(own.is_dir());
}

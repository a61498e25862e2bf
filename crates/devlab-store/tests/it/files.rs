//! Which files a store opens, and what it says of the others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use devlab_core::error::StorageErrorKind;
use devlab_core::{AttemptId, Error};
use devlab_store::sqlite::SqliteStore;
use devlab_store::{Store, StoreExt};
use rusqlite::Connection;

use crate::lab::{open, options, refusal};

async fn filled(dir: &Path) {
    let store = open(dir).unwrap();
    let write = |n: u32| store.write(move |tx| tx.put_setting(&n.to_string(), &"x".repeat(500)));
    for n in 0..200 {
        write(n).await.unwrap();
    }
    let attempt = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
    store.append_log(attempt, 0, b"log".to_vec()).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("made/with/parents");
    filled(&home).await;
    for file in ["devlab.sqlite", "logs.sqlite"] {
        let mode = fs::metadata(home.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let store = open(&home).unwrap();
    let found = store.read(|view| view.setting("199")).await.unwrap();
    assert_eq!(found, Some("x".repeat(500)));
    let attempt = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
    let log = store.read_log(attempt, 0, 10).await.unwrap();
    assert_eq!(log, (b"log".to_vec(), 3));
    store.close().await.unwrap();
    let sqlite = SqliteStore::open(options(&home)).unwrap();
    sqlite.check().await.unwrap();
    sqlite.close().await.unwrap();
}

#[tokio::test]
async fn durability_is_read_back_from_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let said = store.describe().await.unwrap();
    let value = |name: &str| {
        let pair = said.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("journal_mode"), Some("wal"));
    assert_eq!(value("synchronous"), Some("2"), "2 is FULL");
    assert!(value("path").unwrap().ends_with("devlab.sqlite"));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_has_closed() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let error = refusal(dir.path());
    assert_eq!(error.kind, StorageErrorKind::Busy);
    assert!(error.detail.contains("devlab down"), "{error}");
    first.close().await.unwrap();
    open(dir.path()).unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    for file in ["devlab.sqlite", "logs.sqlite"] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path()).await;
        let path = dir.path().join(file);
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(
            "INSERT INTO refinery_schema_history \
             VALUES (9999, 'later', '2030-01-01T00:00:00Z', '1')",
        )
        .unwrap();
        drop(conn);
        let before = fs::read(&path).unwrap();
        let error = refusal(dir.path());
        assert_eq!(error.kind, StorageErrorKind::TooNew);
        assert!(error.detail.contains("9999"), "{error}");
        assert!(error.detail.contains(file), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("devlab.sqlite");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE places (url TEXT)")
        .unwrap();
    drop(conn);
    let before = fs::read(&path).unwrap();
    let error = refusal(dir.path());
    assert!(error.detail.contains("another program"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_header_is_named_with_its_path_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let path = dir.path().join("devlab.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    bytes[..16].copy_from_slice(b"something else!!");
    fs::write(&path, bytes).unwrap();
    let error = refusal(dir.path());
    assert_eq!(error.kind, StorageErrorKind::Corrupt);
    assert!(error.detail.contains("devlab.sqlite"), "{error}");
    assert!(error.detail.contains("backup"), "{error}");
}

#[tokio::test]
async fn damaged_pages_fail_the_unit_that_meets_them() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let path = dir.path().join("devlab.sqlite");
    let conn = Connection::open(&path).unwrap();
    let table = "SELECT rootpage FROM sqlite_schema WHERE name = 'settings'";
    let page: u32 = conn.query_row(table, [], |row| row.get(0)).unwrap();
    let size: u32 = conn
        .query_row("PRAGMA page_size", [], |row| row.get(0))
        .unwrap();
    drop(conn);
    let mut bytes = fs::read(&path).unwrap();
    let size = size as usize;
    let end = page as usize * size;
    bytes[end - size..end].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let sqlite = SqliteStore::open(options(dir.path())).unwrap();
    let checked = sqlite.check().await;
    assert!(
        matches!(&checked, Err(Error::Storage(e)) if e.kind == StorageErrorKind::Corrupt),
        "{checked:?}"
    );
    let store = sqlite as Arc<dyn Store>;
    let outcome = store.read(|view| view.setting("1")).await;
    let Err(Error::Storage(error)) = outcome else {
        panic!("the damage was not seen: {outcome:?}");
    };
    assert_eq!(error.kind, StorageErrorKind::Corrupt);
    assert_eq!(store.read(|view| view.last_event()).await.unwrap(), 0);
    store.close().await.unwrap();
}

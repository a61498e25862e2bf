//! Records between the databases, and schemas that they do not describe.

use std::path::Path;
use std::sync::Arc;

use devlab_core::tx::Effect;
use devlab_store::conformance::dump::Records;
use devlab_store::conformance::postgres::Server;
use devlab_store::conformance::sample::sample;
use devlab_store::dump::{Loading, Scope};
use devlab_store::postgres::{PostgresOptions, PostgresStore};
use devlab_store::{Migrated, Store, postgres, sqlite};
use serde_json::Value;

use crate::lab::open;

const EMPTY_ONLY: Loading = Loading::Lab { replace: false };

async fn postgres(url: &str) -> Arc<dyn Store> {
    let options = PostgresOptions::new(url, Arc::new(|_: &[Effect]| {}));
    PostgresStore::open(options).await.unwrap()
}

/// Why a store gives no dump.
async fn refusal(store: &dyn Store) -> String {
    let dumped = store.dump(Scope::Lab, Box::new(|_| Ok(()))).await;
    dumped.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lab_goes_from_sqlite_to_postgresql_and_back_without_a_byte_changed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&[]);
    let (one, three) = (dir.path().join("one"), dir.path().join("three"));
    let first = open(&one).unwrap();
    sample().load(first.as_ref(), EMPTY_ONLY).await.unwrap();
    let at_first = Records::of(first.as_ref(), Scope::Lab).await;
    let second = postgres(&server.create("two")).await;
    at_first
        .clone()
        .load(second.as_ref(), EMPTY_ONLY)
        .await
        .unwrap();
    let in_between = Records::of(second.as_ref(), Scope::Lab).await;
    assert_eq!(in_between, at_first);
    let third = open(&three).unwrap();
    in_between.load(third.as_ref(), EMPTY_ONLY).await.unwrap();
    assert_eq!(Records::of(third.as_ref(), Scope::Lab).await, at_first);
    for store in [first, second, third] {
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_an_earlier_version_are_read() {
    let without = |records: &Records, (kind, key): (&str, &str)| {
        let mut records = records.clone();
        for line in records.0.get_mut(kind).unwrap() {
            let mut task: Value = serde_json::from_str(line).unwrap();
            assert!(task.as_object_mut().unwrap().remove(key).is_some());
            *line = task.to_string();
        }
        records
    };
    let dir = tempfile::tempdir().unwrap();
    let loaded = |name: &str, records: Records| {
        let store = open(&dir.path().join(name)).unwrap();
        async move {
            let loaded = records.load(store.as_ref(), EMPTY_ONLY).await;
            let now = Records::of(store.as_ref(), Scope::Lab).await;
            store.close().await.unwrap();
            loaded.map(|_| now)
        }
    };
    let later = [
        ("tasks", "choice"),
        ("tasks", "chosen"),
        ("tasks", "held_by"),
        ("tasks", "holds"),
        ("task_specs", "paths"),
        ("task_specs", "touched"),
        ("task_specs", "made"),
        ("tasks", "asked"),
        ("attempts", "terms"),
    ];
    let first = later
        .iter()
        .fold(sample(), |records, key| without(&records, *key));
    let now = loaded("old", first.clone()).await.unwrap();
    assert_eq!(now.0["tasks"].len(), first.0["tasks"].len());
    for line in &now.0["tasks"] {
        let task: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&task["choice"], &task["chosen"], &task["holds"]),
            (&Value::Null, &Value::Null, &Value::Bool(false))
        );
    }
    let refused = loaded("broken", without(&sample(), ("tasks", "state"))).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("it has no state"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_or_table_that_no_record_describes_is_named() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap().close().await.unwrap();
    let change = |sql: &str| {
        let conn = rusqlite::Connection::open(dir.path().join("devlab.sqlite")).unwrap();
        conn.execute_batch(sql).unwrap();
    };
    change("ALTER TABLE tasks ADD COLUMN mood TEXT; CREATE TABLE dreams (id BLOB)");
    let store = open(dir.path()).unwrap();
    let said = refusal(store.as_ref()).await;
    assert!(said.contains("tasks.mood, dreams"), "{said}");
    let loaded = sample().load(store.as_ref(), EMPTY_ONLY).await;
    assert!(loaded.unwrap_err().to_string().contains("tasks.mood"));
    store.close().await.unwrap();

    let server = Server::start(&[]);
    let store = postgres(&server.create("devlab")).await;
    server.sql("devlab", "ALTER TABLE orgs DROP COLUMN created_at");
    let said = refusal(store.as_ref()).await;
    assert!(said.contains("orgs.created_at"), "{said}");
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrations_that_start_together_are_done_once_and_say_what_they_did() {
    let server = Server::start(&[]);
    let url = server.create("devlab");
    let together = (0..4).map(|_| postgres::migrate(&url));
    let done = futures::future::join_all(together).await;
    let done: Vec<Migrated> = done.into_iter().map(Result::unwrap).collect();
    let made = done.iter().filter(|one| one.from == 0).count();
    assert_eq!(made, 1, "{done:?}");
    assert!(done.iter().all(|one| one.to == done[0].to && one.to > 0));
    let dir = tempfile::tempdir().unwrap();
    let folder = |dir: &Path| sqlite::migrate(dir).unwrap().map(|one| one.from);
    assert_eq!(folder(dir.path()), [0, 0]);
    assert!(folder(dir.path()).iter().all(|from| *from > 0));
}

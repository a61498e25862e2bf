//! A database that is there, takes what it is sent, and answers nothing: its processes stand still.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::error::StorageErrorKind;
use devlab_core::{AttemptId, Error, Timestamp};
use devlab_store::conformance::postgres::Server;
use devlab_store::postgres::{PostgresOptions, PostgresStore};
use devlab_store::{Store, StoreExt as _};

use crate::postgres::{count, quiet};

/// How long an answer is waited for here.
const ANSWER: Duration = Duration::from_secs(2);
/// How long whatever waits for answers may take: far less than without that, on a slow machine too.
const BOUND: Duration = Duration::from_secs(20);
/// Connections that read.
const READERS: usize = 4;

async fn started() -> (Server, String) {
    let started = tokio::task::spawn_blocking(|| {
        let server = Server::start(&[]);
        let url = server.create("devlab");
        (server, url)
    });
    started.await.unwrap()
}

async fn counted(store: &Arc<dyn Store>) -> devlab_core::Result<Option<String>> {
    store.read(|view| view.setting("count")).await
}

/// It comes to an end, and that is an error which says that the database is to be asked again.
async fn gives_up<T>(asked: impl Future<Output = devlab_core::Result<T>>) {
    let ended = tokio::time::timeout(BOUND, asked).await;
    match ended.expect("it waits still") {
        Err(Error::Storage(error)) => assert!(
            matches!(error.kind, StorageErrorKind::Away | StorageErrorKind::Busy),
            "{error}"
        ),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("a database that stands still has answered"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_end_when_the_database_stands_still_and_work_when_it_goes_on() {
    let (server, url) = started().await;
    let options = PostgresOptions {
        readers: READERS,
        answer_max: ANSWER,
        ..quiet(&url)
    };
    let store: Arc<dyn Store> = PostgresStore::open(options).await.unwrap();
    assert_eq!(count(&store).await.unwrap(), 1);
    // All connections are open before it stands still.
    let all = futures::future::join_all((0..READERS).map(|_| counted(&store))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");

    server.pause();
    let mut asked = tokio::task::JoinSet::new();
    let of = Arc::clone(&store);
    asked.spawn(async move {
        let attempt = AttemptId::new(Timestamp::from_millis(1), 1);
        gives_up(of.settle_log(attempt, 0, 0)).await;
    });
    let of = Arc::clone(&store);
    asked.spawn(async move { gives_up(of.describe()).await });
    for _ in 0..READERS * 3 {
        let of = Arc::clone(&store);
        asked.spawn(async move { gives_up(counted(&of)).await });
    }
    while let Some(ended) = asked.join_next().await {
        ended.unwrap();
    }
    let of = Arc::clone(&store);
    asked.spawn(async move {
        assert_eq!(count(&of).await.unwrap(), 2, "once, when it goes on");
    });

    server.wake();
    let works = async {
        while counted(&store).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let works = tokio::time::timeout(BOUND, works).await;
    works.expect("reads do not work again");
    asked.join_next().await.unwrap().unwrap();
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_closes_while_what_it_tells_others_is_not_taken() {
    let (server, url) = started().await;
    let store: Arc<dyn Store> = PostgresStore::open(quiet(&url)).await.unwrap();
    server.pause_one("devlab listener");
    // Each has something to tell; the first is being told all the while.
    for number in 1..=20 {
        assert_eq!(count(&store).await.unwrap(), number);
    }
    let closed = tokio::time::timeout(BOUND, store.close()).await;
    closed.expect("it waits for an answer").unwrap();
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_from_a_server_that_stands_still() {
    let started = tokio::task::spawn_blocking(|| {
        let primary = Server::start(&[]);
        primary.create("devlab");
        let standby = primary.standby();
        (primary, standby)
    });
    let (primary, standby) = started.await.unwrap();
    let options = PostgresOptions {
        answer_max: ANSWER,
        ..quiet(&primary.url_of_either(&standby, "devlab"))
    };
    let store: Arc<dyn Store> = PostgresStore::open(options).await.unwrap();
    assert_eq!(count(&store).await.unwrap(), 1);
    counted(&store).await.unwrap();
    primary.pause();
    let promoted = tokio::task::spawn_blocking(move || {
        standby.promote();
        standby
    });
    let standby = promoted.await.unwrap();
    // It is the first of the address all the while, and takes connections.
    assert_eq!(count(&store).await.unwrap(), 2);
    let reads = async {
        loop {
            if let Ok(counted) = counted(&store).await {
                break counted;
            }
        }
    };
    let reads = tokio::time::timeout(BOUND, reads).await;
    assert_eq!(reads.expect("no read works").as_deref(), Some("2"));
    store.close().await.unwrap();
    drop((primary, standby));
}

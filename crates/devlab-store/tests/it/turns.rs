//! Whose turn it is to write in PostgreSQL, and for how long.

use std::sync::Arc;
use std::time::Duration;

use devlab_store::conformance::postgres::Server;
use devlab_store::postgres::{PostgresOptions, PostgresStore};
use devlab_store::{Store, StoreExt as _};

use crate::postgres::{count, hold_turn, open, quiet};

/// Units that need the connection for each statement share a turn only for so long; what is left is
/// done in the next ones, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_ends_when_its_time_is_over() {
    const EACH: u64 = 6;
    let started = tokio::task::spawn_blocking(|| {
        let server = Server::start(&[]);
        let url = server.create("devlab");
        (server, url)
    });
    let (server, url) = started.await.unwrap();
    let options = PostgresOptions {
        batch_time: Duration::ZERO,
        ..quiet(&url)
    };
    let store: Arc<dyn Store> = PostgresStore::open(options).await.unwrap();
    count(&store).await.unwrap();
    let before = store.writer();
    let mut others = tokio::task::JoinSet::new();
    let give_back = hold_turn(&mut others, url).await;
    for number in 0..2 * EACH {
        // One is in the batch that waits for its turn, and the others come while it does.
        while number == 1 && store.writer().turn_waits.is_zero() {
            tokio::task::yield_now().await;
        }
        let of = Arc::clone(&store);
        others.spawn(async move {
            let counted = of.write(move |tx| {
                let now: u64 = tx.setting("count")?.map_or(0, |text| text.parse().unwrap());
                match number % 2 {
                    // Only on the connection.
                    0 => tx.put_setting("count", &(now + 1).to_string()),
                    _ => Ok(()),
                }
            });
            counted.await.unwrap();
        });
    }
    while store.writer().waiting < 2 * EACH - 1 {
        tokio::task::yield_now().await;
    }
    give_back.send(()).unwrap();
    while let Some(ended) = others.join_next().await {
        ended.unwrap();
    }
    let after = store.writer();
    let (batches, units) = (after.batches - before.batches, after.units - before.units);
    assert_eq!((batches, units), (EACH, 2 * EACH));
    let counted = u64::from(count(&store).await.unwrap());
    assert_eq!(counted, EACH + 2, "each once");
    store.close().await.unwrap();
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_processes_have_left_that_are_long_gone_is_removed_at_a_start() {
    let server = Server::start(&[]);
    let url = server.create("devlab");
    let store = open(&url).await;
    count(&store).await.unwrap();
    store.close().await.unwrap();
    let of = |days: u32| {
        let left = "INSERT INTO writers SELECT gen_random_uuid(), 1, now() - interval";
        server.sql("devlab", &format!("{left} '{days} days'"));
    };
    of(2);
    of(31);
    of(400);
    const ALL: &str = "SELECT count(*) FROM writers";
    assert_eq!(server.sql("devlab", ALL), "4");
    let store = open(&url).await;
    assert_eq!(
        server.sql("devlab", ALL),
        "2",
        "one just left, and one of late"
    );
    assert_eq!(count(&store).await.unwrap(), 2);
    store.close().await.unwrap();
}

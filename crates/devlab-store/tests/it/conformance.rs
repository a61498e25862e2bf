//! SQLite does what every store has to do.

use devlab_store::conformance::postgres::Server;
use devlab_store::conformance::{CASES, run};
use devlab_store::postgres::{PostgresOptions, PostgresStore};
use devlab_store::sqlite::{SqliteOptions, SqliteStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_passes_every_case() {
    for (name, case) in CASES {
        let dir = tempfile::tempdir().unwrap();
        println!("{name}");
        run(*case, async |setup| {
            let options = SqliteOptions::new(dir.path(), setup.clock, setup.effects);
            SqliteStore::open(options).unwrap() as _
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_passes_every_case() {
    let server = Server::start(&[]);
    for (name, case) in CASES {
        println!("{name}");
        let url = server.create(name);
        run(*case, async |setup| {
            let mut options = PostgresOptions::new(url, setup.effects);
            options.clock = Some(setup.clock);
            PostgresStore::open(options).await.unwrap() as _
        })
        .await;
    }
}

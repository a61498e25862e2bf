//! SQLite does what every store has to do.

use devlab_store::conformance::{CASES, run};
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

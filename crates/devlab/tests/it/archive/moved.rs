//! A lab that moves from one database to another and back.

use std::collections::BTreeMap;
use std::path::Path;

use devlab_store::conformance::postgres::Server as Postgres;
use serde_json::Value;

use super::{Foreground, lab, told};
use crate::bench::{Bench, Ended};

fn run(bench: &Bench, database: Option<&str>, args: &[&str]) -> Ended {
    let mut command = bench.devlab(args);
    command.envs(database.map(|url| ("DATABASE_URL", url)));
    Ended::of_command(&mut command)
}

/// Digests of the records of an archive, by name.
fn records(archive: &Path) -> BTreeMap<String, String> {
    let manifest = std::fs::read(archive.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let parts = manifest["manifest"]["parts"].as_array().unwrap().iter();
    parts
        .map(|part| {
            let text = |key: &str| part[key].as_str().unwrap().to_owned();
            (text("name"), text("sha256"))
        })
        .filter(|(name, _)| name.starts_with("db/"))
        .collect()
}

#[test]
fn a_lab_moves_to_postgresql_and_back_without_a_byte_of_its_records_changed() {
    let (bench, _) = lab();
    let postgres = Postgres::start(&[]);
    let url = postgres.create("devlab");
    let at = |name: &str| bench.path().join(name).to_str().unwrap().to_owned();
    run(&bench, None, &["backup", &at("one")]).ok();

    let server = Bench::new();
    let database = Some(url.as_str());
    run(&server, database, &["restore", &at("one")]).ok();
    assert!(!server.home().join("db").exists());
    let again = run(&server, database, &["restore", &at("one")]).fails_with(1);
    assert!(again.err.contains("--replace"), "{again:#?}");
    let elsewhere = Bench::new();
    let taken = run(&elsewhere, database, &["restore", &at("one")]).fails_with(1);
    assert!(taken.err.contains("DATABASE_URL"), "{taken:#?}");
    run(&server, database, &["backup", &at("two")]).ok();
    assert_eq!(records(at("two").as_ref()), records(at("one").as_ref()));
    run(&server, database, &["restore", &at("two"), "--replace"]).ok();
    run(&server, database, &["verify"]).ok();
    run(&server, database, &["backup", &at("three")]).ok();

    let laptop = Bench::new();
    run(&laptop, None, &["restore", &at("three")]).ok();
    run(&laptop, None, &["backup", &at("four")]).ok();
    assert_eq!(records(at("four").as_ref()), records(at("one").as_ref()));

    let _running = Foreground::start(&server, database);
    laptop.up(0);
    bench.up(0);
    let at_first = told(&bench);
    assert!(at_first.len() > 8);
    assert_eq!(told(&server), at_first);
    assert_eq!(told(&laptop), at_first);
}

#[test]
fn migrate_makes_the_schema_and_says_what_it_did() {
    let bench = Bench::new();
    let migrate = ["db", "migrate", "--output", "json"];
    let made = run(&bench, None, &migrate).ok().json();
    assert!(
        made[0]["done"].as_str().unwrap().starts_with("made"),
        "{made}"
    );
    let again = run(&bench, None, &migrate).ok().json();
    let said = again[1]["done"].as_str().unwrap();
    assert!(said.starts_with("up to date"), "{again}");
    let postgres = Postgres::start(&[]);
    let url = postgres.create("devlab");
    let made = std::thread::scope(|scope| {
        let all: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| run(&bench, Some(&url), &migrate).ok().json()))
            .collect();
        let done = all.into_iter().map(|one| one.join().unwrap());
        done.filter(|one| one[0]["from"] == 0).count()
    });
    assert_eq!(made, 1);
}

#[test]
fn the_file_of_settings_chooses_the_database() {
    let bench = Bench::new();
    let postgres = Postgres::start(&[]);
    let url = postgres.create("devlab");
    std::fs::create_dir_all(bench.home()).unwrap();
    let file = format!("database_url = {url:?}\n");
    std::fs::write(bench.home().join("devlab.toml"), file).unwrap();
    bench.up(0);
    bench.run(&["task", "create", "Look around"]).ok();
    bench.run(&["down"]).ok();
    let stored = postgres.sql("devlab", "SELECT title FROM task_specs");
    assert_eq!(stored, "Look around");
    assert!(!bench.home().join("db").exists());
}

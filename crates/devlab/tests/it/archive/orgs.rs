//! Orgs that are taken along.

use std::path::PathBuf;

use devlab_store::conformance::postgres::Server as Postgres;

use super::{Foreground, checkout, lab, repository, told, verified, work};
use crate::bench::{Bench, Ended};

#[test]
fn an_org_moves_to_another_lab_with_all_it_has() {
    let (bench, folder) = lab();
    let archive = bench.path().join("org.tar");
    let file = archive.to_str().unwrap();
    let stopped = bench.path().join("stopped");
    bench
        .run(&["org", "export", "default", stopped.to_str().unwrap()])
        .ok();
    bench.up(0);
    bench.run(&["org", "export", "default", file]).ok();
    bench
        .run(&["org", "export", "nobody", "x.tar"])
        .fails_with(5);
    let again = bench.run(&["org", "import", file]).fails_with(1);
    assert!(again.err.contains("is in this lab already"), "{again:#?}");

    let other = Bench::new();
    other.up(0);
    let taken = other.run(&["org", "import", file]).fails_with(1);
    assert!(taken.err.contains("--as"), "{taken:#?}");
    let args = ["org", "import", file, "--as", "moved", "--output", "json"];
    let org = other.run(&args).ok().json();
    assert_eq!(org["name"], "moved");
    let org = org["id"].as_str().unwrap();
    // No token of the old lab is good here.
    let credentials = std::fs::read_to_string(bench.home().join("credentials.json")).unwrap();
    let credentials: serde_json::Value = serde_json::from_str(&credentials).unwrap();
    let token = credentials["token"].as_str().unwrap();
    other.run(&["whoami", "--token", token]).fails_with(4);
    assert_eq!(told(&other), told(&bench));
    let events = |bench: &Bench| -> Vec<serde_json::Value> {
        let said = bench
            .run(&["events", "--org", org, "--output", "json"])
            .ok();
        let lines = said.out.lines();
        let mut events: Vec<serde_json::Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for event in &mut events {
            event.as_object_mut().unwrap().remove("seq");
        }
        events
    };
    let (here, there) = (events(&other), events(&bench));
    assert!(there.len() > 10);
    assert_eq!(here, there);
    let report = verified(&other);
    assert_eq!(
        (&report["projects"], &report["merges"]),
        (&1.into(), &2.into())
    );

    // A stopped lab takes one in too, and it works on there.
    let third = Bench::new();
    third.up(0);
    third.run(&["down"]).ok();
    let from = stopped.to_str().unwrap();
    third.run(&["org", "import", from, "--as", "third"]).ok();
    verified(&third);
    let whole = bench.path().join("backup.tar");
    bench.run(&["backup", whole.to_str().unwrap()]).ok();
    let wrong = third
        .run(&["org", "import", whole.to_str().unwrap()])
        .fails_with(1);
    assert!(wrong.err.contains("devlab restore"), "{wrong:#?}");
    let wrong = Bench::new();
    let wrong = wrong.run(&["restore", file]).fails_with(1);
    assert!(wrong.err.contains("devlab org import"), "{wrong:#?}");
    bench.up(0);
    drop(folder);
}

#[test]
fn an_org_moves_into_postgresql() {
    let (bench, _) = lab();
    let archive = bench.path().join("org.tar");
    let export = ["org", "export", "default", archive.to_str().unwrap()];
    bench.run(&export).ok();
    let import = ["org", "import", archive.to_str().unwrap(), "--as", "moved"];
    let postgres = Postgres::start(&[]);
    let (one, two) = (postgres.create("one"), postgres.create("two"));
    // Into a lab that runs, and into one that is stopped.
    let running = Bench::new();
    let server = Foreground::start(&running, Some(&one));
    running.run(&import).ok();
    let stopped = Bench::new();
    drop(Foreground::start(&stopped, Some(&two)));
    let taken = |args: &[&str]| {
        let mut command = stopped.devlab(args);
        Ended::of_command(command.env("DATABASE_URL", &two))
    };
    taken(&import).ok();
    taken(&["verify"]).ok();
    let _server = Foreground::start(&stopped, Some(&two));
    bench.up(0);
    let there = told(&bench);
    assert!(there.len() > 8);
    for other in [&running, &stopped] {
        let again = other.run(&import).fails_with(1);
        assert!(again.err.contains("is in this lab already"), "{again:#?}");
        assert_eq!(told(other), there);
        let report = verified(other);
        assert_eq!(
            (&report["projects"], &report["merges"]),
            (&1.into(), &2.into())
        );
    }
    drop(server);
}

/// Folders of repositories, whole or not.
fn repositories_of_all(bench: &Bench) -> Vec<PathBuf> {
    let orgs = std::fs::read_dir(bench.home().join("repos")).unwrap();
    let repos = orgs.flatten().map(|org| std::fs::read_dir(org.path()));
    let repos = repos.flat_map(|org| org.unwrap().flatten());
    repos.map(|entry| entry.path()).collect()
}

/// How many logs the database of a lab that is stopped has.
fn logs(bench: &Bench) -> String {
    let count = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
        print(*[c.execute('SELECT count(*) FROM ' + t).fetchone()[0] for t in ('heads', 'chunks')])";
    let counted = std::process::Command::new("python3")
        .args(["-c", count])
        .arg(bench.home().join("db/logs.sqlite"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&counted.stderr);
    assert!(counted.status.success(), "{said}");
    String::from_utf8(counted.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_damaged_archive_changes_nothing() {
    // Its logs are in the database: they are short.
    let bench = Bench::new();
    let folder = checkout(&bench);
    bench.up(1);
    work(&bench, &folder, "one");
    let archive = bench.path().join("org");
    bench
        .run(&["org", "export", "default", archive.to_str().unwrap()])
        .ok();
    assert!(archive.join("db/logs.jsonl.zst").exists());
    let other = Bench::new();
    other.up(0);
    let tasks = archive.join("db/tasks.jsonl.zst");
    let whole = std::fs::read(&tasks).unwrap();
    std::fs::write(&tasks, &whole[..whole.len() / 2]).unwrap();
    let args = ["org", "import", archive.to_str().unwrap(), "--as", "moved"];
    let failed = other.run(&args);
    assert_ne!(failed.code, 0, "{failed:#?}");
    other.run(&["org", "show", "moved"]).fails_with(5);
    std::fs::write(&tasks, whole).unwrap();

    // One whose name is taken is refused after all else was put there.
    let taken = other.run(&args[..3]).fails_with(1);
    assert!(taken.err.contains("--as"), "{taken:#?}");
    assert_eq!(repositories_of_all(&other), [] as [PathBuf; 0]);
    other.run(&["down"]).ok();
    assert_eq!(logs(&other), "0 0");
    other.run(&args[..3]).fails_with(1);
    assert_eq!(logs(&other), "0 0");

    // A repository that is there already, and that no project has, is not touched.
    let id = repository(&bench);
    let left = other
        .home()
        .join("repos")
        .join(id.strip_prefix(bench.home().join("repos")).unwrap());
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("HEAD"), "somebody's").unwrap();
    other.up(0);
    let refused = other.run(&args).fails_with(1);
    assert!(refused.err.contains("is there already"), "{refused:#?}");
    assert_eq!(std::fs::read(left.join("HEAD")).unwrap(), b"somebody's");
    std::fs::remove_dir_all(&left).unwrap();

    // The database fails before the records are in, and after that, when nobody is told.
    other.run(&["down"]).ok();
    let broken = |point: &str| {
        let mut import = other.devlab(&args);
        Ended::of_command(import.env("DEVLAB_FAULTS", format!("{point}=fail@1")))
    };
    broken("store.before_commit").fails_with(1);
    assert_eq!(repositories_of_all(&other), [] as [PathBuf; 0]);
    assert_eq!(logs(&other), "0 0");
    broken("store.after_commit").ok();
    verified(&other);
    other.up(0);
    assert_eq!(told(&other), told(&bench));
    work(&bench, &folder, "three");
}

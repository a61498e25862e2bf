//! A data folder and a database that do not belong together.

use devlab_store::conformance::postgres::Server as Postgres;

use super::{Foreground, backup, lab, repository, verified};
use crate::bench::{Bench, Ended};

fn run(bench: &Bench, database: &str, args: &[&str]) -> Ended {
    Ended::of_command(bench.devlab(args).env("DATABASE_URL", database))
}

/// A server that does not start, and why.
fn refused(bench: &Bench, database: Option<&str>) -> String {
    let mut command = bench.devlab(&["server"]);
    command.envs(database.map(|url| ("DATABASE_URL", url)));
    Ended::of_command(&mut command).fails_with(1).err
}

#[test]
fn a_wrong_or_missing_database_costs_no_repository() {
    let (bench, _) = lab();
    let repo = repository(&bench);
    let head = bench.git(&repo, &["rev-parse", "main"]);
    let archive = backup(&bench, "lab.tar");
    let archive = archive.to_str().unwrap();
    let postgres = Postgres::start(&[]);
    let (one, other) = (postgres.create("one"), postgres.create("other"));

    // An empty database, and one that has another lab.
    let said = refused(&bench, Some(&other));
    assert!(said.contains("DATABASE_URL"), "{said}");
    let second = Bench::new();
    run(&second, &other, &["restore", archive]).ok();
    let said = refused(&bench, Some(&other));
    assert!(said.contains("do not belong to the lab in"), "{said}");
    assert!(!said.contains("postgres://"), "{said}");

    // A lab in PostgreSQL, whose variable was forgotten.
    let first = Bench::new();
    run(&first, &one, &["restore", archive]).ok();
    let said = refused(&first, None);
    assert!(said.contains("DATABASE_URL"), "{said}");
    assert_eq!(first.git(&repository(&first), &["rev-parse", "main"]), head);
    drop(Foreground::start(&first, Some(&one)));

    // Another server of that lab, with a folder of its own; and again after the lab was replaced.
    let third = Bench::new();
    drop(Foreground::start(&third, Some(&one)));
    let own = |bench: &Bench| std::fs::read_to_string(bench.home().join("lab-id")).unwrap();
    assert_eq!(own(&third), own(&first));
    run(&first, &one, &["restore", archive, "--replace"]).ok();
    assert_ne!(own(&third), own(&first));
    drop(Foreground::start(&third, Some(&one)));
    assert_eq!(own(&third), own(&first), "it has no repositories");

    // Nor is a lab that is stopped looked at, copied or added to with another one's database.
    let org = second.path().join("org");
    run(
        &second,
        &other,
        &["org", "export", "default", org.to_str().unwrap()],
    )
    .ok();
    for args in [
        &["verify"][..],
        &["backup", "x.tar"],
        &["org", "export", "default", "x"],
        &["org", "import", org.to_str().unwrap(), "--as", "theirs"],
    ] {
        let said = run(&first, &other, args).fails_with(1).err;
        assert!(
            said.contains("do not belong to the lab in"),
            "{args:?}: {said}"
        );
    }
    assert!(!first.path().join("x.tar").exists());
    run(&first, &one, &["verify"]).ok();

    // A folder that was replaced itself is that of the lab that is there now.
    bench.run(&["restore", archive, "--replace"]).ok();
    assert_eq!(bench.git(&repo, &["rev-parse", "main"]), head);
    bench.up(0);
    bench.run(&["down"]).ok();
    verified(&bench);
}

#[test]
fn a_restored_lab_is_another_one_than_was_in_its_folder_before() {
    let (bench, _) = lab();
    let archive = backup(&bench, "lab.tar");
    let restore = ["restore", archive.to_str().unwrap(), "--replace"];
    let postgres = Postgres::start(&[]);
    let (one, other) = (postgres.create("one"), postgres.create("other"));
    let server = Bench::new();
    let own = || std::fs::read_to_string(server.home().join("lab-id")).unwrap();
    let mut ids = std::collections::BTreeSet::new();

    // From a laptop to the server, and from there into PostgreSQL, whose variable is forgotten later.
    server.run(&restore).ok();
    ids.insert(own());
    run(&server, &one, &restore).ok();
    ids.insert(own());
    assert!(
        !server.home().join("db").exists(),
        "yesterday's lab is gone"
    );
    let said = refused(&server, None);
    assert!(said.contains("DATABASE_URL"), "{said}");
    drop(Foreground::start(&server, Some(&one)));

    // The lab in the first database may go on, with other servers.
    run(&server, &other, &restore).ok();
    ids.insert(own());
    let said = refused(&server, Some(&one));
    assert!(said.contains("DATABASE_URL"), "{said}");
    // And back, with the variable still set.
    server.run(&restore).ok();
    ids.insert(own());
    let said = refused(&server, Some(&other));
    assert!(said.contains("DATABASE_URL"), "{said}");
    assert_eq!(ids.len(), 4, "{ids:?}");
    verified(&server);
}

//! Labs that were restored, and the place of blobs of the one that was archived.

use std::path::{Path, PathBuf};

use devlab_store::conformance::postgres::Server as Postgres;

use super::broken::on;
use super::{backup, checkout, told, verified, work};
use crate::bench::{Bench, Ended, until};

fn lab(place: &Path) -> Bench {
    let place = place.to_str().unwrap().to_owned();
    Bench::sealing().with_env(&[("DEVLAB_BLOBS", place)])
}

/// Files of blobs, by name.
fn blobs(place: &Path) -> Vec<PathBuf> {
    let below = |dir: PathBuf| std::fs::read_dir(dir).into_iter().flatten().flatten();
    let folders = below(place.join("sha256")).map(|entry| entry.path());
    let mut found: Vec<_> = folders
        .flat_map(|folder| below(folder).map(|entry| entry.path()))
        .collect();
    found.sort();
    found
}

/// The place is that of the lab in this folder.
fn is_of(bench: &Bench, place: &Path) {
    let read = |file: PathBuf| std::fs::read_to_string(file).unwrap();
    assert_eq!(read(place.join("lab")), read(bench.home().join("lab-id")));
}

/// What the lab has logged of a place that is not its own.
fn complains(bench: &Bench) {
    until("the lab to miss its place", || {
        let said = bench.run(&["logs"]).ok();
        let said = format!("{}{}", said.out, said.err);
        said.contains("the bytes of another lab").then_some(())
    });
}

#[test]
fn a_restored_lab_takes_no_place_unless_that_is_said() {
    let shared = tempfile::tempdir().unwrap();
    let place = shared.path().join("blobs");
    let first = lab(&place);
    let folder = checkout(&first);
    first.up(1);
    work(&first, &folder, "one");
    until("a sealed log", || (!blobs(&place).is_empty()).then_some(()));
    let archive = backup(&first, "lab.tar");
    let archive = archive.to_str().unwrap();
    work(&first, &folder, "two");
    until("more", || (blobs(&place).len() > 1).then_some(()));
    first.run(&["down"]).ok();
    let kept = blobs(&place);
    let owner = std::fs::read(place.join("lab")).unwrap();

    // A drill on another machine, with the settings of the first.
    let drill = lab(&place);
    let refused = drill.run(&["restore", archive]).fails_with(1);
    assert!(refused.err.contains("another lab"), "{refused:#?}");
    assert!(refused.err.contains("--take-blobs"), "{refused:#?}");
    assert!(!drill.home().join("restoring").exists());
    assert!(!drill.home().join("db").exists());
    // A lab that has nothing to do with it.
    let other = lab(&place);
    other.up(0);
    complains(&other);
    other.run(&["down"]).ok();
    // One with a place of its own.
    let aside = Bench::sealing();
    aside.run(&["restore", archive]).ok();
    verified(&aside);
    assert_eq!(blobs(&place), kept);
    assert_eq!(std::fs::read(place.join("lab")).unwrap(), owner);
    first.run(&["verify"]).ok();

    // The first one is given up. A try that is cut off leaves it as it was.
    let mut cut = drill.devlab(&["restore", archive, "--take-blobs"]);
    cut.env("DEVLAB_FAULTS", "restore.looking=kill@1");
    assert_eq!(Ended::of_command(&mut cut).code, -1);
    assert_eq!(std::fs::read(place.join("lab")).unwrap(), owner);
    // One that is cut off at its end has to be ended, and needs no further word.
    cut = drill.devlab(&["restore", archive, "--take-blobs"]);
    cut.env("DEVLAB_FAULTS", "restore.taken=kill@1");
    assert_eq!(Ended::of_command(&mut cut).code, -1);
    assert_ne!(std::fs::read(place.join("lab")).unwrap(), owner);
    let refused = drill.run(&["server"]).fails_with(1);
    assert!(refused.err.contains("only ends it"), "{refused:#?}");
    drill.run(&["restore", archive]).ok();
    is_of(&drill, &place);
    verified(&drill);
    drill.up(0);
    assert!(!told(&drill).is_empty());
    let again = backup(&drill, "again.tar");
    first.up(0);
    complains(&first);
    assert_eq!(
        blobs(&place),
        kept,
        "nothing of either goes on its first day"
    );
    // What was restored here may be restored again without a word.
    drill.run(&["down"]).ok();
    let args = ["restore", again.to_str().unwrap(), "--replace"];
    drill.run(&args).ok();
    is_of(&drill, &place);
    verified(&drill);
}

#[test]
fn a_restore_that_does_not_end_leaves_an_empty_place_to_nobody() {
    let (first, _) = super::lab();
    let archive = backup(&first, "lab.tar");
    let restore = ["restore", archive.to_str().unwrap()];
    let shared = tempfile::tempdir().unwrap();
    let broken = |name: &str, fault: &str| {
        let place = shared.path().join(name);
        let bench = lab(&place);
        let mut command = bench.devlab(&restore);
        let ended = Ended::of_command(command.env("DEVLAB_FAULTS", fault));
        assert_ne!(ended.code, 0, "{ended:#?}");
        (bench, place, ended)
    };

    // One that is cut off knows what it has put there.
    let (bench, place, _) = broken("cut", "restore.records=kill@1");
    assert!(!blobs(&place).is_empty() && !place.join("lab").exists());
    bench.run(&restore).ok();
    is_of(&bench, &place);
    // One that fails says what it leaves.
    let (bench, place, failed) = broken("failed", "restore.records=fail@1");
    assert!(failed.err.contains("--take-blobs"), "{failed:#?}");
    assert!(!bench.home().join("restoring").exists() && !place.join("lab").exists());
    bench.run(&restore).fails_with(1);
    bench.run(&[&restore[..], &["--take-blobs"]].concat()).ok();
    is_of(&bench, &place);
    // Nothing was put yet.
    let (bench, place, failed) = broken("early", "restore.checking=fail@1");
    assert!(!failed.err.contains("--take-blobs"), "{failed:#?}");
    bench.run(&restore).ok();
    is_of(&bench, &place);
    // Another lab has come to have it before the restore was at its end.
    let (bench, place, _) = broken("lost", "restore.looking=kill@1");
    std::fs::write(place.join("lab"), "another\n").unwrap();
    let refused = bench.run(&restore).fails_with(1);
    assert!(refused.err.contains("another lab"), "{refused:#?}");
    assert!(!bench.home().join("restoring").exists());
    assert_eq!(std::fs::read(place.join("lab")).unwrap(), b"another\n");
    // The same when everything is made: in a folder's own store nothing is in place yet.
    let (bench, place, _) = broken("overtaken", "restore.made=kill@1");
    std::fs::write(place.join("lab"), "another\n").unwrap();
    let refused = bench.run(&restore).fails_with(1);
    assert!(refused.err.contains("another lab"), "{refused:#?}");
    assert!(!bench.home().join("restoring").exists() && !bench.home().join("db").exists());
    assert_eq!(std::fs::read(place.join("lab")).unwrap(), b"another\n");
    // Everything is made, and another place is given by now.
    let (bench, place, _) = broken("moved", "restore.taken=kill@1");
    let mut elsewhere = bench.devlab(&restore);
    elsewhere.env("DEVLAB_BLOBS", shared.path().join("elsewhere"));
    let refused = Ended::of_command(&mut elsewhere).fails_with(1);
    assert!(refused.err.contains("elsewhere"), "{refused:#?}");
    bench.run(&restore).ok();
    is_of(&bench, &place);
}

#[test]
fn a_restore_into_postgresql_that_loses_its_place_at_the_end_knows_that_its_records_are_in() {
    let (first, _) = super::lab();
    let archive = backup(&first, "lab.tar");
    let restore = ["restore", archive.to_str().unwrap()];
    let shared = tempfile::tempdir().unwrap();
    let place = shared.path().join("blobs");
    let postgres = Postgres::start(&[]);
    let (url, bench) = (postgres.create("lab"), lab(&place));
    let killed = on(&bench, &url, "restore.made=kill@1", &restore);
    assert_eq!(killed.code, -1, "{killed:#?}");
    std::fs::write(place.join("lab"), "another\n").unwrap();
    let refused = on(&bench, &url, "", &restore).fails_with(1).err;
    assert!(refused.contains("another lab"), "{refused}");
    assert!(refused.contains("the records of"), "{refused}");
    let refused = on(&bench, &url, "", &["server"]).fails_with(1).err;
    assert!(refused.contains("cut off"), "{refused}");
    // The only way is forward, to another place.
    let elsewhere = |args: &[&str]| {
        let mut command = bench.devlab(args);
        command.env("DATABASE_URL", &url);
        command.env("DEVLAB_BLOBS", shared.path().join("elsewhere"));
        Ended::of_command(&mut command).ok()
    };
    elsewhere(&restore);
    elsewhere(&["verify"]);
    is_of(&bench, &shared.path().join("elsewhere"));
    assert_eq!(std::fs::read(place.join("lab")).unwrap(), b"another\n");
}

#[test]
fn a_lab_at_the_place_of_another_one_says_so_and_loses_no_time() {
    let shared = tempfile::tempdir().unwrap();
    let place = shared.path().join("blobs");
    let first = lab(&place);
    let folder = checkout(&first);
    first.up(1);
    work(&first, &folder, "one");
    until("a sealed log", || (!blobs(&place).is_empty()).then_some(()));
    first.run(&["down"]).ok();
    let kept = blobs(&place);

    let other = lab(&place);
    let up = other.run(&["up", "--detach", "--agents", "1"]).ok();
    assert!(up.err.contains("the bytes of another lab"), "{up:#?}");
    let doctor = other.run(&["doctor"]);
    let said = format!("{}{}", doctor.out, doctor.err);
    assert!(doctor.code != 0 && said.contains("another lab"), "{said}");
    // What its tasks want kept is not, and nobody waits for that.
    let folder = other.checkout("tool");
    let run = ["run", "Report", "--artifact", "*.txt", "--output", "json"];
    let script = "for name in a b c; do echo $name >$name.txt; done";
    let run = [&run[..], &["--", "sh", "-c", script]].concat();
    let done = other.run_in(&folder, &run).ok().json();
    let goal = done["task"]["id"].as_str().unwrap();
    let log = other
        .run(&["task", "logs", goal, "--attempt", "1"])
        .ok()
        .out;
    assert!(log.contains("not kept: a.txt and 2 more"), "{log}");
    assert_eq!(log.matches("not kept").count(), 1, "{log}");
    other.run(&["artifact", "get", goal]).fails_with(5);
    assert_eq!(blobs(&place), kept);
}

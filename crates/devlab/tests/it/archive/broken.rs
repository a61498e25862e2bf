//! What is broken is noticed, and named.

use std::fs;
use std::path::{Path, PathBuf};

use devlab_store::conformance::postgres::Server as Postgres;

use crate::bench::{Bench, Ended};

use super::{backup, blobs, lab, repository, told, verified};

/// Restores into a folder of its own, and gives what happened and what is there.
fn restore(archive: &Path) -> (Bench, Ended) {
    let fresh = Bench::new();
    let ended = fresh.run(&["restore", archive.to_str().unwrap()]);
    (fresh, ended)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn every_damaged_missing_or_added_part_of_an_archive_is_named() {
    let (bench, _) = lab();
    let archive = backup(&bench, "backup");
    let mut parts = Vec::new();
    files(&archive, &mut parts);
    assert!(parts.len() > 15, "{parts:?}");
    for part in parts {
        let name = part.strip_prefix(&archive).unwrap().display().to_string();
        let whole = fs::read(&part).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        for broken in [Some(flipped), Some(whole[..middle].to_vec()), None] {
            match broken {
                Some(bytes) => fs::write(&part, bytes).unwrap(),
                None => fs::remove_file(&part).unwrap(),
            }
            let (fresh, ended) = restore(&archive);
            assert_eq!(ended.code, 1, "{name}: {ended:#?}");
            assert!(ended.err.contains(&name), "{name}: {ended:#?}");
            assert!(!fresh.home().join("db").exists(), "{name}");
            assert!(!fresh.home().join("restoring").exists(), "{name}");
        }
        fs::write(&part, whole).unwrap();
    }
    let (fresh, ended) = restore(&archive);
    ended.ok();
    verified(&fresh);
}

#[test]
fn an_archive_that_was_cut_off_or_is_newer_is_none() {
    let (bench, _) = lab();
    let archive = backup(&bench, "backup.tar");
    let whole = fs::read(&archive).unwrap();
    for len in [0, 100, 512, whole.len() / 2, whole.len() - 2048] {
        fs::write(&archive, &whole[..len]).unwrap();
        let (fresh, ended) = restore(&archive);
        let ended = ended.fails_with(1);
        assert!(
            ended.err.contains("cut off") || ended.err.contains("damaged"),
            "{ended:#?}"
        );
        assert!(!fresh.home().join("db").exists());
    }
    let folder = backup(&bench, "backup");
    let manifest = folder.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"format\": 1", "\"format\": 9")).unwrap();
    let ended = restore(&folder).1.fails_with(1);
    assert!(ended.err.contains("manifest.json"), "{ended:#?}");
    // A name that is taken is left alone.
    let taken = bench
        .run(&["backup", archive.to_str().unwrap()])
        .fails_with(1);
    assert!(taken.err.contains("is there already"), "{taken:#?}");
    let left: Vec<_> = fs::read_dir(bench.path())
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .contains("partial")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_restore_that_is_killed_anywhere_says_so_and_can_be_done_again() {
    let (bench, _) = lab();
    let archive = backup(&bench, "backup.tar");
    let archive = archive.to_str().unwrap();
    for point in [
        "restore.checking",
        "restore.repository",
        "restore.blobs",
        "restore.records",
        "restore.looking",
        "restore.made",
        "restore.taken",
        "restore.place",
        "restore.between",
    ] {
        let fresh = Bench::new();
        let mut command = fresh.devlab(&["restore", archive]);
        command.env("DEVLAB_FAULTS", format!("{point}=kill@1"));
        let killed = Ended::of_command(&mut command);
        assert_eq!(killed.code, -1, "{point}: {killed:#?}");
        for args in [&["server"][..], &["verify"], &["backup", "x.tar"]] {
            let refused = fresh.run(args);
            assert_ne!(refused.code, 0, "{point}: {refused:#?}");
            if args == ["server"] {
                assert!(refused.err.contains("cut off"), "{point}: {refused:#?}");
                assert!(
                    refused.err.contains("devlab restore"),
                    "{point}: {refused:#?}"
                );
            }
        }
        fresh.run(&["restore", archive]).ok();
        assert_eq!(verified(&fresh)["merges"], 2, "{point}");
        assert!(!fresh.home().join("restoring").exists(), "{point}");
    }
}

/// Runs a command on a database, broken at a point.
pub(super) fn on(bench: &Bench, database: &str, faults: &str, args: &[&str]) -> Ended {
    let mut command = bench.devlab(args);
    command.env("DATABASE_URL", database);
    command.env("DEVLAB_FAULTS", faults);
    Ended::of_command(&mut command)
}

#[test]
fn a_restore_into_postgresql_that_is_killed_anywhere_says_what_is_left() {
    let (bench, _) = lab();
    let archive = backup(&bench, "backup.tar");
    let restore = ["restore", archive.to_str().unwrap()];
    let replace = [restore[0], restore[1], "--replace"];
    let postgres = Postgres::start(&[]);
    for (point, may_be_in) in [
        ("restore.checking", false),
        ("restore.blobs", false),
        ("restore.records", true),
        ("restore.looking", true),
        ("restore.taken", false),
        ("restore.between", false),
    ] {
        let name = point.replace('.', "_");
        let (url, fresh) = (postgres.create(&name), Bench::new());
        // There is a lab, which is to be replaced.
        on(&fresh, &url, "", &restore).ok();
        let killed = on(&fresh, &url, &format!("{point}=kill@1"), &replace);
        assert_eq!(killed.code, -1, "{point}: {killed:#?}");
        let refused = on(&fresh, &url, "", &["server"]).fails_with(1).err;
        assert!(refused.contains("cut off"), "{point}: {refused}");
        assert!(refused.contains("devlab restore"), "{point}: {refused}");
        assert_eq!(refused.contains("the records of"), may_be_in, "{refused}");
        // There is a way back as long as nothing of the old lab is gone.
        let has_way_back = refused.contains("go on with what was there before");
        let is_placing = ["restore.taken", "restore.between"].contains(&point);
        assert_eq!(
            has_way_back,
            !may_be_in && !is_placing,
            "{point}: {refused}"
        );
        // What has begun there needs no further word, though the folder has repositories.
        let again = match may_be_in || is_placing {
            true => on(&fresh, &url, "", &restore),
            false => on(&fresh, &url, "", &replace),
        };
        again.ok();
        on(&fresh, &url, "", &["verify"]).ok();
        assert!(!fresh.home().join("restoring").exists(), "{point}");
    }
}

#[test]
fn a_restore_into_postgresql_that_fails_is_undone_or_says_that_it_is_not() {
    let (bench, _) = lab();
    let archive = backup(&bench, "backup.tar");
    let restore = ["restore", archive.to_str().unwrap()];
    let replace = [restore[0], restore[1], "--replace"];
    let postgres = Postgres::start(&[]);
    let (one, other) = (postgres.create("one"), postgres.create("other"));
    let second = Bench::new();
    on(&second, &other, "", &restore).ok();
    let id_of_other = || postgres.sql("other", "SELECT value FROM settings WHERE key = 'lab_id'");
    let other_before = id_of_other();

    // Before the records: nothing has happened.
    let first = Bench::new();
    on(&first, &one, "", &restore).ok();
    let lab = fs::read(first.home().join("lab-id")).unwrap();
    let records = "restore.records=fail@1";
    let failed = on(&first, &one, records, &replace).fails_with(1);
    assert!(!failed.err.contains("the records of"), "{failed:#?}");
    assert!(!first.home().join("restoring").exists());
    assert_eq!(fs::read(first.home().join("lab-id")).unwrap(), lab);
    on(&first, &one, "", &["verify"]).ok();

    // After them: what was there is gone, and there is only one way.
    let looking = "restore.looking=fail@1";
    let failed = on(&first, &one, looking, &replace).fails_with(1);
    assert!(failed.err.contains("the records of"), "{failed:#?}");
    assert!(!failed.err.contains("postgres://"), "{failed:#?}");
    let state = fs::read_to_string(first.home().join("restoring/state.json")).unwrap();
    assert!(!state.contains("postgres://"), "{state}");
    on(&first, &one, "", &["server"]).fails_with(1);
    // It fails again, earlier.
    let checking = "restore.checking=fail@1";
    let failed = on(&first, &one, checking, &replace).fails_with(1);
    assert!(failed.err.contains("the records of"), "{failed:#?}");
    on(&first, &one, "", &["server"]).fails_with(1);

    // What was begun in one database says nothing about another.
    let third = Bench::new();
    on(&third, &postgres.create("third"), looking, &restore).fails_with(1);
    let refused = on(&third, &other, "", &restore).fails_with(1);
    assert!(refused.err.contains("--replace"), "{refused:#?}");
    assert_eq!(id_of_other(), other_before);
    on(&second, &other, "", &["verify"]).ok();

    on(&first, &one, "", &replace).ok();
    on(&first, &one, "", &["verify"]).ok();
    assert_ne!(fs::read(first.home().join("lab-id")).unwrap(), lab);
}

#[test]
fn a_lab_that_is_there_is_replaced_only_when_that_is_said() {
    let (bench, _) = lab();
    let archive = backup(&bench, "backup.tar");
    let other = Bench::new();
    other.up(0);
    let running = other
        .run(&["restore", archive.to_str().unwrap()])
        .fails_with(1);
    assert!(running.err.contains("devlab down"), "{running:#?}");
    other.run(&["org", "create", "theirs"]).ok();
    other.run(&["down"]).ok();
    let refused = other
        .run(&["restore", archive.to_str().unwrap()])
        .fails_with(1);
    assert!(refused.err.contains("--replace"), "{refused:#?}");
    let args = ["restore", archive.to_str().unwrap(), "--replace"];
    other.run(&args).ok();
    assert_eq!(verified(&other)["merges"], 2);
    other.up(0);
    other.run(&["org", "show", "theirs"]).fails_with(5);
    bench.up(0);
    assert_eq!(told(&other), told(&bench));
}

/// The first problem that `verify` finds once something was broken.
fn found(bench: &Bench) -> String {
    let ended = bench.run(&["verify", "--output", "json"]).fails_with(1);
    let report = ended.json();
    assert_eq!(report["ok"], false);
    let problems = report["problems"].as_array().unwrap();
    let texts: Vec<String> = problems
        .iter()
        .map(|problem| {
            assert!(!problem["help"].as_str().unwrap().is_empty());
            format!("{}: {}", problem["place"], problem["what"])
        })
        .collect();
    texts.join("\n")
}

fn sql(bench: &Bench, sql: &str) {
    let file = bench.home().join("db/devlab.sqlite");
    let done = std::process::Command::new("python3")
        .args(["-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.close()"])
        .arg(file)
        .arg(sql)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn verify_makes_merges_again() {
    let (bench, _) = lab();
    let repo = repository(&bench);
    // A merge was made at another time.
    sql(&bench, "UPDATE candidates SET stamp = stamp + 5000");
    let problems = found(&bench);
    assert!(problems.contains("does not have the time"), "{problems}");
    sql(&bench, "UPDATE candidates SET stamp = stamp - 5000");
    verified(&bench);

    // One brings in what nobody did.
    let head = bench.git(&repo, &["rev-parse", "main"]);
    let forged = bench.git(&repo, &["rev-parse", "main~1^{tree}"]);
    let message = bench.git(&repo, &["log", "-1", "--format=%B", "main"]);
    let devlab = [
        "-c",
        "user.name=devlab",
        "-c",
        "user.email=devlab@localhost",
    ];
    let forge = [
        "commit-tree",
        "-p",
        "main^1",
        "-p",
        "main^2",
        "-m",
        &message,
        &forged,
    ];
    let forged = bench.git(&repo, &[&devlab[..], &forge].concat());
    bench.git(&repo, &["update-ref", "refs/heads/main", &forged]);
    sql(
        &bench,
        &format!(
            "UPDATE candidates SET tip = '{forged}', entries = replace(entries, '{head}', '{forged}') \
             WHERE tip = '{head}'; \
             UPDATE tasks SET published = '{forged}' WHERE published = '{head}'; \
             UPDATE branch_heads SET head = '{forged}' WHERE head = '{head}'"
        ),
    );
    let problems = found(&bench);
    let wrong = format!("{forged} has the tree");
    assert!(problems.contains(&wrong), "{problems}");
}

#[test]
fn verify_names_what_does_not_hold() {
    let (bench, _) = lab();
    let repo = repository(&bench);
    let copy = bench.path().join("copy");
    let home = bench.home();
    let reset = || {
        let copied = std::process::Command::new("sh")
            .args(["-c", "rm -rf \"$2\"; cp -a \"$1\" \"$2\"", "sh"])
            .args([&copy, &home])
            .status();
        assert!(copied.unwrap().success());
    };
    fs::rename(&home, &copy).unwrap();
    reset();
    verified(&bench);

    // An object that a record names is gone.
    let head = bench.git(&repo, &["rev-parse", "main"]);
    fs::remove_file(repo.join("objects").join(&head[..2]).join(&head[2..])).unwrap();
    let problems = found(&bench);
    assert!(
        problems.contains(&head) && problems.contains("is not in the repository"),
        "{problems}"
    );

    // A branch was moved by hand.
    reset();
    bench.git(&repo, &["update-ref", "refs/heads/main", "main~2"]);
    let problems = found(&bench);
    assert!(problems.contains("does not come after"), "{problems}");
    assert!(problems.contains("is in no branch"), "{problems}");

    // A receipt is about another tree.
    reset();
    let zeros = "0".repeat(40);
    sql(&bench, &format!("UPDATE receipts SET tree = '{zeros}'"));
    let problems = found(&bench);
    assert!(problems.contains("which is not the tree of"), "{problems}");
    assert!(
        problems.contains("without a passing receipt of greets"),
        "{problems}"
    );

    // A task says that it is done.
    reset();
    sql(&bench, "DELETE FROM candidates");
    let problems = found(&bench);
    assert!(problems.contains("was never published"), "{problems}");

    // The bytes of a log are others, or gone.
    reset();
    let blob = &blobs(&bench)[0];
    let mut bytes = fs::read(blob).unwrap();
    bytes[10] ^= 1;
    fs::write(blob, &bytes).unwrap();
    let problems = found(&bench);
    assert!(problems.contains("is damaged"), "{problems}");
    fs::remove_file(blob).unwrap();
    let problems = found(&bench);
    assert!(
        problems.contains("the log of att_") && problems.contains("is not there"),
        "{problems}"
    );

    // What cannot be read whole is not backed up, and a lab that runs says why.
    reset();
    fs::remove_file(repo.join("objects").join(&head[..2]).join(&head[2..])).unwrap();
    bench.up(0);
    let refused = bench.run(&["backup", "broken.tar"]).fails_with(1);
    assert!(refused.err.contains("devlab verify"), "{refused:#?}");
    assert!(!bench.path().join("broken.tar").exists());
    bench.run(&["down"]).ok();

    // A repository is gone altogether.
    reset();
    fs::remove_dir_all(&repo).unwrap();
    let problems = found(&bench);
    assert!(problems.contains("cannot be used"), "{problems}");
}

/// A small file system of its own, which only root can mount.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8k", "tmpfs"])
            .arg(at)
            .output()
            .is_ok_and(|output| output.status.success());
        let is_root = rustix::process::geteuid().is_root();
        assert!(mounted || !is_root, "root cannot mount a small disk here");
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
        drop(unmounted);
    }
}

#[test]
fn a_full_disk_leaves_nothing_that_looks_like_an_archive() {
    let (bench, _) = lab();
    let at = bench.path().join("small");
    let Some(disk) = SmallDisk::mount(&at) else {
        return;
    };
    for name in ["backup.tar", "backup"] {
        let to = at.join(name);
        let full = bench.run(&["backup", to.to_str().unwrap()]).fails_with(1);
        assert!(full.err.contains("No space left"), "{full:#?}");
        let left: Vec<_> = fs::read_dir(&at).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
    drop(disk);
}

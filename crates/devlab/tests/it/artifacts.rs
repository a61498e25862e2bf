//! Artifacts, from a driver's tree to somebody's folder, with blobs in the lab's own folder.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::path::Path;

use crate::bench::{Bench, Ended, json};

/// Makes bytes that are no text, and more than one piece of a blob.
const PICTURE: &str = "seq 1 900000 | gzip -n -c";
/// A report with a colour: what is kept is what was written.
const REPORT: &str = "f\u{1b}[32mine\u{1b}[0m\n";

/// Runs a task to its end, which keeps files; returns its goal.
fn work(bench: &Bench, folder: &Path, script: &str) -> String {
    let args = ["run", "Report", "--artifact", "shots/**", "--artifact"];
    let args = [&args[..], &["report.txt", "--output", "json"]].concat();
    let args = [&args[..], &["--", "sh", "-c", script]].concat();
    let done = bench.run_in(folder, &args).ok().json();
    done["task"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn artifacts_are_listed_and_fetched_byte_for_byte() {
    let bench = Bench::new();
    let folder = bench.checkout("tool");
    bench.up(1);
    let script = format!(
        "mkdir shots; {PICTURE} >shots/ü.gz; printf '{REPORT}' >report.txt; echo no >other.txt"
    );
    let goal = work(&bench, &folder, &script);
    let made = std::process::Command::new("sh")
        .args(["-c", PICTURE])
        .output();
    let expected = made.unwrap().stdout;
    assert!(expected.len() > 1 << 20);

    let kept = json(&bench, &["artifact", "list", &goal]);
    let kept: Vec<_> = kept
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["path"].as_str().unwrap(), one["size"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        kept,
        [
            ("report.txt", REPORT.len() as u64),
            ("shots/ü.gz", expected.len() as u64)
        ]
    );
    let table = bench.run(&["artifact", "list", &goal, "--attempt", "1"]);
    let table = table.ok().out;
    assert!(
        table.contains("report.txt") && table.contains("shots/ü.gz"),
        "{table}"
    );
    bench
        .run(&["artifact", "list", &goal, "--attempt", "2"])
        .fails_with(5);

    // All of them, below a folder; one, where it is wanted; one, printed.
    let into = bench.path().join("got");
    let fetch =
        |args: &[&str]| -> Ended { bench.run(&[&["artifact", "get", &goal], args].concat()) };
    fetch(&["--into", into.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read(into.join("shots/ü.gz")).unwrap(), expected);
    assert_eq!(
        std::fs::read(into.join("report.txt")).unwrap(),
        REPORT.as_bytes()
    );
    assert!(!into.join("other.txt").exists());
    let one = bench.path().join("one");
    fetch(&["report.txt", "--into", one.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read_dir(&one).unwrap().count(), 1);
    assert_eq!(fetch(&["report.txt", "--into", "-"]).ok().out, REPORT);
    let missing = fetch(&["other.txt"]).fails_with(5);
    assert!(missing.err.contains("artifact list"), "{missing:#?}");

    // Whose blob is damaged says so, and leaves no file that looks whole.
    bench.run(&["down"]).ok();
    let blobs = bench.home().join("blobs/sha256");
    let mut largest = (0, std::path::PathBuf::new());
    for short in std::fs::read_dir(blobs).unwrap().flatten() {
        for blob in std::fs::read_dir(short.path()).unwrap().flatten() {
            let len = blob.metadata().unwrap().len();
            largest = largest.max((len, blob.path()));
        }
    }
    let mut bytes = std::fs::read(&largest.1).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&largest.1, bytes).unwrap();
    bench.up(0);
    let again = bench.path().join("again");
    let damaged = fetch(&["shots/ü.gz", "--into", again.to_str().unwrap()]);
    assert_ne!(damaged.code, 0, "{damaged:#?}");
    assert!(!again.join("shots/ü.gz").exists());
}

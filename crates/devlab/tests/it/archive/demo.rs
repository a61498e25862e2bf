//! The demo's lab, taken along.

use std::collections::BTreeSet;

use crate::bench::{Bench, Ended};

use super::{repository, verified};

#[test]
fn the_demos_lab_is_restored_with_its_receipts_merges_and_provenance() {
    let _turn = crate::demo::turn();
    let bench = Bench::new();
    let args = ["demo", "--once", "--keep", "--output", "json"];
    let demo = bench.devlab(&args).env("TMPDIR", bench.path()).output();
    let report = Ended::of(demo.unwrap()).ok().json();
    let mut kept = std::fs::read_dir(bench.path()).unwrap().flatten();
    let kept = kept.find(|entry| entry.path().join("home").is_dir());
    let home = kept.unwrap().path().join("home");
    let to = bench.path().join("demo.tar");
    let backup = ["backup", to.to_str().unwrap()];
    Ended::of_command(bench.devlab(&backup).env("DEVLAB_HOME", home)).ok();

    let fresh = Bench::new();
    fresh.run(&["restore", to.to_str().unwrap()]).ok();
    let found = verified(&fresh);
    assert_eq!(found["ok"], true, "{found:#}");
    // The trees of receipts are looked at once for each commit, whatever it was checked for.
    for counted in ["merges", "receipts"] {
        let all = report[counted].as_array().unwrap().iter();
        let commits: BTreeSet<&str> = all.map(|one| one["commit"].as_str().unwrap()).collect();
        assert_eq!(found[counted], commits.len(), "{found:#}");
    }
    let repo = repository(&fresh);
    fresh.git(&repo, &["fsck", "--full", "--strict"]);
    let history = fresh.git(&repo, &["log", "--format=%H %T", "main"]);
    for merge in report["merges"].as_array().unwrap() {
        let text = |key: &str| merge[key].as_str().unwrap();
        let line = format!("{} {}", text("commit"), text("tree"));
        assert!(history.contains(&line), "{line}\n{history}");
    }
}

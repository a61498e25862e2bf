//! Provenance on the real binary: a feature planned, done, reviewed and merged, and then verified in
//! a plain clone while no lab runs.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

mod altered;
mod keys;
mod owed;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bench::{Bench, Ended, json, until};

const PROJECT: &str = "[[check]]\nname = \"greets\"\nrun = \"grep -q hello README\"\n";
const NOTES: &str = "refs/notes/devlab";

/// A clone with provenance, and what a verifier has to know.
struct Clone {
    bench: Bench,
    dir: PathBuf,
    /// The merge of the goal.
    merge: String,
    goal: String,
    root: String,
}

impl Clone {
    fn git(&self, args: &[&str]) -> String {
        self.bench.git(&self.dir, args)
    }

    /// Verifies a commit in the clone; no lab runs.
    fn verify(&self, commit: &str, key: &str) -> Ended {
        let verify = ["provenance", "verify", commit, "--key", key];
        self.bench
            .run_in(&self.dir, &[&verify[..], &["--output", "json"]].concat())
    }

    /// What a verification says is broken.
    fn broken(&self, commit: &str, key: &str) -> String {
        let ended = self.verify(commit, key).fails_with(1);
        let broken = &ended.json()["broken"];
        let text = |name: &str| broken[name].as_str().unwrap().to_owned();
        assert!(ended.err.contains("does not hold"), "{ended:#?}");
        format!("{}: {}", text("place"), text("why"))
    }

    fn note(&self, commit: &str) -> Value {
        let text = self.git(&["notes", "--ref", NOTES, "show", commit]);
        serde_json::from_str(&text).unwrap()
    }

    fn attach(&self, commit: &str, note: &Value) {
        let file = self.bench.path().join("note");
        std::fs::write(&file, note.to_string()).unwrap();
        let file = file.to_str().unwrap();
        let identity = ["-c", "user.name=M", "-c", "user.email=m@example.org"];
        let add = [
            "notes", "--ref", NOTES, "add", "--force", "--file", file, commit,
        ];
        self.git(&[&identity[..], &add].concat());
    }
}

fn feature(bench: &Bench) -> PathBuf {
    let folder = bench.feature();
    std::fs::create_dir_all(folder.join(".devlab")).unwrap();
    std::fs::write(folder.join(".devlab/project.toml"), PROJECT).unwrap();
    bench.commit(&folder, "Describe the greeting");
    folder
}

/// The merge of a goal, once its note is there.
fn attested(bench: &Bench, goal: &str, repo: &Path) -> String {
    let merge = until("the merge of the goal", || {
        let shown = json(bench, &["task", "show", goal]);
        shown["published"].as_str().map(str::to_owned)
    });
    until("its note", || {
        let list = ["for-each-ref", "--format=%(refname)", NOTES];
        let has_ref = !bench.git(repo, &list).is_empty();
        let list = || bench.git(repo, &["notes", "--ref", NOTES, "list"]);
        (has_ref && list().contains(&merge)).then_some(())
    });
    merge
}

fn repository(bench: &Bench) -> PathBuf {
    let org = std::fs::read_dir(bench.home().join("repos"))
        .unwrap()
        .next();
    let mut found = std::fs::read_dir(org.unwrap().unwrap().path()).unwrap();
    found.next().unwrap().unwrap().path()
}

/// A Spec-Kit feature, done by three tasks and accepted by a person.
fn done_feature(bench: &Bench) -> (String, String) {
    let folder = feature(bench);
    let first = ["run", "Look around", "--output", "json", "--", "true"];
    bench.run_in(&folder, &first).ok();
    let create = [
        "goal",
        "create",
        "--project",
        "greeting",
        "--spec-kit",
        "specs/001-greeting",
        "--review",
        "true",
        "--approve",
        "--",
        "sh",
        "-c",
        "echo hi > $DEVLAB_TASK.txt",
    ];
    let made = json(bench, &create);
    let goal = made["goal"]["id"].as_str().unwrap().to_owned();
    let patch = until("the patch", || {
        let open = json(bench, &["patch", "list"]);
        open[0]["id"].as_str().map(str::to_owned)
    });
    bench.run(&["patch", "accept", &patch]).ok();
    let merge = attested(bench, &goal, &repository(bench));
    (goal, merge)
}

/// A plain clone of the project, with its notes, and no lab any more.
fn clone() -> Clone {
    let bench = Bench::new();
    bench.up(2);
    let (goal, merge) = done_feature(&bench);
    let dir = bench.path().join("clone");
    let from = repository(&bench);
    let (from, to) = (from.to_str().unwrap(), dir.to_str().unwrap());
    bench.git(bench.path(), &["clone", "--quiet", from, to]);
    let fetched = ["provenance", "fetch", "--repo", to, "--project", "greeting"];
    let fetched = json(&bench, &fetched);
    assert_eq!(fetched["ref"], NOTES);
    let root = bench.run(&["provenance", "key"]).ok().out.trim().to_owned();
    assert_eq!(fetched["root"], root.as_str());
    bench.run(&["down"]).ok();
    bench.assert_nothing_left();
    // Nothing of the lab is left but the clone.
    std::fs::remove_dir_all(bench.home()).unwrap();
    Clone {
        bench,
        dir,
        merge,
        goal,
        root,
    }
}

#[test]
fn a_feature_is_verified_in_a_plain_clone_without_a_lab() {
    let clone = clone();
    let verified = clone.verify(&clone.merge, &clone.root).ok().json();
    assert_eq!(verified["ok"], true);
    assert_eq!(verified["goal"], clone.goal.as_str());
    assert_eq!(verified["proven"], true);
    let kinds: Vec<&str> = verified["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["kind"].as_str().unwrap())
        .collect();
    for kind in [
        "goal", "plan", "task", "attempt", "receipts", "verdict", "merge",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    let count = |kind| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!(
        (count("task"), count("attempt"), count("merge")),
        (3, 3, 4),
        "{kinds:?}"
    );

    // The clone remembers the root key, and knows the commit by any name; the word of the branch.
    let words = clone
        .bench
        .run_in(&clone.dir, &["provenance", "verify", "origin/main"])
        .ok()
        .out;
    assert!(
        words.contains("accepted it") && words.contains("links hold"),
        "{words}"
    );
    assert!(words.contains("every task is proven"), "{words}");
    // A key may be in a file.
    let file = clone.bench.path().join("key");
    std::fs::write(&file, format!("{}\n", clone.root)).unwrap();
    clone.verify("HEAD", file.to_str().unwrap()).ok();
    // What has no note says so, and what is no key too.
    let without = clone.verify("HEAD^2", &clone.root).fails_with(5);
    assert!(without.err.contains("no provenance"), "{without:#?}");
    clone.verify("HEAD", "no-key").fails_with(2);
}

//! Keys: rotated, fetched, kept by backups and exports.

use serde_json::{Value, json};

use super::{NOTES, attested, clone, feature, json, repository};
use crate::bench::Bench;

/// A lab whose org has had three keys, with a merge of the time of each.
fn rotated(bench: &Bench) -> Vec<String> {
    bench.up(1);
    let folder = feature(bench);
    let mut merges = Vec::new();
    for name in ["one", "two", "three"] {
        if name != "one" {
            let keys = json(bench, &["provenance", "rotate"]);
            assert_eq!(keys["keys"].as_array().unwrap().len(), merges.len() + 1);
        }
        let script = format!("echo {name} > {name}");
        let run = ["run", name, "--", "sh", "-c", &script];
        bench.run_in(&folder, &run).ok();
        let goals = json(bench, &["goal", "list"]);
        let goal = goals[0]["id"].as_str().unwrap();
        merges.push(attested(bench, goal, &repository(bench)));
    }
    let audit = json(bench, &["audit"]);
    let rotations = audit.as_array().unwrap().iter();
    let rotations = rotations.filter(|entry| entry["action"] == "org.rotate_key");
    assert_eq!(rotations.count(), 2);
    merges
}

#[test]
fn each_key_is_signed_by_the_one_before_it() {
    let bench = Bench::new();
    let merges = rotated(&bench);
    let keys = json(&bench, &["provenance", "key"]);
    let key = |n: usize| keys["keys"][n]["key"].as_str().unwrap();
    assert!(keys["keys"][0].get("secret").is_none(), "{keys}");
    let dir = bench.path().join("greeting");
    // The checkout remembers its project.
    bench.run_in(&dir, &["project", "sync"]).ok();
    bench.run_in(&dir, &["provenance", "fetch"]).ok();
    bench.run(&["down"]).ok();
    let verify = |merge: &str, key: &str| {
        let verify = [
            "provenance",
            "verify",
            merge,
            "--key",
            key,
            "--output",
            "json",
        ];
        bench.run_in(&dir, &verify)
    };
    for (n, merge) in merges.iter().enumerate() {
        let verified = verify(merge, key(0)).ok().json();
        assert_eq!(verified["rotations"], json!(n), "{verified}");
        assert_eq!(verified["key"], key(n));
    }
    // Whoever trusts only a later key believes what was signed since.
    verify(&merges[2], key(1)).ok();
    verify(&merges[2], key(2)).ok();
    let broken = verify(&merges[0], key(1)).fails_with(1);
    assert!(broken.err.contains("not its org's"), "{broken:#?}");

    let clone = super::Clone {
        bench,
        dir,
        merge: merges[2].clone(),
        goal: String::new(),
        root: keys["root"].as_str().unwrap().to_owned(),
    };
    altered(&clone);
}

/// Rotations left out, swapped, doubled and altered.
fn altered(clone: &super::Clone) {
    let note = clone.note(&clone.merge);
    assert_eq!(note["keys"].as_array().unwrap().len(), 2);
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut altered = note.clone();
        change(&mut altered);
        clone.attach(&clone.merge, &altered);
        clone.broken(&clone.merge, &clone.root)
    };
    let first_gone = broken(&|note| {
        note["keys"].as_array_mut().unwrap().remove(0);
    });
    assert!(
        first_gone.starts_with("the keys: no rotation leads"),
        "{first_gone}"
    );
    let second_gone = broken(&|note| {
        note["keys"].as_array_mut().unwrap().remove(1);
    });
    assert!(second_gone.starts_with("link 0: "), "{second_gone}");
    let swapped = broken(&|note| {
        note["keys"].as_array_mut().unwrap().swap(0, 1);
    });
    assert!(
        swapped.starts_with("link 0: ") || swapped.starts_with("the keys: "),
        "{swapped}"
    );
    for n in 0..2 {
        for part in ["payload", "payloadType"] {
            let altered = broken(&|note| {
                let text = note["keys"][n][part].as_str().unwrap();
                let altered = format!("b{}", &text[1..]);
                note["keys"][n][part] = altered.into();
            });
            assert!(
                altered.starts_with(&format!("rotation {}: ", n + 1)),
                "{altered}"
            );
        }
    }
    let twice = broken(&|note| {
        let first = note["keys"][0].clone();
        note["keys"].as_array_mut().unwrap().insert(1, first);
    });
    assert!(twice.starts_with("rotation 2: "), "{twice}");
}

#[test]
fn a_backup_and_an_export_have_the_statements_and_the_keys() {
    let bench = Bench::new();
    let merges = rotated(&bench);
    let keys = json(&bench, &["provenance", "key"]);
    let whole = bench.path().join("whole");
    bench.run(&["backup", whole.to_str().unwrap()]).ok();
    let one = bench.path().join("one.tar");
    bench
        .run(&["org", "export", "default", one.to_str().unwrap()])
        .ok();
    bench.run(&["down"]).ok();

    let restored = Bench::new();
    restored.run(&["restore", whole.to_str().unwrap()]).ok();
    let imported = Bench::new();
    imported.up(0);
    let import = ["org", "import", one.to_str().unwrap(), "--as", "came"];
    imported.run(&import).ok();
    restored.up(0);
    let root = keys["root"].as_str().unwrap();
    let rotate = |bench: &Bench, org| json(bench, &["provenance", "rotate", "--org", org]);
    for bench in [&restored, &imported] {
        let repo = repository_of(bench);
        for merge in &merges {
            let verify = [
                "provenance",
                "verify",
                merge,
                "--repo",
                &repo,
                "--key",
                root,
            ];
            bench.run(&verify).ok();
        }
    }
    // The chain of keys goes on where it was.
    assert_eq!(json(&restored, &["provenance", "key"]), keys);
    let more = rotate(&restored, "default");
    assert_eq!(more["keys"].as_array().unwrap().len(), 4);
    assert_eq!(more["root"], keys["root"]);
    // An export has no secrets: another lab does not sign in the name of this one.
    let records = std::process::Command::new("tar")
        .arg("tf")
        .arg(&one)
        .output()
        .unwrap();
    let names = String::from_utf8(records.stdout).unwrap();
    assert!(
        names.contains("db/org_keys.") && !names.contains("db/org_secrets."),
        "{names}"
    );
    let more = rotate(&imported, "came");
    let numbers: Vec<&Value> = more["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["number"])
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(
        more["root"], more["keys"][3]["key"],
        "a beginning of its own"
    );
    assert!(more["keys"][3].get("rotation").is_none(), "{more}");
}

/// The repository that has notes.
fn repository_of(bench: &Bench) -> String {
    let orgs = std::fs::read_dir(bench.home().join("repos"))
        .unwrap()
        .flatten();
    let repos = orgs.flat_map(|org| std::fs::read_dir(org.path()).unwrap().flatten());
    let list = ["for-each-ref", "--format=%(refname)", NOTES];
    let mut repos = repos
        .map(|repo| repo.path())
        .filter(|repo| repo.join("HEAD").is_file());
    let found = repos.find(|repo| !bench.git(repo, &list).is_empty());
    found.unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_clone_does_not_take_another_root_key_for_its_own() {
    let clone = clone();
    clone.git(&["config", "devlab.rootKey", &"0".repeat(64)]);
    let refused = clone
        .bench
        .run_in(&clone.dir, &["provenance", "verify", "HEAD"]);
    refused.fails_with(1);
    clone.git(&["config", "--unset", "devlab.rootKey"]);
    let without = clone
        .bench
        .run_in(&clone.dir, &["provenance", "verify", "HEAD"])
        .fails_with(2);
    assert!(without.err.contains("--key"), "{without:#?}");
}

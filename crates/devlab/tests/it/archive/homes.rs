use serde_json::Value;

use crate::bench::Bench;
use crate::pair::Pair;

const ALL: &str = "api,loops,git";

fn work(pair: &Pair, server: &str, checkout: &std::path::Path, name: &str) {
    let script = format!("echo {name} >{name}");
    let args = ["run", name, "--", "sh", "-c", &script];
    pair.ask_in(server, checkout, &args).ok();
}

/// Tokens that were made for copies and are still good.
fn good_tokens(pair: &Pair) -> Vec<Value> {
    let tokens = pair.asked("one", &["token", "list"]);
    let tokens = tokens.as_array().unwrap().iter();
    let good = tokens.filter(|token| {
        let note = token["note"].as_str().unwrap_or_default();
        note.starts_with("a copy of") && token["revoked_at"].is_null()
    });
    good.cloned().collect()
}

#[test]
fn a_backup_has_the_repositories_of_all_servers() {
    let mut pair = Pair::new();
    pair.start("one", ALL, "");
    pair.start("two", ALL, "");
    pair.agent("one");
    let (tally, notes) = (pair.bench.checkout("tally"), pair.bench.checkout("notes"));
    work(&pair, "one", &tally, "first");
    work(&pair, "one", &notes, "second");
    let two = pair.id("two");
    let moved = pair.asked("one", &["project", "move", "notes", "--to", &two]);
    assert_eq!(moved["home"], two.as_str());
    work(&pair, "one", &notes, "third");

    let to = pair.bench.path().join("lab.tar");
    let backup = ["backup", to.to_str().unwrap()];
    pair.ask("one", &backup).ok();
    let restored = Bench::new();
    restored.run(&["restore", to.to_str().unwrap()]).ok();
    let report = super::verified(&restored);
    assert_eq!(
        (&report["projects"], &report["elsewhere"], &report["merges"]),
        (&2.into(), &0.into(), &3.into()),
        "{report}"
    );
    let org = moved["org"].as_str().unwrap();
    let copy = restored
        .home()
        .join(format!("repos/{org}/{}.git", moved["id"].as_str().unwrap()));
    let refs = ["for-each-ref"];
    let original = pair.bench.git(&pair.git_dir("two", &moved), &refs);
    assert_eq!(restored.git(&copy, &refs), original);
    assert!(original.contains("refs/devlab/attempts/"), "{original}");
    assert_eq!(good_tokens(&pair), [] as [Value; 0]);

    // Without a home there is no archive, and the reason names the project and the server.
    pair.kill("two");
    std::fs::remove_file(&to).unwrap();
    let refused = pair.ask("one", &backup).fails_with(1);
    assert!(
        refused.err.contains("notes") && refused.err.contains("from its server"),
        "{refused:#?}"
    );
    assert!(!to.exists());
    assert_eq!(good_tokens(&pair), [] as [Value; 0]);
    let left = std::fs::read_dir(pair.home("one")).unwrap().flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".archive"));
    assert_eq!(left.count(), 0);
    pair.start("two", ALL, "");
    pair.ask("one", &backup).ok();
}

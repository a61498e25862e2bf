use serde_json::Value;

use crate::bench::{Bench, Ended};
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
    // A result that waits for a person, and whose refs somebody has removed: it is fetched by its id.
    let args = [
        "run",
        "fourth",
        "--review",
        "--",
        "sh",
        "-c",
        "echo 4 >four",
    ];
    pair.ask_in("one", &notes, &args).fails_with(7);
    let repository = pair.git_dir("two", &moved);
    let held = pair.bench.git(
        &repository,
        &["for-each-ref", "--format=%(refname)", "refs/devlab"],
    );
    for name in held.lines() {
        pair.bench.git(&repository, &["update-ref", "-d", name]);
    }

    sees_what_others_have(&pair, &repository);
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
    assert!(original.contains("refs/heads/main"), "{original}");
    assert_eq!(good_tokens(&pair), [] as [Value; 0]);

    without_the_home(&mut pair, &repository, &to);
}

/// A server that runs looks at the repositories of the others too.
fn sees_what_others_have(pair: &Pair, repository: &std::path::Path) {
    let report = pair.asked("one", &["verify"]);
    let counted = (&report["projects"], &report["elsewhere"], &report["merges"]);
    assert_eq!(counted, (&2.into(), &0.into(), &3.into()), "{report}");

    let head = pair.bench.git(repository, &["rev-parse", "main"]);
    let move_to = |commit: &str| {
        pair.bench
            .git(repository, &["update-ref", "refs/heads/main", commit])
    };
    move_to("main~1");
    let wrong = pair.ask("one", &["verify"]).fails_with(1);
    let said = format!("{}{}", wrong.out, wrong.err);
    assert!(
        said.contains("notes") && said.contains("does not come after"),
        "{said}"
    );
    move_to(&head);
    assert_eq!(good_tokens(pair), [] as [Value; 0]);
}

/// Nobody could restore it.
fn lacks_a_result(pair: &Pair, repository: &std::path::Path, to: &std::path::Path) {
    pair.bench
        .git(repository, &["gc", "--quiet", "--prune=now"]);
    let refused = pair
        .ask("two", &["backup", to.to_str().unwrap()])
        .fails_with(1);
    let says = |words| refused.err.contains(words);
    assert!(
        says("notes") && says("it lacks") && says("result of"),
        "{refused:#?}"
    );
    assert!(!to.exists());
}

/// There is no archive then, and the reason names the project and the server.
fn without_the_home(pair: &mut Pair, repository: &std::path::Path, to: &std::path::Path) {
    let backup = ["backup", to.to_str().unwrap()];
    pair.kill("two");
    std::fs::remove_file(to).unwrap();
    let refused = pair.ask("one", &backup).fails_with(1);
    assert!(
        refused.err.contains("notes") && refused.err.contains("from its server"),
        "{refused:#?}"
    );
    assert!(!to.exists());
    let wrong = pair.ask("one", &["verify"]).fails_with(1);
    assert!(wrong.out.contains("notes"), "{wrong:#?}");
    assert_eq!(good_tokens(pair), [] as [Value; 0]);
    let left = std::fs::read_dir(pair.home("one")).unwrap().flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".archive"));
    assert_eq!(left.count(), 0);
    pair.start("two", ALL, "");
    let org = pair.bench.path().join("org.tar");
    let export = ["org", "export", "default", org.to_str().unwrap()];
    pair.ask("one", &export).ok();
    lacks_a_result(pair, repository, to);

    // Who cannot ask the home says what can.
    pair.kill("one");
    let mut command = pair.command("one", &backup);
    command.env("DATABASE_URL", &pair.url);
    command.env("DEVLAB_BLOBS", pair.bench.path().join("blobs"));
    let refused = Ended::of_command(&mut command).fails_with(1);
    assert!(
        refused.err.contains("notes") && refused.err.contains("start the server of this folder"),
        "{refused:#?}"
    );
}

#[test]
fn an_org_that_is_sent_to_a_server_without_repositories_comes_to_one_that_has_some() {
    let (other, _) = super::lab();
    let archive = other.path().join("org.tar");
    let file = archive.to_str().unwrap();
    other.run(&["org", "export", "default", file]).ok();
    let mut pair = Pair::new();
    pair.start("one", ALL, "");
    pair.start("two", "api,loops", "");
    let import = ["org", "import", file, "--as", "moved"];
    pair.ask("two", &import).ok();
    let projects = pair.asked("two", &["project", "list", "--org", "moved"]);
    let one = pair.id("one");
    let homes: Vec<&Value> = projects
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["home"])
        .collect();
    assert_eq!(homes, [one.as_str()]);
    pair.ask("one", &["verify"]).ok();

    // The folder of a stopped one has no place for it either.
    pair.kill("two");
    let mut command = pair.command("two", &["org", "import", file, "--as", "again"]);
    command.env("DATABASE_URL", &pair.url);
    command.env("DEVLAB_BLOBS", pair.bench.path().join("blobs"));
    command.env("DEVLAB_ROLES", "api,loops");
    let refused = Ended::of_command(&mut command).fails_with(2);
    assert!(refused.err.contains("the role git"), "{refused:#?}");
}

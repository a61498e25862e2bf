//! What `devlab run` does not do, and that it leaves everything as it was.

use std::path::Path;

use super::{checkout, error};
use crate::bench::Bench;

fn add(bench: &Bench, folder: &Path, name: &str) {
    std::fs::write(folder.join(name), "x\n").unwrap();
    bench.commit(folder, name);
}

fn count(bench: &Bench, noun: &str) -> usize {
    let list = bench.run(&[noun, "list", "--output", "json"]).ok().json();
    list.as_array().unwrap().len()
}

#[test]
fn commits_of_another_branch_are_not_left_out_silently() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let goal = ["run", "Do", "--", "sh", "-c", "test ! -f two; date > did"];
    bench.run_in(&folder, &goal).ok();
    bench.git(&folder, &["switch", "--quiet", "--create", "topic"]);
    // The same commits under another name are no reason to stop.
    bench.run_in(&folder, &goal).ok();
    add(&bench, &folder, "one");
    add(&bench, &folder, "two");

    let refused = bench.run_in(&folder, &goal).fails_with(2);
    let said = error(&refused);
    assert!(
        said.contains("from main, without 2 commits"),
        "{refused:#?}"
    );
    assert!(said.contains("the branch topic"), "{refused:#?}");
    assert!(said.contains("`git merge topic`"), "{refused:#?}");
    assert!(said.contains("--without-head"), "{refused:#?}");
    bench.git(&folder, &["switch", "--quiet", "--detach"]);
    let refused = bench.run_in(&folder, &goal).fails_with(2);
    assert!(error(&refused).contains("detached HEAD"), "{refused:#?}");
    assert_eq!(count(&bench, "goal"), 2);

    let without = ["run", "--without-head", "Do", "--"];
    let run = bench
        .run_in(&folder, &[&without[..], &goal[3..]].concat())
        .ok();
    assert!(run.err.contains("2 commits"), "{run:#?}");
    assert_eq!(count(&bench, "goal"), 3);
}

#[test]
fn a_result_that_has_landed_is_no_commit_of_its_own() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    bench
        .run_in(&folder, &["run", "Do", "--", "sh", "-c", "date > did"])
        .ok();
    let goals = bench.run(&["goal", "list", "--output", "json"]).ok().json();
    let id = goals[0]["id"].as_str().unwrap();
    bench.run_in(&folder, &["task", "checkout", id]).ok();
    let more = ["run", "More", "--", "sh", "-c", "test -f did; date > more"];
    bench.run_in(&folder, &more).ok();
}

#[test]
fn a_first_run_works_on_any_branch_and_makes_it_the_projects() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    bench.git(&folder, &["switch", "--quiet", "--create", "topic"]);
    add(&bench, &folder, "one");
    let goal = ["run", "Do", "--", "sh", "-c", "test -f one; date > did"];
    let run = bench.run_in(&folder, &goal).ok();
    assert!(run.err.contains("its goals go into topic"), "{run:#?}");
    bench.run_in(&folder, &["project", "sync"]).ok();
    assert!(folder.join("did").exists());
    assert_eq!(bench.git(&folder, &["branch", "--show-current"]), "topic");
}

#[test]
fn a_first_run_on_a_detached_head_makes_nothing_if_main_is_behind() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    bench.git(&folder, &["switch", "--quiet", "--detach"]);
    add(&bench, &folder, "one");
    let refused = bench
        .run_in(&folder, &["run", "Do", "--", "true"])
        .fails_with(2);
    assert!(error(&refused).contains("1 commit of"), "{refused:#?}");
    assert_eq!(count(&bench, "project"), 0);
    let config = bench.git(&folder, &["config", "--local", "--list"]);
    assert!(!config.contains("devlab."), "{config}");
}

/// Nothing was started, made or remembered.
fn assert_untouched(bench: &Bench, folder: &Path) {
    assert!(!bench.home().exists());
    assert_eq!(bench.processes(), [""; 0]);
    let config = bench.git(folder, &["config", "--local", "--list"]);
    assert!(!config.contains("devlab."), "{config}");
}

#[test]
fn wrong_input_starts_no_lab() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    for (args, expected) in [
        (&["run", "", "--", "true"][..], "must not be empty"),
        (&["run", "Do", "--check", "", "--", "true"], "--check[0]"),
        (&["run", "Do", "--", ""], "is the program"),
        (
            &["run", "Do", "--name", "No Name", "--", "true"],
            "a-z, 0-9",
        ),
    ] {
        let refused = bench.run_in(&folder, args).fails_with(2);
        assert!(error(&refused).contains(expected), "{refused:#?}");
        assert_untouched(&bench, &folder);
    }
}

#[test]
fn a_shallow_clone_is_told_to_fetch_the_rest() {
    let bench = Bench::new();
    let whole = checkout(&bench);
    add(&bench, &whole, "one");
    let folder = bench.path().join("shallow");
    let from = format!("file://{}", whole.display());
    let to = folder.to_str().unwrap();
    let clone = ["clone", "--quiet", "--depth", "1", &from, to];
    bench.git(bench.path(), &clone);
    let goal = ["run", "Do", "--", "sh", "-c", "date > did"];
    let refused = bench.run_in(&folder, &goal).fails_with(2);
    let said = error(&refused);
    assert!(said.contains("`git fetch --unshallow`"), "{refused:#?}");
    assert_untouched(&bench, &folder);
    bench.git(&folder, &["fetch", "--quiet", "--unshallow"]);
    bench.run_in(&folder, &goal).ok();
}

#[test]
fn a_linked_worktree_does_not_take_the_main_one_to_another_project() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let goal = |more: &[&'static str]| {
        let driver = ["--", "sh", "-c", "date > did"];
        [&["run", "Do"][..], more, &driver[..]].concat()
    };
    bench.run_in(&folder, &goal(&[])).ok();
    let bound = bench.git(&folder, &["config", "devlab.project"]);
    let linked = bench.path().join("linked");
    let add = ["worktree", "add", "--quiet", linked.to_str().unwrap()];
    bench.git(&folder, &add);

    let refused = bench
        .run_in(&linked, &goal(&["--name", "wt"]))
        .fails_with(2);
    let said = error(&refused);
    assert!(said.contains("my-tool and not to wt"), "{refused:#?}");
    assert!(said.contains("--unset devlab.project"), "{refused:#?}");
    assert_eq!(count(&bench, "project"), 1);
    // Its own name, its own org, and no name at all are the same project.
    bench.run_in(&linked, &goal(&["--name", "my-tool"])).ok();
    bench.run_in(&linked, &goal(&["--org", "default"])).ok();
    bench.run_in(&linked, &goal(&[])).ok();
    assert_eq!(bench.git(&folder, &["config", "devlab.project"]), bound);

    // As the error says.
    bench.git(&folder, &["config", "--local", "--unset", "devlab.project"]);
    bench.run_in(&folder, &goal(&["--name", "wt"])).ok();
    assert_eq!(count(&bench, "project"), 2);
}

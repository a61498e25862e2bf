//! `devlab project sync` when what landed and what the person did do not go together.

use super::{Able, checkout, error};
use crate::bench::Bench;

#[test]
fn commits_that_conflict_can_be_merged_by_hand_and_go_in() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let theirs = "echo hello theirs > README";
    bench
        .run_in(&folder, &["run", "Theirs", "--", "sh", "-c", theirs])
        .ok();
    std::fs::write(folder.join("README"), "hello mine\n").unwrap();
    bench.commit(&folder, "mine");

    let refused = bench.run_in(&folder, &["project", "sync"]).fails_with(1);
    let last = error(&refused);
    assert!(
        last.contains("change the same lines of README, and no agent"),
        "{refused:#?}"
    );
    assert!(last.contains("git merge devlab/main"), "{refused:#?}");
    assert!(last.contains("`devlab project sync` again"), "{refused:#?}");
    let landed = bench.git(&folder, &["show", "refs/remotes/devlab/main:README"]);
    assert_eq!(landed, "hello theirs");
    assert_eq!(branches(&bench, &folder), "refs/heads/main");
    // A run needs the same commits: it says where to begin, and schedules nothing.
    let more = ["run", "More", "--", "true"];
    let run = bench.run_in(&folder, &more).fails_with(1);
    assert!(
        run.err
            .contains("change the same lines of README, and no agent"),
        "{run:#?}"
    );
    assert!(run.err.contains("`devlab project sync`"), "{run:#?}");

    // As the error says: merge, resolve, commit, sync again.
    bench.git(&folder, &["merge", "--quiet", "-s", "ours", "devlab/main"]);
    bench.run_in(&folder, &["project", "sync"]).ok();
    let head = bench.git(&folder, &["rev-parse", "HEAD"]);
    let there = bench.git(&folder, &["rev-parse", "refs/remotes/devlab/main"]);
    assert_eq!(there, head);
}

#[test]
fn an_agent_with_a_driver_merges_what_conflicts_with_the_history_of_both() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let theirs = "echo hello theirs > README";
    bench
        .run_in(&folder, &["run", "Theirs", "--", "sh", "-c", theirs])
        .ok();
    std::fs::write(folder.join("README"), "hello mine\n").unwrap();
    bench.commit(&folder, "mine");
    let mine = bench.git(&folder, &["rev-parse", "HEAD"]);
    let both = "grep -q theirs README && grep -q mine README && echo hello both > README";
    let _able = Able::start(&bench, both);

    bench.run_in(&folder, &["project", "sync"]).ok();
    let readme = std::fs::read_to_string(folder.join("README")).unwrap();
    assert_eq!(readme, "hello both\n");
    let range = format!("HEAD..{mine}");
    assert_eq!(
        bench.git(&folder, &["rev-list", &range]),
        "",
        "my commit is in the history"
    );
    assert_eq!(branches(&bench, &folder), "refs/heads/main");
}

/// Branches of the project that the lab does not own.
fn branches(bench: &Bench, folder: &std::path::Path) -> String {
    let url = bench.run(&["project", "clone-url", "my-tool"]).ok().out;
    let home = std::fs::read_to_string(bench.home().join("credentials.json")).unwrap();
    let own: serde_json::Value = serde_json::from_str(&home).unwrap();
    let token = own["token"].as_str().unwrap();
    let (scheme, rest) = url.trim().split_once("://").unwrap();
    let address = format!("{scheme}://devlab:{token}@{rest}");
    let heads = bench.git(folder, &["ls-remote", "--heads", &address]);
    let names = heads.lines().filter_map(|line| line.split('\t').nth(1));
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn two_commands_bring_the_same_commit_in_at_once_and_no_branch_stays() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let add = |name: &str| format!("echo {name} > {name}");
    bench
        .run_in(&folder, &["run", "One", "--", "sh", "-c", &add("one")])
        .ok();
    // Diverged first, then ahead: the one is merged by a task, the other moves the branch.
    for name in ["mine", "more"] {
        std::fs::write(folder.join(name), "mine\n").unwrap();
        bench.commit(&folder, name);
        let two = add(&format!("with-{name}"));
        let run = ["run", "Two", "--", "sh", "-c", &two];
        let (run, sync) = std::thread::scope(|scope| {
            let run = scope.spawn(|| bench.run_in(&folder, &run));
            let sync = bench.run_in(&folder, &["project", "sync"]);
            (run.join().unwrap(), sync)
        });
        run.ok();
        sync.ok();
        bench.run_in(&folder, &["project", "sync"]).ok();
        assert!(folder.join("one").exists(), "{name}");
        assert!(folder.join(format!("with-{name}")).exists(), "{name}");
        assert_eq!(branches(&bench, &folder), "refs/heads/main", "{name}");
    }
}

#[test]
fn a_sync_keeps_what_is_not_committed_and_moves_no_other_branch() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let driver = ["--", "sh", "-c", "echo more >> README"];
    let goal = [&["run", "More"][..], &driver[..]].concat();
    bench.run_in(&folder, &goal).ok();
    let readme = || std::fs::read_to_string(folder.join("README")).unwrap();
    std::fs::write(folder.join("README"), "hello draft\n").unwrap();
    let refused = bench.run_in(&folder, &["project", "sync"]).fails_with(1);
    assert!(error(&refused).contains("commit or stash"), "{refused:#?}");
    assert_eq!(readme(), "hello draft\n");

    bench.git(&folder, &["stash", "--quiet"]);
    bench.git(&folder, &["switch", "--quiet", "--create", "topic"]);
    let sync = bench.run_in(&folder, &["project", "sync"]).ok();
    assert!(sync.err.contains("another branch"), "{sync:#?}");
    assert_eq!(readme(), "hello\n");
    bench.git(&folder, &["merge", "--quiet", "devlab/main"]);
    assert_eq!(readme(), "hello\nmore\n");
}

//! `devlab project sync` when what landed and what the person did do not go together.

use super::{checkout, error};
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

//! What goes a while after goals have ended, and what stays, with real repositories and logs.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{backup, blobs, checkout, repository, verified, work};
use crate::bench::{Bench, until};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longer than a blob that is being removed is marked.
const MARKED: Duration = Duration::from_secs(3600);

fn attempt_refs(bench: &Bench) -> Vec<String> {
    let names = [
        "for-each-ref",
        "--format=%(refname)",
        "refs/devlab/attempts",
    ];
    let listed = bench.git(&repository(bench), &names);
    listed.lines().map(str::to_owned).collect()
}

fn due(bench: &Bench) -> Value {
    let listed = bench.run(&["retention", "list", "--output", "json"]);
    listed.ok().json()[0].clone()
}

fn goals(bench: &Bench) -> Vec<String> {
    let goals = bench.run(&["goal", "list", "--output", "json"]).ok().json();
    let goals = goals.as_array().unwrap().iter();
    goals
        .map(|goal| goal["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Everything that attempts of goals left is gone, and everything else is there.
fn all_gone(bench: &Bench, goals: &[String]) {
    until("refs of attempts to go", || {
        attempt_refs(bench).is_empty().then_some(())
    });
    // A process reads the file of its moved clock now and then.
    until("blobs to go", || {
        bench.run(&["retention", "run"]).ok();
        blobs(bench).is_empty().then_some(())
    });
    for goal in goals {
        let logs = bench.run(&["task", "logs", goal]);
        assert_ne!(logs.code, 0, "{logs:#?}");
        assert!(logs.err.contains("older than they are kept"), "{logs:#?}");
        let receipts = ["task", "receipts", goal, "--output", "json"];
        let receipts = bench.run(&receipts).ok().json();
        let receipts = receipts.as_array().unwrap();
        assert!(!receipts.is_empty());
        for receipt in receipts {
            assert_eq!(receipt["log_gone"], true, "{receipt}");
        }
        assert!(
            bench
                .run(&["task", "receipts", goal])
                .ok()
                .out
                .contains("log gone")
        );
    }
    let seen = verified(bench);
    assert_eq!(seen["merges"], goals.len(), "{seen}");
    bench.git(&repository(bench), &["fsck", "--full", "--strict"]);
}

fn restores(from: &Path) {
    let fresh = Bench::new();
    fresh.run(&["restore", from.to_str().unwrap()]).ok();
    verified(&fresh);
}

#[test]
fn what_goals_left_goes_after_its_time_and_what_they_did_stays() {
    let bench = Bench::sealing();
    bench.move_clock(Duration::ZERO);
    let folder = checkout(&bench);
    bench.up(2);
    work(&bench, &folder, "one");
    work(&bench, &folder, "two");
    until("sealed logs", || (blobs(&bench).len() > 1).then_some(()));
    bench.move_clock(DAY * 29);
    assert_eq!(due(&bench)["goals"], 0);
    assert_eq!(due(&bench)["retention"], "30d");
    bench.move_clock(DAY * 31);
    // A process reads the file of its moved clock now and then.
    let listed = until("both goals to be due", || {
        let listed = due(&bench);
        (listed["goals"] == 2).then_some(listed)
    });
    assert_eq!(
        listed["held"]["refs"],
        attempt_refs(&bench).len(),
        "{listed}"
    );
    assert!(
        listed["held"]["log_bytes"].as_u64().unwrap() > 0,
        "{listed}"
    );
    // To look changes nothing, and an org's own word counts for more than the lab's.
    bench.run(&["retention", "run", "--dry-run"]).ok();
    assert_eq!(due(&bench), listed);
    let keep = |days| bench.run(&["org", "update", "default", "--retention", days]);
    keep("forever").ok();
    assert_eq!(due(&bench)["goals"], 0);
    bench.run(&["retention", "run"]).ok();
    keep("soon").fails_with(2);
    keep("32d").ok();
    assert_eq!(due(&bench)["goals"], 0);
    keep("default").ok();
    assert_eq!(due(&bench), listed);

    let kept = backup(&bench, "before.tar");
    let goals = goals(&bench);
    // What an archive may name stays while it is taken, and some minutes longer.
    let ran = bench.run(&["retention", "run", "--output", "json"]).ok();
    assert_eq!(ran.json()[0]["goals"], 2, "{ran:#?}");
    assert_eq!(due(&bench)["goals"], 0);
    assert!(!blobs(&bench).is_empty());
    bench.move_clock(DAY * 31 + MARKED);
    all_gone(&bench, &goals);
    restores(&kept);
    let after = backup(&bench, "after.tar");
    restores(&after);
}

#[test]
fn a_lab_that_is_killed_while_it_lets_go_goes_on() {
    let bench = Bench::sealing();
    bench.move_clock(Duration::ZERO);
    let folder = checkout(&bench);
    let mut days = 0;
    for (number, point) in [
        "retire.before_drop",
        "retire.before_record",
        "collect.before_delete",
        "tidy.before_drop",
    ]
    .into_iter()
    .enumerate()
    {
        bench.up(1);
        work(&bench, &folder, &format!("work{number}"));
        until("sealed logs", || (!blobs(&bench).is_empty()).then_some(()));
        bench.run(&["down"]).ok();
        days += 31;
        bench.move_clock(DAY * days);
        let mut breaking = bench.devlab(&["server"]);
        let mut breaking = breaking
            .env("DEVLAB_FAULTS", format!("{point}=kill@1"))
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        until("the server", || {
            (bench.run(&["whoami"]).code == 0).then_some(())
        });
        // Whether it is answered depends on who is killed.
        let asked = bench.run(&["retention", "run"]);
        until(point, || breaking.try_wait().unwrap());
        bench.up(0);
        let left = u32::from(point.starts_with("retire"));
        assert_eq!(due(&bench)["goals"], left, "{point}: {asked:#?}");
        // A mark of a removal that did not happen ends by itself.
        bench.move_clock(DAY * days + MARKED);
        bench.run(&["retention", "run"]).ok();
        bench.run(&["down"]).ok();
        bench.up(0);
        all_gone(&bench, &goals(&bench));
        bench.run(&["down"]).ok();
        days += 1;
        bench.move_clock(DAY * days);
    }
}

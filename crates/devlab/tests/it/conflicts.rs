//! Tasks that touch the same, on the real binary: what drivers change is seen while they are at work.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use serde_json::Value;

use crate::bench::{Bench, json, until};

/// The first task touches what it has not declared, and ends when it may. The second is not in the
/// first one's way at its start, and the third declares what the first one does.
const PLAN: &str = r#"
title: Touch the same
review: false
tasks:
  - key: first
    title: First
    paths: [lib/]
    driver: { command: { script: "mkdir -p src lib; echo 1 >> src/x; until [ -e GATE ]; do sleep 0.05; done; echo 1 > lib/y" } }
  - key: second
    title: Second
    driver: { command: { script: "mkdir -p src; echo 2 > src/z; echo 2 > src/y; until [ -e GATE ]; do sleep 0.05; done; rm src/y" } }
  - key: third
    title: Third
    priority: -1
    paths: [lib/y]
    driver: { command: { script: "echo 3 >> lib/y" } }
"#;

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn lab() -> Bench {
    // Agents look three times in the term of a lease.
    let bench = Bench::new().with_env(&[("DEVLAB_LEASE_SECS", "3".to_owned())]);
    bench.up(3);
    let policy = bench.path().join("policy.yaml");
    std::fs::write(&policy, "conflicts: hold\n").unwrap();
    let set = ["policy", "set", policy.to_str().unwrap()];
    bench.run(&set).ok();
    let folder = bench.checkout("app");
    let first = ["run", "Look around", "--output", "json", "--", "true"];
    bench.run_in(&folder, &first).ok();
    bench
}

#[test]
fn what_is_in_the_way_is_seen_before_it_is_merged_and_held_back() {
    let bench = lab();
    let gate = bench.path().join("gate");
    let plan = bench.path().join("plan.yaml");
    std::fs::write(&plan, PLAN.replace("GATE", gate.to_str().unwrap())).unwrap();
    let create = ["goal", "create", "--project", "app", "--approve", "--plan"];
    let made = json(&bench, &[&create[..], &[plan.to_str().unwrap()]].concat());
    let goal = text(&made["goal"]["id"]);
    let ids = [0, 1, 2].map(|at| text(&made["plan"]["tasks"][at]["task"]));
    let show = |id: &str| json(&bench, &["task", "show", id]);

    let held = until("the third task is held back", || {
        let shown = show(&ids[2]);
        (shown["held_by"] == ids[0][..]).then_some(shown)
    });
    assert_eq!(held["state"], "ready");
    assert!(text(&held["stuck"]).contains(&ids[0]), "{held}");
    assert_eq!(held["conflicts"][0]["kind"], "declared");
    // The new folders of both are seen as a whole, so they meet.
    let met = until("what both have changed is seen", || {
        let found = json(&bench, &["task", "conflicts", &goal]);
        let found = found.as_array().unwrap().clone();
        found.into_iter().find(|one| one["kind"] == "observed")
    });
    let mut pair = [&met["first"]["task"], &met["second"]["task"]].map(text);
    let mut expected = [ids[0].clone(), ids[1].clone()];
    // Ids of one millisecond are in no order.
    pair.sort_unstable();
    expected.sort_unstable();
    assert_eq!(pair, expected);
    assert_eq!(met["paths"], serde_json::json!(["src"]));

    std::fs::write(&gate, "").unwrap();
    until("the end of the goal", || {
        (show(&goal)["state"] == "done").then_some(())
    });
    // It began from what the first one had done, and nothing had to be done again.
    for id in &ids {
        assert_eq!(show(id)["attempts"], 1, "{id}");
    }
    let shown = show(&ids[2]);
    for gone in ["held_by", "conflicts"] {
        assert_eq!(shown[gone], Value::Null, "{gone}");
    }
    bench.run(&["down"]).ok();
    bench.assert_nothing_left();
}

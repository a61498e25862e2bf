//! Holds what the lab says against what its repository says.

use std::collections::BTreeSet;

use devlab_api::task::{Candidate, TaskDetail};
use devlab_core::state::{StateName, TaskKind};
use devlab_core::task::Proof;
use devlab_core::train::CandidateState;

use super::evidence::{Evidence, Merge};
use super::facts::Known;

/// Everything that does not hold; empty if the goal is done, proven and merged as the lab says.
pub(super) fn problems(known: &Known, evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    not_done(known, &mut found);
    found.extend(evidence.damage.iter().cloned());
    found.extend(
        evidence
            .kept
            .iter()
            .map(|name| format!("{name} was left behind")),
    );
    histories(known, evidence, &mut found);
    receipts(known, evidence, &mut found);
    for candidate in published(known) {
        published_tree(known, evidence, candidate, &mut found);
    }
    found
}

fn published(known: &Known) -> impl Iterator<Item = &Candidate> {
    let candidates = known.candidates.iter();
    candidates.filter(|candidate| candidate.state == CandidateState::Published)
}

fn not_done(known: &Known, found: &mut Vec<String>) {
    for detail in &known.details {
        let task = &detail.task;
        if task.state != StateName::Done || task.proof != Proof::Proven {
            let why = detail
                .stuck
                .as_ref()
                .map(|why| format!(": {why}"))
                .unwrap_or_default();
            let proof = format!("{:?}", task.proof).to_lowercase();
            found.push(format!(
                "\"{}\" is {} and {proof}{why}",
                task.title,
                task.state.as_str()
            ));
        }
    }
}

/// The default branch got the goal in one merge; the goal's branch got each task in one.
fn histories(known: &Known, evidence: &Evidence, found: &mut Vec<String>) {
    let (goal, rest): (Vec<_>, Vec<_>) = known
        .details
        .iter()
        .partition(|detail| detail.task.id == known.goal);
    let leaves: Vec<&TaskDetail> = rest
        .into_iter()
        .filter(|detail| detail.task.kind == TaskKind::Leaf)
        .collect();
    if leaves.is_empty() || goal.is_empty() {
        found.push("the goal has no tasks".to_owned());
    }
    history(
        &evidence.default_branch,
        &evidence.base,
        &goal,
        &evidence.main,
        found,
    );
    history(
        "the goal's branch",
        &evidence.base,
        &leaves,
        &evidence.goal_branch,
        found,
    );
}

/// One merge for each task, from the base on, each of what the lab says is the task's result.
fn history(
    branch: &str,
    base: &str,
    tasks: &[&TaskDetail],
    merges: &[Merge],
    found: &mut Vec<String>,
) {
    let mut onto = base;
    for merge in merges {
        let (commit, subject) = (&merge.commit, &merge.subject);
        let is = |what: &str| format!("{commit} in {branch} ({subject}) {what}");
        let of = tasks
            .iter()
            .find(|detail| detail.task.id.to_string() == merge.trailer);
        match (&merge.parents[..], of) {
            (_, None) => found.push(is("is of none of its tasks")),
            ([first, second], Some(detail)) => {
                let brought = merge.below_boxes.as_ref().unwrap_or(second);
                if first != onto {
                    found.push(is("does not follow the one before"));
                }
                if detail.task.head.as_ref() != Some(brought) {
                    found.push(is("merges something else than the task's result"));
                }
                if detail.task.published.as_ref() != Some(commit) {
                    found.push(is("is not what the lab says it merged"));
                }
            }
            (_, Some(_)) => found.push(is("is not a merge of two")),
        }
        if merge.remade.as_ref() != Some(&merge.tree) {
            found.push(is("has another tree than the merge of its parents"));
        }
        onto = commit;
    }
    for detail in tasks {
        let id = detail.task.id.to_string();
        let count = merges.iter().filter(|merge| merge.trailer == id).count();
        // That a task is not done was said already.
        if count != usize::from(is_done(detail)) {
            found.push(format!(
                "{branch} has {count} merges of \"{}\"",
                detail.task.title
            ));
        }
    }
}

/// Every receipt is about the tree of its commit.
fn receipts(known: &Known, evidence: &Evidence, found: &mut Vec<String>) {
    for receipt in &known.receipts {
        let tree = evidence.trees.get(&receipt.commit);
        if tree.is_some_and(|tree| *tree != receipt.tree) {
            let (check, commit) = (&receipt.check, &receipt.commit);
            found.push(format!(
                "a receipt of {check} names another tree than that of {commit}"
            ));
        }
    }
    let all: BTreeSet<_> = published(known)
        .flat_map(|candidate| &candidate.tasks)
        .collect();
    let done = known.details.iter().filter(|detail| is_done(detail));
    for detail in done.filter(|detail| !all.contains(&detail.task.id)) {
        found.push(format!("\"{}\" was never published", detail.task.title));
    }
}

fn is_done(detail: &TaskDetail) -> bool {
    detail.task.state == StateName::Done
}

/// A tree that was published has a passing receipt of every check that its tasks need, and none
/// that failed.
fn published_tree(
    known: &Known,
    evidence: &Evidence,
    candidate: &Candidate,
    found: &mut Vec<String>,
) {
    let tip = candidate.tip.as_deref().unwrap_or_default();
    let Some(tree) = evidence.trees.get(tip) else {
        found.push(format!(
            "the published commit {tip} is not in the repository"
        ));
        return;
    };
    if candidate.tree.as_ref() != Some(tree) {
        found.push(format!("{tip} has another tree than the lab says"));
    }
    let merged = evidence.goal_branch.iter().chain(&evidence.main);
    if !merged.into_iter().any(|merge| merge.commit == tip) {
        found.push(format!("{tip} is published, but in no branch"));
    }
    let of_tree = known
        .receipts
        .iter()
        .filter(|receipt| receipt.tree == *tree);
    for receipt in of_tree.clone().filter(|receipt| !receipt.passed) {
        found.push(format!(
            "{} failed on the tree of {tip}, which was published",
            receipt.check
        ));
    }
    for detail in known
        .details
        .iter()
        .filter(|d| candidate.tasks.contains(&d.task.id))
    {
        if detail.checks.is_empty() {
            found.push(format!("\"{}\" has no checks", detail.task.title));
        }
        for check in &detail.checks {
            let passed = of_tree.clone().any(|receipt| {
                receipt.passed && receipt.check == check.name && receipt.command == check.run
            });
            if !passed {
                let title = &detail.task.title;
                found.push(format!(
                    "no receipt of {} for the tree of \"{title}\"",
                    check.name
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use devlab_core::{AgentId, AttemptId, CandidateId, OrgId, ReceiptId, TaskId, Timestamp};
    use serde_json::{Value, from_value, json};

    use super::*;

    /// A goal with two tasks, all done, proven and merged.
    struct World {
        known: Known,
        evidence: Evidence,
    }

    fn id(number: u128) -> TaskId {
        TaskId::new(Timestamp::from_millis(1), number)
    }

    fn detail(number: u128, kind: &str, head: &str, published: &str) -> Value {
        json!({
            "id": id(number), "org": OrgId::new(Timestamp::from_millis(1), 1), "goal_id": id(0),
            "kind": kind, "title": format!("t{number}"), "state": "done", "unmet": 0, "priority": 0,
            "path": 1, "labels": [], "attempts": 1, "open_children": 0, "review": false,
            "tries": { "lost": 0, "check": 0, "driver": 0, "sent_back": 0 },
            "proof": "proven", "head": head, "published": published, "archived": false,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
            "goal": "", "checks": [{ "name": "test", "run": "true" }], "depends_on": [],
            "dependents": [], "feedback": [],
        })
    }

    fn receipt(number: u128, commit: &str, tree: &str) -> Value {
        let at = Timestamp::from_millis(1);
        json!({
            "id": ReceiptId::new(at, number), "task": id(number),
            "attempt": AttemptId::new(at, number), "agent": AgentId::new(at, 1), "check": "test",
            "command": "true", "check_hash": "h", "check_set": "s", "commit": commit, "tree": tree,
            "exit_code": 0, "passed": true, "duration_ms": 1, "log_offset": 0, "log_len": 0,
            "isolation": "process", "at": "2026-01-01T00:00:00Z",
        })
    }

    fn candidate(number: u128, tip: &str, tree: &str) -> Value {
        json!({
            "id": CandidateId::new(Timestamp::from_millis(1), number), "target": "refs/heads/x",
            "state": "published", "tasks": [id(number)], "tip": tip, "tree": tree,
            "verify_attempts": 1,
        })
    }

    fn merge(commit: &str, parents: [&str; 2], tree: &str, task: u128) -> Merge {
        Merge {
            commit: commit.to_owned(),
            parents: parents.map(str::to_owned).to_vec(),
            tree: tree.to_owned(),
            subject: format!("Merge: t{task}"),
            trailer: id(task).to_string(),
            remade: Some(tree.to_owned()),
            below_boxes: None,
        }
    }

    impl World {
        fn new() -> Self {
            let known = Known {
                goal: id(0),
                details: vec![
                    from_value(detail(0, "composite", "m2", "m3")).unwrap(),
                    from_value(detail(1, "leaf", "c1", "m1")).unwrap(),
                    from_value(detail(2, "leaf", "c2", "m2")).unwrap(),
                ],
                attempts: Vec::new(),
                receipts: vec![
                    from_value(receipt(1, "c1", "t1")).unwrap(),
                    from_value(receipt(2, "m2", "t2")).unwrap(),
                ],
                candidates: vec![
                    from_value(candidate(1, "m1", "t1")).unwrap(),
                    from_value(candidate(2, "m2", "t2")).unwrap(),
                    from_value(candidate(0, "m3", "t2")).unwrap(),
                ],
            };
            let trees = [("c1", "t1"), ("m1", "t1"), ("m2", "t2"), ("m3", "t2")];
            let trees = trees.map(|(commit, tree)| (commit.to_owned(), tree.to_owned()));
            let evidence = Evidence {
                default_branch: "main".to_owned(),
                base: "b".to_owned(),
                main: vec![merge("m3", ["b", "m2"], "t2", 0)],
                goal_branch: vec![
                    merge("m1", ["b", "c1"], "t1", 1),
                    merge("m2", ["m1", "c2"], "t2", 2),
                ],
                trees: trees.into(),
                ..Evidence::default()
            };
            Self { known, evidence }
        }
    }

    /// What is found once one thing of a good world was changed.
    fn found(change: impl FnOnce(&mut World)) -> String {
        let mut world = World::new();
        change(&mut world);
        problems(&world.known, &world.evidence).join("\n")
    }

    #[test]
    fn a_good_world_has_no_problems() {
        assert_eq!(found(|_| ()), "");
    }

    #[test]
    fn every_task_is_done_and_proven() {
        let undone = found(|w| {
            w.known.details[0].task.state = StateName::Waiting;
            w.known.details[0].stuck = Some("it waits for attention".to_owned());
            w.known.candidates.pop();
            w.evidence.main.clear();
        });
        assert_eq!(
            undone,
            "\"t0\" is waiting and proven: it waits for attention"
        );
        let merged_all_the_same = found(|w| w.known.details[1].task.state = StateName::Failed);
        assert!(
            merged_all_the_same.contains("has 1 merges of \"t1\""),
            "{merged_all_the_same}"
        );
        let unproven = found(|w| w.known.details[2].task.proof = Proof::Unproven);
        assert!(
            unproven.contains("\"t2\" is done and unproven"),
            "{unproven}"
        );
    }

    #[test]
    fn every_published_tree_passed_every_check() {
        let none = found(|w| w.known.receipts.truncate(1));
        assert!(
            none.contains("no receipt of test for the tree of \"t2\""),
            "{none}"
        );
        assert!(
            none.contains("no receipt of test for the tree of \"t0\""),
            "{none}"
        );
        let failed = found(|w| w.known.receipts[1].passed = false);
        assert!(failed.contains("test failed on the tree of m2"), "{failed}");
        let other = found(|w| w.known.receipts[0].command = "false".to_owned());
        assert!(
            other.contains("no receipt of test for the tree of \"t1\""),
            "{other}"
        );
        let unchecked = found(|w| w.known.details[1].checks.clear());
        assert!(unchecked.contains("\"t1\" has no checks"), "{unchecked}");
        let elsewhere = found(|w| drop(w.evidence.trees.insert("c1".to_owned(), "t9".to_owned())));
        assert!(
            elsewhere.contains("names another tree than that of c1"),
            "{elsewhere}"
        );
    }

    #[test]
    fn every_task_is_merged_once_and_as_claimed() {
        let missing = found(|w| drop(w.evidence.goal_branch.pop()));
        assert!(
            missing.contains("the goal's branch has 0 merges of \"t2\""),
            "{missing}"
        );
        let twice = found(|w| {
            let again = merge("m4", ["m2", "c2"], "t2", 2);
            w.evidence.goal_branch.push(again);
        });
        assert!(
            twice.contains("the goal's branch has 2 merges of \"t2\""),
            "{twice}"
        );
        assert!(
            twice.contains("m4 in the goal's branch (Merge: t2) is not what"),
            "{twice}"
        );
        let stray = found(|w| w.evidence.main[0].trailer = id(7).to_string());
        assert!(stray.contains("is of none of its tasks"), "{stray}");
        let plain = found(|w| drop(w.evidence.main[0].parents.pop()));
        assert!(plain.contains("is not a merge of two"), "{plain}");
        let other = found(|w| w.evidence.main[0].parents[1] = "m1".to_owned());
        assert!(
            other.contains("merges something else than the task's result"),
            "{other}"
        );
        let gap = found(|w| w.evidence.goal_branch[1].parents[0] = "b".to_owned());
        assert!(gap.contains("does not follow the one before"), "{gap}");
        let slipped_in = found(|w| w.evidence.goal_branch[0].remade = None);
        assert!(
            slipped_in.contains("another tree than the merge of its parents"),
            "{slipped_in}"
        );
    }

    #[test]
    fn every_publication_is_in_a_branch_and_leaves_nothing() {
        let never = found(|w| drop(w.known.candidates.pop()));
        assert!(never.contains("\"t0\" was never published"), "{never}");
        let gone = found(|w| drop(w.evidence.trees.remove("m1")));
        assert!(
            gone.contains("the published commit m1 is not in the repository"),
            "{gone}"
        );
        let kept = found(|w| w.evidence.kept.push("refs/devlab/keep/x".to_owned()));
        assert_eq!(kept, "refs/devlab/keep/x was left behind");
        let damaged = found(|w| w.evidence.damage.push("broken".to_owned()));
        assert_eq!(damaged, "broken");
    }
}

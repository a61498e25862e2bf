//! The refs of a repository as they were when records were read, from what they are a little later.

use std::collections::{BTreeMap, HashMap};

use devlab_core::{Oid, PatchId, RefName, TaskId};

use super::facts::{Project, Task};

const COMPOSITES: &str = "refs/heads/devlab/";
const ATTEMPTS: &str = "refs/devlab/attempts/";
const KEEPS: &str = "refs/devlab/keep/";
const PATCHES: &str = "refs/devlab/patches/";
const UPSTREAMS: &str = "refs/devlab/upstream/";

/// What the records know is where they say, and what belongs to something that they do not know is
/// left out: it came later. What people have pushed is where it is.
///
/// A ref that was moved by a publication whose record came later is where it was: the publication
/// happens again, with the same commit.
pub(super) fn refs_then(
    project: &Project,
    tasks: &HashMap<TaskId, Task>,
    now: Vec<(RefName, Oid)>,
) -> Vec<(RefName, Oid)> {
    let mut then: BTreeMap<RefName, Oid> = now
        .into_iter()
        .filter_map(|(name, oid)| {
            let kept = is_known(project, tasks, name.as_str());
            kept.then_some((name, oid))
        })
        .collect();
    for (name, head) in &project.heads {
        then.insert(name.clone(), head.clone());
    }
    for (candidate, tip) in &project.live {
        if let Some(tip) = tip {
            then.insert(RefName::of_candidate(*candidate), tip.clone());
        }
    }
    for (patch, (head, _)) in &project.patches {
        // One that the repository was not told of yet will be.
        if let Some(there) = then.get_mut(&RefName::of_patch(*patch)) {
            there.clone_from(head);
        }
    }
    then.into_iter().collect()
}

fn is_known(project: &Project, tasks: &HashMap<TaskId, Task>, name: &str) -> bool {
    let task = |text: &str| text.parse().ok().and_then(|id: TaskId| tasks.get(&id));
    if name.starts_with(COMPOSITES) {
        return false;
    }
    if let Some(rest) = name.strip_prefix(ATTEMPTS) {
        let parts = rest.split_once('/');
        let known = parts.and_then(|(id, number)| Some((task(id)?, number.parse::<u32>().ok()?)));
        return known.is_some_and(|(task, number)| number <= task.attempts);
    }
    if name.starts_with(KEEPS) {
        // Those of candidates that are built are put back; others are built again.
        return false;
    }
    if let Some(rest) = name.strip_prefix(PATCHES) {
        let (id, leaf) = rest.split_once('/').unwrap_or((rest, ""));
        let patch = id.parse::<PatchId>().ok();
        let known = patch.and_then(|id| project.patches.get(&id));
        return known.is_some_and(|(_, is_merged)| leaf != "merge" || *is_merged);
    }
    if let Some(rest) = name.strip_prefix(UPSTREAMS) {
        return task(rest).is_some();
    }
    true
}

#[cfg(test)]
mod tests {
    use devlab_core::{CandidateId, OrgId, ProjectId, Timestamp};

    use super::super::facts::Facts;
    use super::*;

    fn oid(n: u32) -> Oid {
        format!("{n:040x}").parse().unwrap()
    }

    fn name(text: &str) -> RefName {
        text.parse().unwrap()
    }

    fn task(n: u128) -> TaskId {
        TaskId::new(Timestamp::from_millis(1), n << 16)
    }

    /// What a test has ids of.
    struct Known {
        project: ProjectId,
        live: CandidateId,
        open: PatchId,
        merged: PatchId,
        facts: Facts,
    }

    fn known() -> Known {
        let at = Timestamp::from_millis(1);
        let (org, project) = (OrgId::new(at, 1 << 16), ProjectId::new(at, 2 << 16));
        let live = CandidateId::new(at, 3 << 16);
        let (open, merged) = (PatchId::new(at, 5 << 16), PatchId::new(at, 6 << 16));
        let mut facts = Facts::default();
        let mut add = |kind: &str, row: serde_json::Value| {
            facts.add(kind, &row.to_string()).unwrap();
        };
        add("orgs", serde_json::json!({"id": org, "name": "o"}));
        add(
            "projects",
            serde_json::json!({"id": project, "org": org, "name": "p",
                "default_branch": "refs/heads/main"}),
        );
        for (branch, head) in [("refs/heads/main", 1), ("refs/heads/gone", 2)] {
            let row = serde_json::json!({"project": project, "branch": branch, "head": oid(head)});
            add("branch_heads", row);
        }
        let composite = RefName::of_composite(task(1));
        add(
            "branch_heads",
            serde_json::json!({"project": project, "branch": composite, "head": oid(3)}),
        );
        add(
            "tasks",
            serde_json::json!({"id": task(1), "project": project, "state": "running", "proof": "open", "attempts": 2, "head": null, "prior": null,
                "merges": null, "published": null, "accepted": null}),
        );
        add(
            "candidates",
            serde_json::json!({"id": live, "project": project, "state": "verifying",
                "entries": [], "base": oid(1), "tip": oid(4), "tree": oid(5),
                "check_set": "0".repeat(64), "stamp": 1}),
        );
        for (id, state) in [(open, "open"), (merged, "merged")] {
            add(
                "patches",
                serde_json::json!({"id": id, "project": project, "base": oid(1),
                    "head": oid(6), "state": state}),
            );
        }
        Known {
            project,
            live,
            open,
            merged,
            facts,
        }
    }

    #[test]
    fn refs_are_where_the_records_say_and_later_ones_are_left_out() {
        let at = Timestamp::from_millis(1);
        let Known {
            project,
            live,
            open,
            merged,
            facts,
        } = known();
        let (later, unknown) = (CandidateId::new(at, 4 << 16), PatchId::new(at, 7 << 16));
        let composite = RefName::of_composite(task(1));
        let now = vec![
            (name("refs/heads/main"), oid(90)),
            (composite.clone(), oid(91)),
            (RefName::of_composite(task(2)), oid(92)),
            (name("refs/heads/theirs"), oid(93)),
            (name("refs/tags/v1"), oid(94)),
            (RefName::of_attempt(task(1), 2), oid(95)),
            (RefName::of_attempt(task(1), 3), oid(96)),
            (RefName::of_attempt(task(2), 1), oid(97)),
            (RefName::of_candidate(later), oid(98)),
            (RefName::of_patch(open), oid(99)),
            (name(&format!("refs/devlab/patches/{open}/merge")), oid(99)),
            (
                name(&format!("refs/devlab/patches/{merged}/merge")),
                oid(99),
            ),
            (RefName::of_patch(unknown), oid(99)),
            (RefName::of_upstream(task(1)), oid(80)),
            (RefName::of_upstream(task(2)), oid(81)),
        ];
        let then = refs_then(&facts.projects[&project], &facts.tasks, now);
        let expected = BTreeMap::from([
            (name("refs/heads/main"), oid(1)),
            (name("refs/heads/gone"), oid(2)),
            (composite, oid(3)),
            (name("refs/heads/theirs"), oid(93)),
            (name("refs/tags/v1"), oid(94)),
            (RefName::of_attempt(task(1), 2), oid(95)),
            (RefName::of_candidate(live), oid(4)),
            (RefName::of_patch(open), oid(6)),
            (
                name(&format!("refs/devlab/patches/{merged}/merge")),
                oid(99),
            ),
            (RefName::of_upstream(task(1)), oid(80)),
        ]);
        assert_eq!(then, expected.into_iter().collect::<Vec<_>>());
    }
}

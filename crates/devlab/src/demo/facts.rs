//! What came of the goal: read from the lab once it is over, and held against its repository.

use std::collections::{BTreeMap, BTreeSet};

use devlab_api::client::Page;
use devlab_api::task::{Attempt, Candidate, Receipt, Task, TaskDetail};
use devlab_core::provenance::Verified;
use devlab_core::state::{StateName, TaskKind};
use devlab_core::task::{Feedback, Proof};
use devlab_core::{AgentId, TaskId};
use serde::Serialize;

use super::evidence::{self, Merge};
use super::stage::{Set, Stage};
use super::verify;
use crate::client::goals::tasks_of;
use crate::client::tasks::word;

/// What came of the goal.
pub(super) struct Facts {
    pub(super) tasks: Vec<TaskFact>,
    pub(super) attempts: Vec<AttemptFact>,
    pub(super) receipts: Vec<ReceiptFact>,
    pub(super) merges: Vec<MergeFact>,
    pub(super) incidents: Incidents,
    /// Boxes of the feature that are ticked in the default branch, if there is a feature.
    pub(super) ticked: Option<usize>,
    /// How the goal's merge came to be, if that holds.
    pub(super) provenance: Option<Verified>,
    /// Agents that were killed, by name.
    pub(super) killed: Vec<String>,
    /// What does not hold. Empty is what the demo is about.
    pub(super) problems: Vec<String>,
}

/// A task.
#[derive(Debug, Serialize)]
pub(super) struct TaskFact {
    pub(super) key: String,
    pub(super) id: TaskId,
    pub(super) kind: TaskKind,
    pub(super) title: String,
    pub(super) state: StateName,
    pub(super) proof: Proof,
    pub(super) attempts: u32,
    pub(super) merged_as: Option<String>,
}

/// An attempt.
#[derive(Debug, Serialize)]
pub(super) struct AttemptFact {
    pub(super) task: String,
    pub(super) number: u32,
    pub(super) kind: String,
    pub(super) agent: String,
    pub(super) state: String,
    pub(super) failure: Option<String>,
    pub(super) ms: u64,
}

/// A receipt.
#[derive(Debug, Serialize)]
pub(super) struct ReceiptFact {
    pub(super) task: String,
    pub(super) check: String,
    pub(super) passed: bool,
    pub(super) exit_code: i32,
    pub(super) commit: String,
    pub(super) tree: String,
    pub(super) ms: u64,
}

/// A merge commit.
#[derive(Debug, Serialize)]
pub(super) struct MergeFact {
    pub(super) branch: String,
    pub(super) task: String,
    #[serde(flatten)]
    pub(super) merge: Merge,
}

/// Everything that the lab says of the goal.
pub(super) struct Known {
    pub(super) goal: TaskId,
    pub(super) details: Vec<TaskDetail>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) receipts: Vec<Receipt>,
    pub(super) candidates: Vec<Candidate>,
}

/// What went wrong on the way and was put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Incidents {
    /// Checks that failed on tasks that are done now.
    pub(super) checks_failed: usize,
    /// Conflicts of tasks that are done now.
    pub(super) conflicts_resolved: usize,
    /// Agents that were killed at work; that the task is done now is seen to with all others.
    pub(super) agents_killed: usize,
}

/// Reads it all, and verifies it.
pub(super) async fn gather(
    stage: &Stage,
    set: &Set,
    goal: TaskId,
    is_feature: bool,
) -> anyhow::Result<Facts> {
    let agents = stage.client().agents(None, &Page::default()).await?.items;
    let agents: BTreeMap<AgentId, String> = agents
        .into_iter()
        .map(|agent| (agent.id, agent.name))
        .collect();
    let known = known(stage, set, goal).await?;
    let evidence = evidence::gather(stage, set, &known).await?;
    let incidents = incidents(&known, set.killed.len());
    let mut problems = verify::problems(&known, &evidence);
    problems.extend(missing(incidents));
    let ticked = evidence.feature.as_deref().map(boxes);
    if let (true, (ticked, open)) = (is_feature, ticked.unwrap_or_default())
        && (ticked == 0 || open > 0)
    {
        problems.push(format!(
            "{ticked} boxes of the feature are ticked, and {open} are not"
        ));
    }
    let provenance = evidence.provenance.and_then(|verified| {
        let broken = |why| problems.push(format!("the provenance does not hold: {why}"));
        verified.map_err(broken).ok()
    });
    let key = |id: TaskId| {
        set.keys
            .get(&id)
            .cloned()
            .unwrap_or_else(|| "goal".to_owned())
    };
    let merge_fact = |branch: &str, merge: Merge| MergeFact {
        branch: branch.to_owned(),
        task: merge.trailer.parse().map(key).unwrap_or_default(),
        merge,
    };
    let main = evidence.default_branch.clone();
    let branch = evidence
        .goal_branch
        .into_iter()
        .map(|merge| merge_fact("goal", merge));
    let merges = branch.chain(
        evidence
            .main
            .into_iter()
            .map(|merge| merge_fact(&main, merge)),
    );
    Ok(Facts {
        tasks: known
            .details
            .iter()
            .map(|detail| task_fact(key(detail.task.id), &detail.task))
            .collect(),
        attempts: known
            .attempts
            .iter()
            .map(|attempt| attempt_fact(key(attempt.task), &agents, attempt))
            .collect(),
        receipts: known
            .receipts
            .iter()
            .map(|r| receipt_fact(key(r.task), r))
            .collect(),
        merges: merges.collect(),
        incidents,
        ticked: ticked.map(|(ticked, _)| ticked),
        provenance,
        killed: set.killed.clone(),
        problems,
    })
}

/// How many boxes are ticked, and how many are not.
fn boxes(tasks: &str) -> (usize, usize) {
    let with = |mark: &str| tasks.lines().filter(|line| line.starts_with(mark)).count();
    (with("- [X]") + with("- [x]"), with("- [ ]"))
}

async fn known(stage: &Stage, set: &Set, goal: TaskId) -> anyhow::Result<Known> {
    let client = stage.client();
    let mut known = Known {
        goal,
        details: Vec::new(),
        attempts: Vec::new(),
        receipts: Vec::new(),
        candidates: Vec::new(),
    };
    let mut tasks = tasks_of(client, goal).await?;
    set.sort(&mut tasks);
    for task in tasks {
        known.details.push(client.task(task.id).await?);
        known.attempts.extend(client.attempts(task.id).await?.items);
        known.receipts.extend(client.receipts(task.id).await?.items);
        known
            .candidates
            .extend(client.candidates(task.id).await?.items);
    }
    // A candidate is listed by each of its tasks.
    known.candidates.sort_by_key(|candidate| candidate.id);
    known.candidates.dedup_by_key(|candidate| candidate.id);
    Ok(known)
}

/// Counts what went wrong with tasks that are done all the same.
fn incidents(known: &Known, killed: usize) -> Incidents {
    let done = known
        .details
        .iter()
        .filter(|detail| detail.task.state == StateName::Done);
    let ids: BTreeSet<TaskId> = done.clone().map(|detail| detail.task.id).collect();
    let failed = known
        .receipts
        .iter()
        .filter(|r| !r.passed && ids.contains(&r.task));
    let conflicts = done.flat_map(|detail| &detail.feedback);
    let conflicts = conflicts.filter(|feedback| matches!(feedback, Feedback::Conflict { .. }));
    Incidents {
        checks_failed: failed.count(),
        conflicts_resolved: conflicts.count(),
        agents_killed: killed,
    }
}

/// The demo shows how things go wrong and on: that has to have happened.
fn missing(incidents: Incidents) -> Vec<String> {
    let wanted = [
        (
            incidents.checks_failed,
            "no check failed and was then put right",
        ),
        (incidents.conflicts_resolved, "no conflict was resolved"),
        (incidents.agents_killed, "no agent was killed"),
    ];
    let missing = wanted.into_iter().filter(|(count, _)| *count == 0);
    missing.map(|(_, text)| text.to_owned()).collect()
}

fn task_fact(key: String, task: &Task) -> TaskFact {
    TaskFact {
        key,
        id: task.id,
        kind: task.kind,
        title: task.title.clone(),
        state: task.state,
        proof: task.proof,
        attempts: task.attempts,
        merged_as: task.published.clone(),
    }
}

fn attempt_fact(
    task: String,
    agents: &BTreeMap<AgentId, String>,
    attempt: &Attempt,
) -> AttemptFact {
    let end = attempt.ended_at.unwrap_or(attempt.created_at);
    let ms = end.since(attempt.created_at).as_millis();
    AttemptFact {
        task,
        number: attempt.number,
        kind: word(&attempt.kind),
        agent: agents.get(&attempt.agent).cloned().unwrap_or_default(),
        state: word(&attempt.state),
        failure: attempt.failure.as_ref().map(word),
        ms: u64::try_from(ms).unwrap_or(u64::MAX),
    }
}

fn receipt_fact(task: String, receipt: &Receipt) -> ReceiptFact {
    ReceiptFact {
        task,
        check: receipt.check.clone(),
        passed: receipt.passed,
        exit_code: receipt.exit_code,
        commit: receipt.commit.clone(),
        tree: receipt.tree.clone(),
        ms: receipt.duration_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_without_its_incidents_does_not_hold() {
        let all = Incidents {
            checks_failed: 1,
            conflicts_resolved: 1,
            agents_killed: 1,
        };
        assert!(missing(all).is_empty());
        let none = Incidents {
            conflicts_resolved: 0,
            ..all
        };
        assert_eq!(missing(none), ["no conflict was resolved"]);
    }
}

//! What would be looked for from end to end otherwise: a goal has thousands of tasks and attempts.
//! Everything here follows from the maps of [`crate::mem::MemTx`], and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use devlab_core::attempt::Attempt;
use devlab_core::check::Receipt;
use devlab_core::label::Labels;
use devlab_core::limit::Lane;
use devlab_core::task::Task;
use devlab_core::train::{Candidate, Target};
use devlab_core::tx::Queued;
use devlab_core::{AgentId, AttemptId, CandidateId, Oid, OrgId, ProjectId, TaskId};
use uuid::Uuid;

use crate::mem::MemTx;

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Index {
    /// Children, oldest first.
    pub(crate) children: BTreeMap<TaskId, Vec<TaskId>>,
    /// Dependent, dependency.
    pub(crate) needs: BTreeSet<(TaskId, TaskId)>,
    /// Holder, and what is held back behind it, oldest first.
    pub(crate) held: BTreeSet<(TaskId, u64, TaskId)>,
    /// Attempts of each task, oldest first.
    pub(crate) attempts: BTreeMap<TaskId, Vec<AttemptId>>,
    pub(crate) claims: BTreeMap<(AgentId, String), AttemptId>,
    /// Attempts that may still write, in the order in which they were made.
    pub(crate) writing: Vec<AttemptId>,
    pub(crate) live_candidates: BTreeMap<Target, CandidateId>,
    pub(crate) candidates: BTreeMap<TaskId, BTreeSet<CandidateId>>,
    /// Places of receipts, oldest first.
    pub(crate) receipts: BTreeMap<(ProjectId, Oid), Vec<usize>>,
    /// How much is in each ready queue.
    pub(crate) queues: BTreeMap<(OrgId, Labels, Lane), usize>,
}

impl Index {
    pub(crate) fn task(&mut self, before: Option<&Task>, task: &Task) {
        let place = |task: &Task| task.held_by.map(|holder| (holder, task.seq, task.id));
        if let (None, Some(parent)) = (before, task.parent) {
            self.children.entry(parent).or_default().push(task.id);
        }
        let (was, is) = (before.and_then(place), place(task));
        if was != is {
            was.map(|was| self.held.remove(&was));
            self.held.extend(is);
        }
    }

    pub(crate) fn attempt(&mut self, is_new: bool, attempt: &Attempt) {
        if is_new {
            let of_task = self.attempts.entry(attempt.task).or_default();
            of_task.push(attempt.id);
            self.writing.push(attempt.id);
            let claim = (attempt.agent, attempt.claim_id.clone());
            self.claims.insert(claim, attempt.id);
        }
        if !attempt.state.may_write() {
            self.writing.retain(|id| *id != attempt.id);
        }
    }

    pub(crate) fn candidate(&mut self, candidate: &Candidate) {
        for entry in &candidate.entries {
            let of_task = self.candidates.entry(entry.task).or_default();
            of_task.insert(candidate.id);
        }
        if candidate.state.is_live() {
            let target = candidate.target.clone();
            self.live_candidates.insert(target, candidate.id);
        } else if self.live_candidates.get(&candidate.target) == Some(&candidate.id) {
            self.live_candidates.remove(&candidate.target);
        }
    }

    pub(crate) fn receipt(&mut self, at: usize, receipt: &Receipt) {
        let key = (receipt.project, receipt.tree.clone());
        self.receipts.entry(key).or_default().push(at);
    }

    /// Whether there is room for an entry among the queues of the lab.
    pub(crate) fn has_queue(&self, entry: &Queued, most: usize) -> bool {
        self.queues.contains_key(&key(entry)) || self.queues.len() < most
    }

    pub(crate) fn queued(&mut self, entry: &Queued) {
        *self.queues.entry(key(entry)).or_insert(0) += 1;
    }

    pub(crate) fn dequeued(&mut self, entry: &Queued) {
        let key = key(entry);
        if let Some(count) = self.queues.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.queues.remove(&key);
            }
        }
    }
}

/// The other ends of the pairs that begin with a task, in order.
pub(crate) fn beginning(
    pairs: &BTreeSet<(TaskId, TaskId)>,
    task: TaskId,
) -> impl Iterator<Item = TaskId> {
    let from = (task, TaskId::from_uuid(Uuid::nil()));
    let own = pairs
        .range(from..)
        .take_while(move |(first, _)| *first == task);
    own.map(|(_, second)| *second)
}

impl MemTx {
    /// The index, made anew from everything that is stored.
    pub(crate) fn indexed(&self) -> Index {
        let mut index = Index::default();
        let mut tasks: Vec<&Task> = self.tasks.values().collect();
        tasks.sort_unstable_by_key(|task| task.seq);
        for task in tasks {
            index.task(None, task);
        }
        index.needs = self.edges.iter().map(|(from, to)| (*to, *from)).collect();
        for id in &self.attempt_order {
            index.attempt(true, &self.attempts[id]);
        }
        for candidate in self.candidates.values() {
            index.candidate(candidate);
        }
        for (at, receipt) in self.receipts.iter().enumerate() {
            index.receipt(at, receipt);
        }
        for entry in &self.queue {
            index.queued(entry);
        }
        index
    }
}

fn key(entry: &Queued) -> (OrgId, Labels, Lane) {
    (entry.org, entry.requires.clone(), entry.lane.clone())
}

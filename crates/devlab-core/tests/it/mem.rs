//! A transaction in memory: sorted maps and nothing clever, so that it is right at a glance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use devlab_core::ask::Ask;
use devlab_core::attempt::{Attempt, AttemptState};
use devlab_core::bytes::{Artifact, BlobMark, KeptLog};
use devlab_core::check::{CheckSet, Receipt, Sha256Hex};
use devlab_core::error::StorageErrorKind;
use devlab_core::event::Event;
use devlab_core::limit::{LimitKey, Slots};
use devlab_core::limits::LABEL_SETS_MAX;
use devlab_core::org::{Org, Project};
use devlab_core::patch::{Patch, PatchComment};
use devlab_core::plan::{Plan, Revision};
use devlab_core::policy::{Level, PolicyRevision, Terms};
use devlab_core::provenance::OrgKey;
use devlab_core::server::{LoopState, Server};
use devlab_core::task::{Feedback, Made, Task, TaskSpec};
use devlab_core::template::{Firing, Template};
use devlab_core::train::{Candidate, TrainEntry};
use devlab_core::tx::{Effect, Queued, Remembered, StoredAudit};
use devlab_core::{
    AgentId, AttemptId, CandidateId, Error, Oid, OrgId, PatchId, ProjectId, RefName, Result,
    ServerId, StorageError, TaskId, TemplateId, Timestamp, TokenId, attempt, auth,
};

use crate::mem_index::Index;

/// Everything that is stored. A unit of work runs on a clone of it, which replaces it on success.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct MemTx {
    pub(crate) now: Timestamp,
    pub(crate) seed: u128,
    pub(crate) last_seq: u64,
    pub(crate) orgs: BTreeMap<OrgId, Org>,
    pub(crate) projects: BTreeMap<ProjectId, Project>,
    pub(crate) branches: BTreeMap<(ProjectId, RefName), Oid>,
    pub(crate) tasks: BTreeMap<TaskId, Task>,
    pub(crate) specs: BTreeMap<TaskId, TaskSpec>,
    pub(crate) made: BTreeMap<TaskId, Made>,
    pub(crate) touched: BTreeMap<TaskId, Vec<String>>,
    /// Dependency, dependent.
    pub(crate) edges: BTreeSet<(TaskId, TaskId)>,
    /// Revisions of each composite in their order.
    pub(crate) plans: BTreeMap<TaskId, Vec<StoredPlan>>,
    pub(crate) feedback: BTreeMap<TaskId, Vec<Feedback>>,
    pub(crate) check_sets: BTreeMap<Sha256Hex, CheckSet>,
    pub(crate) asks: BTreeMap<TaskId, Vec<Ask>>,
    /// Policies of each level in their order.
    pub(crate) policies: BTreeMap<Level, Vec<PolicyRevision>>,
    pub(crate) terms: BTreeMap<Sha256Hex, Terms>,
    pub(crate) templates: BTreeMap<TemplateId, Template>,
    pub(crate) firings: BTreeMap<(TemplateId, String), Firing>,
    pub(crate) limits: BTreeMap<(OrgId, LimitKey), Slots>,
    pub(crate) queue: Vec<Queued>,
    /// Most ready queues of an org; the simulator makes them few.
    pub(crate) queues_max: usize,
    pub(crate) due: BTreeMap<TaskId, Timestamp>,
    pub(crate) attempts: BTreeMap<AttemptId, Attempt>,
    /// Attempts in the order in which they were made: ids of one millisecond are not in order.
    pub(crate) attempt_order: Vec<AttemptId>,
    pub(crate) agents: BTreeMap<AgentId, attempt::Agent>,
    pub(crate) entries: BTreeMap<TaskId, TrainEntry>,
    pub(crate) candidates: BTreeMap<CandidateId, Candidate>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) patches: BTreeMap<PatchId, Patch>,
    pub(crate) comments: Vec<PatchComment>,
    /// Shared, because they are most of what a clone would copy.
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) audits: Vec<StoredAudit>,
    pub(crate) tokens: BTreeMap<TokenId, auth::Token>,
    pub(crate) remembered: BTreeMap<String, Remembered>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) kept_logs: BTreeMap<AttemptId, KeptLog>,
    pub(crate) artifacts: BTreeMap<(AttemptId, String), Artifact>,
    pub(crate) blob_marks: BTreeMap<Sha256Hex, BlobMark>,
    pub(crate) retired: BTreeMap<TaskId, Timestamp>,
    pub(crate) servers: BTreeMap<ServerId, Server>,
    pub(crate) loops: BTreeMap<String, LoopState>,
    pub(crate) org_keys: BTreeMap<OrgId, Vec<OrgKey>>,
    pub(crate) unattested: BTreeSet<TaskId>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) index: Index,
}

/// A revision, its plan, and the tasks that it was carried out with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredPlan {
    pub(crate) revision: Revision,
    pub(crate) plan: Plan,
    pub(crate) tasks: BTreeMap<String, TaskId>,
}

/// What no rule may do to a store: the simulator takes it for a bug of the rule.
pub(crate) fn broken<T>(detail: &str) -> Result<T> {
    Err(Error::Storage(StorageError::new(
        StorageErrorKind::Other,
        detail,
    )))
}

impl MemTx {
    pub(crate) fn new(now: Timestamp, seed: u128) -> Self {
        Self {
            now,
            seed,
            queues_max: LABEL_SETS_MAX,
            ..Self::default()
        }
    }

    pub(crate) fn stored_plan(&mut self, task: TaskId, number: u32) -> Option<&mut StoredPlan> {
        let all = self.plans.get_mut(&task).into_iter().flatten();
        all.into_iter().find(|s| s.revision.number == number)
    }

    /// The next number of the sequence that all kinds of things share.
    pub(crate) fn next_seq(&mut self) -> u64 {
        self.last_seq += 1;
        self.last_seq
    }

    pub(crate) fn attempts_where(&self, keep: impl Fn(&Attempt) -> bool) -> Vec<Attempt> {
        let all = self.attempt_order.iter().map(|id| &self.attempts[id]);
        all.filter(|attempt| keep(attempt)).cloned().collect()
    }

    pub(crate) fn live(&self) -> Vec<Attempt> {
        let writing = self.index.writing.iter().map(|id| &self.attempts[id]);
        let live = writing.filter(|attempt| attempt.state == AttemptState::Live);
        live.cloned().collect()
    }
}

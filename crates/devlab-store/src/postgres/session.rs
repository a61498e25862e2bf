//! One unit of work against the overlay.

use std::collections::BTreeMap;

use devlab_core::ask::Ask;
use devlab_core::attempt::{Agent, Attempt};
use devlab_core::auth::{AuditEntry, Token};
use devlab_core::check::{CheckSet, Receipt, Sha256Hex};
use devlab_core::error::StorageErrorKind;
use devlab_core::event::{Event, NewEvent};
use devlab_core::label::Labels;
use devlab_core::limit::{LimitKey, Slots};
use devlab_core::limits::LABEL_SETS_MAX;
use devlab_core::name::Name;
use devlab_core::org::{Org, Project};
use devlab_core::patch::{Patch, PatchComment, PatchState};
use devlab_core::plan::{Plan, Revision};
use devlab_core::policy::{Level, PolicyRevision, Terms};
use devlab_core::provenance::OrgKey;
use devlab_core::server::{LoopState, Server};
use devlab_core::state::StateName;
use devlab_core::task::{Feedback, Made, Task, TaskSpec};
use devlab_core::train::{Candidate, Target, TrainEntry};
use devlab_core::tx::{
    AuditFilter, Beside, Edge, Effect, Page, Queued, Read, Remembered, StoredAudit, TaskFilter,
    Touching, Tx, Work, parse_queue,
};
use devlab_core::{
    AgentId, AttemptId, CandidateId, Error, Oid, OrgId, PatchId, ProjectId, RefName, Result,
    ServerId, StorageError, TaskId, Timestamp, TokenId,
};

use uuid::Uuid;

use super::conn::Numbers;
use super::overlay::{Need, Overlay, OwnedAudit, Stop};
use crate::RandomSource;
use crate::sql::Number;

/// A unit of work under way.
pub(super) struct OverlaySession<'b> {
    pub(super) overlay: &'b mut Overlay,
    pub(super) now: Timestamp,
    pub(super) random: &'b RandomSource,
    pub(super) numbers: &'b Numbers,
    pub(super) effects: Vec<Effect>,
    /// Why it cannot go on. The unit ends with it, whatever it makes of it.
    pub(super) stopped: Option<Stop>,
}

impl OverlaySession<'_> {
    fn stop(&mut self, stop: Stop) -> Error {
        self.stopped.get_or_insert(stop);
        Error::Storage(StorageError::new(
            StorageErrorKind::Other,
            "this unit of work is run again",
        ))
    }

    fn check(&mut self) -> Result<()> {
        match self.stopped.clone() {
            Some(stop) => Err(self.stop(stop)),
            None => Ok(()),
        }
    }

    fn look<T>(
        &mut self,
        look: impl FnOnce(&Overlay) -> std::result::Result<T, Need>,
    ) -> Result<T> {
        self.check()?;
        look(self.overlay).map_err(|need| self.stop(Stop::Missing(need)))
    }

    /// The unit needs the connection.
    pub(super) fn direct<T>(&mut self) -> Result<T> {
        Err(self.stop(Stop::Direct))
    }

    fn change(&mut self, change: impl FnOnce(&mut Overlay)) -> Result<()> {
        self.check()?;
        change(self.overlay);
        Ok(())
    }
}

impl Read for OverlaySession<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }
    fn org(&mut self, id: OrgId) -> Result<Option<Org>> {
        self.look(|o| o.known.orgs.get(&id).cloned().ok_or(Need::Org(id)))
    }
    fn org_by_name(&mut self, name: &Name) -> Result<Option<Org>> {
        self.look(|o| {
            let known = o.known.orgs_by_name.get(name).cloned();
            known.ok_or_else(|| Need::OrgByName(name.clone()))
        })
    }
    fn orgs(&mut self, _: Option<OrgId>, _: Page) -> Result<Vec<Org>> {
        self.direct()
    }
    fn project(&mut self, id: ProjectId) -> Result<Option<Project>> {
        self.look(|o| o.known.projects.get(&id).cloned().ok_or(Need::Project(id)))
    }
    fn project_by_name(&mut self, org: OrgId, name: &Name) -> Result<Option<Project>> {
        self.look(|o| {
            let key = (org, name.clone());
            let known = o.known.projects_by_name.get(&key).cloned();
            known.ok_or(Need::ProjectByName(key.0, key.1))
        })
    }
    fn projects(&mut self, _: Option<OrgId>, _: Page) -> Result<Vec<Project>> {
        self.direct()
    }
    fn branch_head(&mut self, project: ProjectId, branch: &RefName) -> Result<Option<Oid>> {
        self.look(|o| {
            let key = (project, branch.clone());
            let known = o.known.heads.get(&key).cloned();
            known.ok_or(Need::BranchHead(key.0, key.1))
        })
    }
    fn task(&mut self, id: TaskId) -> Result<Option<Task>> {
        self.look(|o| o.task(id))
    }
    fn task_spec(&mut self, id: TaskId) -> Result<Option<TaskSpec>> {
        self.look(|o| o.spec(id))
    }
    fn task_made(&mut self, _: TaskId) -> Result<Option<Made>> {
        self.direct()
    }
    fn touched(&mut self, _: TaskId) -> Result<Vec<String>> {
        self.direct()
    }
    fn touching(&mut self, _: Beside, _: u32) -> Result<Vec<Touching>> {
        self.direct()
    }
    fn held_behind(&mut self, _: TaskId) -> Result<Vec<TaskId>> {
        self.direct()
    }
    fn children(&mut self, parent: TaskId) -> Result<Vec<TaskId>> {
        self.look(|o| o.children(parent))
    }
    fn dependencies(&mut self, task: TaskId) -> Result<Vec<TaskId>> {
        self.look(|o| o.dependencies(task))
    }
    fn dependents(&mut self, task: TaskId) -> Result<Vec<TaskId>> {
        self.look(|o| o.dependents(task))
    }
    fn edges_below(&mut self, _: TaskId, _: Option<Edge>, _: u32) -> Result<Vec<Edge>> {
        self.direct()
    }
    fn plan_revisions(&mut self, _: TaskId) -> Result<Vec<Revision>> {
        self.direct()
    }
    fn plan(&mut self, _: TaskId, _: u32) -> Result<Option<Plan>> {
        self.direct()
    }
    fn plan_tasks(&mut self, _: TaskId, _: u32) -> Result<BTreeMap<String, TaskId>> {
        self.direct()
    }
    fn tasks(&mut self, _: &TaskFilter, _: Page) -> Result<Vec<Task>> {
        self.direct()
    }
    fn search_end(&mut self, _: &TaskFilter, _: Option<Uuid>, _: u32) -> Result<Option<TaskId>> {
        self.direct()
    }
    fn task_counts(&mut self, _: Option<OrgId>) -> Result<Vec<(StateName, u64)>> {
        self.direct()
    }
    fn startable(&mut self, _: Option<ServerId>, _: u32) -> Result<Vec<TaskId>> {
        self.direct()
    }
    fn feedback(&mut self, task: TaskId) -> Result<Vec<Feedback>> {
        self.look(|o| o.feedback(task))
    }
    fn check_set(&mut self, hash: &Sha256Hex) -> Result<Option<CheckSet>> {
        self.look(|o| {
            if let Some(new) = o.check_sets.get(hash) {
                return Ok(Some(new.clone()));
            }
            let known = o.known.check_sets.get(hash).cloned();
            known.ok_or_else(|| Need::CheckSet(hash.clone()))
        })
    }
    fn asks(&mut self, _: TaskId) -> Result<Vec<Ask>> {
        self.direct()
    }
    fn policies(&mut self, levels: &[Level]) -> Result<Vec<PolicyRevision>> {
        self.look(|o| o.policies(levels))
    }
    fn policy_history(&mut self, _: Level) -> Result<Vec<PolicyRevision>> {
        self.direct()
    }
    fn terms(&mut self, hash: &Sha256Hex) -> Result<Option<Terms>> {
        self.look(|o| o.terms(hash))
    }
    fn limits(&mut self, org: OrgId) -> Result<Vec<(LimitKey, Slots)>> {
        self.look(|o| o.limits(org))
    }
    fn limit(&mut self, org: OrgId, key: &LimitKey) -> Result<Option<Slots>> {
        self.look(|o| o.limit(org, key))
    }
    fn queue_heads(&mut self, org: OrgId, agent: Option<&Labels>) -> Result<Vec<Queued>> {
        self.look(|o| {
            o.heads(org, |queue| {
                let able = |agent: &Labels| {
                    parse_queue(queue).is_ok_and(|(requires, _, _)| agent.satisfies(&requires))
                };
                agent.is_none_or(able)
            })
        })
    }
    fn queue_len(&mut self, _: Option<OrgId>) -> Result<u64> {
        self.direct()
    }
    fn due(&mut self, _: Timestamp, _: u32) -> Result<Vec<TaskId>> {
        self.direct()
    }
    fn next_due(&mut self) -> Result<Option<Timestamp>> {
        self.direct()
    }
    fn attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>> {
        self.look(|o| o.attempt(id))
    }
    fn attempt_by_claim(&mut self, agent: AgentId, claim_id: &str) -> Result<Option<Attempt>> {
        self.look(|o| o.claim(agent, claim_id))
    }
    fn attempts(&mut self, _: TaskId) -> Result<Vec<Attempt>> {
        self.direct()
    }
    fn attempts_of_agent(&mut self, agent: AgentId) -> Result<Vec<Attempt>> {
        self.look(|o| o.held(agent))
    }
    fn expired(&mut self, _: Timestamp, _: u32) -> Result<Vec<AttemptId>> {
        self.direct()
    }
    fn next_expiry(&mut self) -> Result<Option<Timestamp>> {
        self.direct()
    }
    fn live_attempts(&mut self) -> Result<Vec<AttemptId>> {
        self.direct()
    }
    fn agent(&mut self, id: AgentId) -> Result<Option<Agent>> {
        self.look(|o| o.agent(id))
    }
    fn agent_by_name(&mut self, _: OrgId, _: &str) -> Result<Option<Agent>> {
        self.direct()
    }
    fn agents(&mut self, _: Option<OrgId>, _: Page) -> Result<Vec<Agent>> {
        self.direct()
    }
    fn train_entry(&mut self, _: TaskId) -> Result<Option<TrainEntry>> {
        self.direct()
    }
    fn train(&mut self, _: &Target, _: u32) -> Result<Vec<TrainEntry>> {
        self.direct()
    }
    fn trains(&mut self, _: ServerId, _: u32) -> Result<Vec<Target>> {
        self.direct()
    }
    fn candidate(&mut self, _: CandidateId) -> Result<Option<Candidate>> {
        self.direct()
    }
    fn live_candidate(&mut self, _: &Target) -> Result<Option<Candidate>> {
        self.direct()
    }
    fn candidates_of(&mut self, _: TaskId) -> Result<Vec<Candidate>> {
        self.direct()
    }
    fn receipts_for_tree(&mut self, _: ProjectId, _: &Oid) -> Result<Vec<Receipt>> {
        self.direct()
    }
    fn receipts(&mut self, _: TaskId) -> Result<Vec<Receipt>> {
        self.direct()
    }
    fn patch(&mut self, _: PatchId) -> Result<Option<Patch>> {
        self.direct()
    }
    fn patch_of_task(&mut self, _: TaskId) -> Result<Option<Patch>> {
        self.direct()
    }
    fn patches(
        &mut self,
        _: Option<OrgId>,
        _: Option<ProjectId>,
        _: Option<PatchState>,
        _: Page,
    ) -> Result<Vec<Patch>> {
        self.direct()
    }
    fn untold_patches(&mut self, _: ServerId, _: u32) -> Result<Vec<Patch>> {
        self.direct()
    }
    fn patch_comments(&mut self, _: PatchId) -> Result<Vec<PatchComment>> {
        self.direct()
    }
    fn events(&mut self, _: Option<OrgId>, _: u64, _: u32) -> Result<Vec<Event>> {
        self.direct()
    }
    fn last_event(&mut self) -> Result<u64> {
        self.direct()
    }
    fn audit_log(
        &mut self,
        _: &AuditFilter,
        _: Option<u64>,
        _: u32,
    ) -> Result<Vec<(u64, StoredAudit)>> {
        self.direct()
    }
    fn server(&mut self, _: ServerId) -> Result<Option<Server>> {
        self.direct()
    }
    fn servers(&mut self) -> Result<Vec<Server>> {
        self.direct()
    }
    fn projects_at(&mut self, _: ServerId) -> Result<u64> {
        self.direct()
    }
    fn loop_state(&mut self, _: &str) -> Result<Option<LoopState>> {
        self.direct()
    }
    fn token_by_hash(&mut self, _: &Sha256Hex) -> Result<Option<Token>> {
        self.direct()
    }
    fn token(&mut self, _: TokenId) -> Result<Option<Token>> {
        self.direct()
    }
    fn tokens(&mut self, _: Option<OrgId>, _: Page) -> Result<Vec<Token>> {
        self.direct()
    }
    fn remembered(&mut self, key: &str) -> Result<Option<Remembered>> {
        let now = self.now;
        let found = self.look(|o| {
            if let Some(new) = o.remembered.get(&key.to_owned()) {
                return Ok(Some(new.clone()));
            }
            let known = o.known.remembered.get(key).cloned();
            known.ok_or_else(|| Need::Remembered(key.to_owned()))
        })?;
        Ok(found.filter(|found| found.expires_at > now))
    }
    fn setting(&mut self, key: &str) -> Result<Option<String>> {
        self.look(|o| {
            let known = o.known.settings.get(key).cloned();
            known.ok_or_else(|| Need::Setting(key.to_owned()))
        })
    }
    fn org_keys(&mut self, _: OrgId) -> Result<Vec<OrgKey>> {
        self.direct()
    }
    fn unattested(&mut self, _: ServerId, _: u32) -> Result<Vec<TaskId>> {
        self.direct()
    }
}

impl Tx for OverlaySession<'_> {
    fn random(&mut self) -> u128 {
        (self.random)()
    }
    fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
    fn insert_org(&mut self, _: &Org) -> Result<()> {
        self.direct()
    }
    fn put_org(&mut self, _: &Org) -> Result<()> {
        self.direct()
    }
    fn insert_project(&mut self, _: &Project) -> Result<()> {
        self.direct()
    }
    fn put_project(&mut self, _: &Project) -> Result<()> {
        self.direct()
    }
    fn set_branch_head(&mut self, _: ProjectId, _: &RefName, _: Option<&Oid>) -> Result<()> {
        self.direct()
    }
    fn insert_task(&mut self, task: &Task, spec: &TaskSpec, made: &Made) -> Result<u64> {
        self.check()?;
        let seq = self.numbers.next(Number::Task);
        let task = Task {
            seq,
            ..task.clone()
        };
        self.overlay.specs.insert(task.id, spec.clone());
        self.overlay.made.insert(task.id, made.clone());
        self.overlay.tasks.insert(task.id, task);
        Ok(seq)
    }
    fn put_task(&mut self, task: &Task) -> Result<()> {
        let Some(stored) = self.look(|o| o.task(task.id))? else {
            return self.direct();
        };
        let task = Task {
            seq: stored.seq,
            ..task.clone()
        };
        self.change(|o| o.tasks.put(task.id, task))
    }
    fn put_task_spec(&mut self, _: TaskId, _: &TaskSpec) -> Result<()> {
        self.direct()
    }
    fn put_touched(&mut self, _: TaskId, _: &[String]) -> Result<()> {
        self.direct()
    }
    fn insert_edge(&mut self, dependency: TaskId, dependent: TaskId) -> Result<bool> {
        if self
            .look(|o| o.dependencies(dependent))?
            .contains(&dependency)
        {
            return Ok(false);
        }
        self.change(|o| o.edges.all.push((dependency, dependent)))?;
        Ok(true)
    }
    fn delete_edge(&mut self, _: TaskId, _: TaskId) -> Result<bool> {
        self.direct()
    }
    fn insert_plan(&mut self, _: &Revision, _: &Plan) -> Result<()> {
        self.direct()
    }
    fn put_plan_revision(&mut self, _: &Revision) -> Result<()> {
        self.direct()
    }
    fn put_plan_tasks(&mut self, _: TaskId, _: u32, _: &BTreeMap<String, TaskId>) -> Result<()> {
        self.direct()
    }
    fn add_feedback(&mut self, _: TaskId, _: &Feedback) -> Result<()> {
        self.direct()
    }
    fn put_check_set(&mut self, set: &CheckSet) -> Result<()> {
        let hash = set.hash();
        if self.check_set(&hash)?.is_some() {
            return Ok(());
        }
        self.change(|o| o.check_sets.insert(hash, set.clone()))
    }
    fn put_ask(&mut self, _: &Ask) -> Result<()> {
        self.direct()
    }
    fn insert_policy(&mut self, _: &PolicyRevision) -> Result<()> {
        self.direct()
    }
    fn put_terms(&mut self, terms: &Terms) -> Result<()> {
        let hash = terms.hash();
        if self.terms(&hash)?.is_some() {
            return Ok(());
        }
        self.change(|o| o.terms.insert(hash, terms.clone()))
    }
    fn put_limit(&mut self, org: OrgId, key: &LimitKey, slots: Option<Slots>) -> Result<()> {
        // What is known of the org's limits is what the change is shown with.
        self.look(|o| o.limit(org, key))?;
        self.change(|o| o.limits.put((org, key.clone()), slots))
    }
    fn enqueue(&mut self, entry: &Queued) -> Result<bool> {
        if matches!(entry.work, Work::Task(_)) {
            let (queues, is_there) = self.look(|o| o.count_queues(entry.org, &entry.queue()))?;
            if !is_there && queues >= LABEL_SETS_MAX {
                return Ok(false);
            }
        } else {
            self.look(|o| o.count_queues(entry.org, &entry.queue()))?;
        }
        self.change(|o| o.enqueue(entry))?;
        Ok(true)
    }
    fn dequeue(&mut self, entry: &Queued) -> Result<bool> {
        self.check()?;
        match self.overlay.dequeue(entry) {
            Ok(Some(was_there)) => Ok(was_there),
            Ok(None) => self.direct(),
            Err(need) => Err(self.stop(Stop::Missing(need))),
        }
    }
    fn set_due(&mut self, task: TaskId, at: Option<Timestamp>) -> Result<()> {
        self.change(|o| o.due.put(task, at))
    }
    fn insert_attempt(&mut self, attempt: &Attempt) -> Result<()> {
        self.change(|o| o.attempts.insert(attempt.id, attempt.clone()))
    }
    fn put_attempt(&mut self, attempt: &Attempt) -> Result<()> {
        if self.look(|o| o.attempt(attempt.id))?.is_none() {
            return self.direct();
        }
        self.change(|o| o.attempts.put(attempt.id, attempt.clone()))
    }
    fn extend_leases(&mut self, _: Timestamp) -> Result<u64> {
        self.direct()
    }
    fn put_agent(&mut self, agent: &Agent) -> Result<()> {
        // A new one may have a name that is taken: the database knows.
        if self.look(|o| o.agent(agent.id))?.is_none() {
            return self.direct();
        }
        self.change(|o| o.agents.put(agent.id, agent.clone()))
    }
    fn delete_agent(&mut self, _: AgentId) -> Result<()> {
        self.direct()
    }
    fn put_server(&mut self, _: &Server) -> Result<()> {
        self.direct()
    }
    fn delete_server(&mut self, _: ServerId) -> Result<()> {
        self.direct()
    }
    fn advance_homes(&mut self, _: ServerId) -> Result<()> {
        self.direct()
    }
    fn put_loop_state(&mut self, _: &LoopState) -> Result<()> {
        self.direct()
    }
    fn insert_train_entry(&mut self, _: &TrainEntry) -> Result<()> {
        self.direct()
    }
    fn put_train_entry(&mut self, _: &TrainEntry) -> Result<()> {
        self.direct()
    }
    fn delete_train_entry(&mut self, _: TaskId) -> Result<()> {
        self.direct()
    }
    fn insert_candidate(&mut self, _: &Candidate) -> Result<()> {
        self.direct()
    }
    fn put_candidate(&mut self, _: &Candidate) -> Result<()> {
        self.direct()
    }
    fn insert_receipt(&mut self, _: &Receipt) -> Result<()> {
        self.direct()
    }
    fn put_patch(&mut self, _: &Patch) -> Result<()> {
        self.direct()
    }
    fn add_patch_comment(&mut self, _: &PatchComment) -> Result<u32> {
        self.direct()
    }
    fn append_event(&mut self, event: &NewEvent) -> Result<()> {
        self.check()?;
        let seq = self.numbers.next(Number::Event);
        self.overlay.events.all.push((seq, event.clone()));
        Ok(())
    }
    fn append_audit(&mut self, entry: &AuditEntry) -> Result<()> {
        self.change(|o| o.audit.all.push(OwnedAudit::from(entry)))
    }
    fn put_token(&mut self, _: &Token) -> Result<()> {
        self.direct()
    }
    fn remember(&mut self, key: &str, answer: &Remembered) -> Result<()> {
        self.change(|o| o.remembered.put(key.to_owned(), answer.clone()))
    }
    fn forget_expired(&mut self, _: Timestamp, _: u32) -> Result<u64> {
        self.direct()
    }
    fn put_setting(&mut self, _: &str, _: &str) -> Result<()> {
        self.direct()
    }
    fn insert_org_key(&mut self, _: &OrgKey) -> Result<()> {
        self.direct()
    }
    fn put_unattested(&mut self, _: TaskId) -> Result<()> {
        self.direct()
    }
    fn put_all_unattested(&mut self, _: ProjectId) -> Result<()> {
        self.direct()
    }
    fn delete_unattested(&mut self, _: TaskId) -> Result<()> {
        self.direct()
    }
}

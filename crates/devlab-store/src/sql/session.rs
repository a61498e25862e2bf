//! One unit of work on a connection: [`Read`] and [`Tx`] as statements.

use std::collections::BTreeMap;

use devlab_core::ask::Ask;
use devlab_core::attempt::{Agent, Attempt};
use devlab_core::auth::{AuditEntry, Token};
use devlab_core::check::{CheckSet, Receipt, Sha256Hex};
use devlab_core::event::{Event, NewEvent};
use devlab_core::label::Labels;
use devlab_core::limit::{LimitKey, Slots};
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
    Touching, Tx,
};
use devlab_core::{
    AgentId, AttemptId, CandidateId, Error, Oid, OrgId, PatchId, ProjectId, RefName, Result,
    ServerId, StorageError, TaskId, Timestamp, TokenId,
};

use uuid::Uuid;

use super::error::DbResult;
use super::{Sql, params};
use super::{
    accounts, attempts, events, lists, patches, plans, policies, provenance, queues, servers,
    tasks, trains,
};
use crate::RandomSource;

/// A unit of work under way.
pub(crate) struct Session<'c> {
    conn: &'c dyn Sql,
    now: Timestamp,
    random: &'c RandomSource,
    effects: Vec<Effect>,
    /// Whether the unit has its savepoint. It gets one with its first write, so that a unit that
    /// only looks, or is refused before it writes, costs none.
    saved: bool,
    /// The first failure of the database. The unit ends with it, whatever it makes of it.
    failed: Option<StorageError>,
}

impl<'c> Session<'c> {
    pub(crate) fn new(conn: &'c dyn Sql, now: Timestamp, random: &'c RandomSource) -> Self {
        Self {
            conn,
            now,
            random,
            effects: Vec::new(),
            saved: false,
            failed: None,
        }
    }

    /// Begins the unit with its savepoint: in PostgreSQL a statement that fails spoils everything
    /// back to the last one, even if it only reads.
    pub(crate) fn begin(&mut self) -> Result<()> {
        let saved = self.save();
        self.note(saved)
    }

    /// Ends the unit: keeps what it wrote if `outcome` is good, and takes it back if not. Returns
    /// what it left to do after the commit.
    ///
    /// # Errors
    /// What the unit failed with, or what keeping or taking back failed with.
    pub(crate) fn finish(mut self, outcome: Result<()>) -> Result<Vec<Effect>> {
        let outcome = match self.failed.take() {
            Some(error) => Err(Error::Storage(error)),
            None => outcome,
        };
        // After a full disk SQLite has taken back the whole transaction, savepoints included.
        if !self.saved || !self.conn.in_transaction() {
            return outcome.map(|()| self.effects);
        }
        match outcome {
            Ok(()) => {
                self.statement("RELEASE unit")?;
                Ok(self.effects)
            }
            Err(error) => {
                let undone = self
                    .statement("ROLLBACK TO unit")
                    .and_then(|()| self.statement("RELEASE unit"));
                if undone.is_err() {
                    // Ends the whole transaction, which the writer takes as the end of its batch.
                    self.conn.transaction_ended();
                    self.statement("ROLLBACK")?;
                }
                Err(error)
            }
        }
    }

    fn statement(&self, sql: &str) -> DbResult<()> {
        self.conn.execute(sql, params![]).map(drop)
    }

    fn refuse_after_failure(&self) -> Result<()> {
        match &self.failed {
            Some(error) => Err(Error::Storage(error.clone())),
            None => Ok(()),
        }
    }

    fn note<T>(&mut self, result: DbResult<T>) -> Result<T> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => Error::from(error),
        };
        if let Error::Storage(storage) = &error {
            self.failed = Some(storage.clone());
        }
        Err(error)
    }

    pub(super) fn look<T>(&mut self, read: impl FnOnce(&dyn Sql) -> DbResult<T>) -> Result<T> {
        self.refuse_after_failure()?;
        let result = read(self.conn);
        self.note(result)
    }

    pub(super) fn change<T>(&mut self, write: impl FnOnce(&dyn Sql) -> DbResult<T>) -> Result<T> {
        self.refuse_after_failure()?;
        let result = self.save().and_then(|()| write(self.conn));
        self.note(result)
    }

    fn save(&mut self) -> DbResult<()> {
        if !self.saved {
            self.statement("SAVEPOINT unit")?;
            self.saved = true;
        }
        Ok(())
    }
}

impl Read for Session<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }
    fn org(&mut self, id: OrgId) -> Result<Option<Org>> {
        self.look(|conn| accounts::org(conn, id))
    }
    fn org_by_name(&mut self, name: &Name) -> Result<Option<Org>> {
        self.look(|conn| accounts::org_by_name(conn, name))
    }
    fn orgs(&mut self, only: Option<OrgId>, page: Page) -> Result<Vec<Org>> {
        self.look(|conn| accounts::orgs(conn, only, page))
    }
    fn project(&mut self, id: ProjectId) -> Result<Option<Project>> {
        self.look(|conn| accounts::project(conn, id))
    }
    fn project_by_name(&mut self, org: OrgId, name: &Name) -> Result<Option<Project>> {
        self.look(|conn| accounts::project_by_name(conn, org, name))
    }
    fn projects(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Project>> {
        self.look(|conn| accounts::projects(conn, org, page))
    }
    fn branch_head(&mut self, project: ProjectId, branch: &RefName) -> Result<Option<Oid>> {
        self.look(|conn| accounts::branch_head(conn, project, branch))
    }
    fn task(&mut self, id: TaskId) -> Result<Option<Task>> {
        self.look(|conn| tasks::get(conn, id))
    }
    fn task_spec(&mut self, id: TaskId) -> Result<Option<TaskSpec>> {
        self.look(|conn| tasks::spec(conn, id))
    }
    fn task_made(&mut self, id: TaskId) -> Result<Option<Made>> {
        self.look(|conn| tasks::made(conn, id))
    }
    fn touched(&mut self, id: TaskId) -> Result<Vec<String>> {
        self.look(|conn| tasks::touched(conn, id))
    }
    fn touching(&mut self, beside: Beside, limit: u32) -> Result<Vec<Touching>> {
        self.look(|conn| tasks::touching(conn, beside, limit))
    }
    fn held_behind(&mut self, id: TaskId) -> Result<Vec<TaskId>> {
        self.look(|conn| tasks::held_behind(conn, id))
    }
    fn children(&mut self, parent: TaskId) -> Result<Vec<TaskId>> {
        self.look(|conn| tasks::children(conn, parent))
    }
    fn dependencies(&mut self, task: TaskId) -> Result<Vec<TaskId>> {
        self.look(|conn| tasks::dependencies(conn, task))
    }
    fn dependents(&mut self, task: TaskId) -> Result<Vec<TaskId>> {
        self.look(|conn| tasks::dependents(conn, task))
    }
    fn edges_below(
        &mut self,
        composite: TaskId,
        after: Option<Edge>,
        limit: u32,
    ) -> Result<Vec<Edge>> {
        self.look(|conn| tasks::edges_below(conn, composite, after, limit))
    }
    fn plan_revisions(&mut self, task: TaskId) -> Result<Vec<Revision>> {
        self.look(|conn| plans::revisions(conn, task))
    }
    fn plan(&mut self, task: TaskId, number: u32) -> Result<Option<Plan>> {
        self.look(|conn| plans::get(conn, task, number))
    }
    fn plan_tasks(&mut self, task: TaskId, number: u32) -> Result<BTreeMap<String, TaskId>> {
        self.look(|conn| plans::tasks(conn, task, number))
    }
    fn tasks(&mut self, filter: &TaskFilter, page: Page) -> Result<Vec<Task>> {
        self.look(|conn| lists::tasks(conn, filter, page))
    }
    fn search_end(
        &mut self,
        filter: &TaskFilter,
        after: Option<Uuid>,
        searched: u32,
    ) -> Result<Option<TaskId>> {
        self.look(|conn| lists::search_end(conn, filter, after, searched))
    }
    fn task_counts(&mut self, org: Option<OrgId>) -> Result<Vec<(StateName, u64)>> {
        self.look(|conn| lists::counts(conn, org))
    }
    fn startable(&mut self, home: Option<ServerId>, limit: u32) -> Result<Vec<TaskId>> {
        self.look(|conn| tasks::startable(conn, home, limit))
    }
    fn feedback(&mut self, task: TaskId) -> Result<Vec<Feedback>> {
        self.look(|conn| tasks::feedback(conn, task))
    }
    fn check_set(&mut self, hash: &Sha256Hex) -> Result<Option<CheckSet>> {
        self.look(|conn| tasks::check_set(conn, hash))
    }
    fn asks(&mut self, task: TaskId) -> Result<Vec<Ask>> {
        self.look(|conn| policies::asks(conn, task))
    }
    fn policies(&mut self, levels: &[Level]) -> Result<Vec<PolicyRevision>> {
        self.look(|conn| policies::latest(conn, levels))
    }
    fn policy_history(&mut self, level: Level) -> Result<Vec<PolicyRevision>> {
        self.look(|conn| policies::history(conn, level))
    }
    fn terms(&mut self, hash: &Sha256Hex) -> Result<Option<Terms>> {
        self.look(|conn| policies::terms(conn, hash))
    }
    fn limits(&mut self, org: OrgId) -> Result<Vec<(LimitKey, Slots)>> {
        self.look(|conn| policies::limits(conn, org))
    }
    fn limit(&mut self, org: OrgId, key: &LimitKey) -> Result<Option<Slots>> {
        self.look(|conn| policies::limit(conn, org, key))
    }
    fn queue_heads(&mut self, org: OrgId, agent: Option<&Labels>) -> Result<Vec<Queued>> {
        self.look(|conn| queues::heads(conn, org, agent))
    }
    fn queue_len(&mut self, org: Option<OrgId>) -> Result<u64> {
        self.look(|conn| queues::len(conn, org))
    }
    fn due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<TaskId>> {
        self.look(|conn| queues::due(conn, now, limit))
    }
    fn next_due(&mut self) -> Result<Option<Timestamp>> {
        self.look(queues::next_due)
    }
    fn attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>> {
        self.look(|conn| attempts::get(conn, id))
    }
    fn attempt_by_claim(&mut self, agent: AgentId, claim_id: &str) -> Result<Option<Attempt>> {
        self.look(|conn| attempts::by_claim(conn, agent, claim_id))
    }
    fn attempts(&mut self, task: TaskId) -> Result<Vec<Attempt>> {
        self.look(|conn| attempts::of_task(conn, task))
    }
    fn attempts_of_agent(&mut self, agent: AgentId) -> Result<Vec<Attempt>> {
        self.look(|conn| attempts::of_agent(conn, agent))
    }
    fn expired(&mut self, now: Timestamp, limit: u32) -> Result<Vec<AttemptId>> {
        self.look(|conn| attempts::expired(conn, now, limit))
    }
    fn next_expiry(&mut self) -> Result<Option<Timestamp>> {
        self.look(attempts::next_expiry)
    }
    fn live_attempts(&mut self) -> Result<Vec<AttemptId>> {
        self.look(attempts::live)
    }
    fn agent(&mut self, id: AgentId) -> Result<Option<Agent>> {
        self.look(|conn| attempts::agent(conn, id))
    }
    fn agent_by_name(&mut self, org: OrgId, name: &str) -> Result<Option<Agent>> {
        self.look(|conn| attempts::agent_by_name(conn, org, name))
    }
    fn agents(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Agent>> {
        self.look(|conn| attempts::agents(conn, org, page))
    }
    fn train_entry(&mut self, task: TaskId) -> Result<Option<TrainEntry>> {
        self.look(|conn| trains::entry(conn, task))
    }
    fn train(&mut self, target: &Target, limit: u32) -> Result<Vec<TrainEntry>> {
        self.look(|conn| trains::train(conn, target, limit))
    }
    fn trains(&mut self, home: ServerId, limit: u32) -> Result<Vec<Target>> {
        self.look(|conn| trains::targets(conn, home, limit))
    }
    fn candidate(&mut self, id: CandidateId) -> Result<Option<Candidate>> {
        self.look(|conn| trains::candidate(conn, id))
    }
    fn live_candidate(&mut self, target: &Target) -> Result<Option<Candidate>> {
        self.look(|conn| trains::live_candidate(conn, target))
    }
    fn candidates_of(&mut self, task: TaskId) -> Result<Vec<Candidate>> {
        self.look(|conn| trains::candidates_of(conn, task))
    }
    fn receipts_for_tree(&mut self, project: ProjectId, tree: &Oid) -> Result<Vec<Receipt>> {
        self.look(|conn| trains::receipts_for_tree(conn, project, tree))
    }
    fn receipts(&mut self, task: TaskId) -> Result<Vec<Receipt>> {
        self.look(|conn| trains::receipts(conn, task))
    }
    fn patch(&mut self, id: PatchId) -> Result<Option<Patch>> {
        self.look(|conn| patches::get(conn, id))
    }
    fn patch_of_task(&mut self, task: TaskId) -> Result<Option<Patch>> {
        self.look(|conn| patches::of_task(conn, task))
    }
    fn patches(
        &mut self,
        org: Option<OrgId>,
        project: Option<ProjectId>,
        state: Option<PatchState>,
        page: Page,
    ) -> Result<Vec<Patch>> {
        self.look(|conn| patches::list(conn, org, project, state, page))
    }
    fn untold_patches(&mut self, home: ServerId, limit: u32) -> Result<Vec<Patch>> {
        self.look(|conn| patches::untold(conn, home, limit))
    }
    fn patch_comments(&mut self, patch: PatchId) -> Result<Vec<PatchComment>> {
        self.look(|conn| patches::comments(conn, patch))
    }
    fn events(&mut self, org: Option<OrgId>, after: u64, limit: u32) -> Result<Vec<Event>> {
        self.look(|conn| events::after(conn, org, after, limit))
    }
    fn last_event(&mut self) -> Result<u64> {
        self.look(events::last)
    }
    fn audit_log(
        &mut self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, StoredAudit)>> {
        self.look(|conn| events::audit_log(conn, filter, before, limit))
    }
    fn server(&mut self, id: ServerId) -> Result<Option<Server>> {
        self.look(|conn| servers::server(conn, id))
    }
    fn servers(&mut self) -> Result<Vec<Server>> {
        self.look(servers::servers)
    }
    fn projects_at(&mut self, home: ServerId) -> Result<u64> {
        self.look(|conn| servers::projects_at(conn, home))
    }
    fn loop_state(&mut self, name: &str) -> Result<Option<LoopState>> {
        self.look(|conn| servers::loop_state(conn, name))
    }
    fn token_by_hash(&mut self, hash: &Sha256Hex) -> Result<Option<Token>> {
        self.look(|conn| accounts::token_by_hash(conn, hash))
    }
    fn token(&mut self, id: TokenId) -> Result<Option<Token>> {
        self.look(|conn| accounts::token(conn, id))
    }
    fn tokens(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Token>> {
        self.look(|conn| accounts::tokens(conn, org, page))
    }
    fn remembered(&mut self, key: &str) -> Result<Option<Remembered>> {
        let now = self.now;
        self.look(|conn| accounts::remembered(conn, key, now))
    }
    fn setting(&mut self, key: &str) -> Result<Option<String>> {
        self.look(|conn| accounts::setting(conn, key))
    }
    fn org_keys(&mut self, org: OrgId) -> Result<Vec<OrgKey>> {
        self.look(|conn| provenance::keys(conn, org))
    }
    fn unattested(&mut self, home: ServerId, limit: u32) -> Result<Vec<TaskId>> {
        self.look(|conn| provenance::unattested(conn, home, limit))
    }
}

impl Tx for Session<'_> {
    fn random(&mut self) -> u128 {
        (self.random)()
    }
    fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
    fn insert_org(&mut self, org: &Org) -> Result<()> {
        self.change(|conn| accounts::insert_org(conn, org))
    }
    fn put_org(&mut self, org: &Org) -> Result<()> {
        self.change(|conn| accounts::put_org(conn, org))
    }
    fn insert_project(&mut self, project: &Project) -> Result<()> {
        self.change(|conn| accounts::insert_project(conn, project))
    }
    fn put_project(&mut self, project: &Project) -> Result<()> {
        self.change(|conn| accounts::put_project(conn, project))
    }
    fn set_branch_head(
        &mut self,
        project: ProjectId,
        branch: &RefName,
        head: Option<&Oid>,
    ) -> Result<()> {
        self.change(|conn| accounts::set_branch_head(conn, project, branch, head))
    }
    fn insert_task(&mut self, task: &Task, spec: &TaskSpec, made: &Made) -> Result<u64> {
        self.change(|conn| tasks::insert(conn, task, spec, made))
    }
    fn put_task(&mut self, task: &Task) -> Result<()> {
        self.change(|conn| tasks::put(conn, task))
    }
    fn put_task_spec(&mut self, id: TaskId, spec: &TaskSpec) -> Result<()> {
        self.change(|conn| tasks::put_spec(conn, id, spec))
    }
    fn put_touched(&mut self, id: TaskId, paths: &[String]) -> Result<()> {
        self.change(|conn| tasks::put_touched(conn, id, paths))
    }
    fn insert_edge(&mut self, dependency: TaskId, dependent: TaskId) -> Result<bool> {
        self.change(|conn| tasks::insert_edge(conn, dependency, dependent))
    }
    fn delete_edge(&mut self, dependency: TaskId, dependent: TaskId) -> Result<bool> {
        self.change(|conn| tasks::delete_edge(conn, dependency, dependent))
    }
    fn insert_plan(&mut self, revision: &Revision, plan: &Plan) -> Result<()> {
        self.change(|conn| plans::insert(conn, revision, plan))
    }
    fn put_plan_revision(&mut self, revision: &Revision) -> Result<()> {
        self.change(|conn| plans::put(conn, revision))
    }
    fn put_plan_tasks(
        &mut self,
        task: TaskId,
        number: u32,
        tasks: &BTreeMap<String, TaskId>,
    ) -> Result<()> {
        self.change(|conn| plans::put_tasks(conn, task, number, tasks))
    }
    fn add_feedback(&mut self, task: TaskId, feedback: &Feedback) -> Result<()> {
        self.change(|conn| tasks::add_feedback(conn, task, feedback))
    }
    fn put_check_set(&mut self, set: &CheckSet) -> Result<()> {
        self.change(|conn| tasks::put_check_set(conn, set))
    }
    fn put_ask(&mut self, ask: &Ask) -> Result<()> {
        self.change(|conn| policies::put_ask(conn, ask))
    }
    fn insert_policy(&mut self, revision: &PolicyRevision) -> Result<()> {
        self.change(|conn| policies::insert(conn, revision))
    }
    fn put_terms(&mut self, terms: &Terms) -> Result<()> {
        self.change(|conn| policies::put_terms(conn, terms))
    }
    fn put_limit(&mut self, org: OrgId, key: &LimitKey, slots: Option<Slots>) -> Result<()> {
        self.change(|conn| policies::put_limit(conn, org, key, slots))
    }
    fn enqueue(&mut self, entry: &Queued) -> Result<bool> {
        self.change(|conn| queues::enqueue(conn, entry))
    }
    fn dequeue(&mut self, entry: &Queued) -> Result<bool> {
        self.change(|conn| queues::dequeue(conn, entry))
    }
    fn set_due(&mut self, task: TaskId, at: Option<Timestamp>) -> Result<()> {
        self.change(|conn| queues::set_due(conn, task, at))
    }
    fn insert_attempt(&mut self, attempt: &Attempt) -> Result<()> {
        self.change(|conn| attempts::insert(conn, attempt))
    }
    fn put_attempt(&mut self, attempt: &Attempt) -> Result<()> {
        self.change(|conn| attempts::put(conn, attempt))
    }
    fn extend_leases(&mut self, until: Timestamp) -> Result<u64> {
        self.change(|conn| attempts::extend_leases(conn, until))
    }
    fn put_agent(&mut self, agent: &Agent) -> Result<()> {
        self.change(|conn| attempts::put_agent(conn, agent))
    }
    fn delete_agent(&mut self, id: AgentId) -> Result<()> {
        self.change(|conn| attempts::delete_agent(conn, id))
    }
    fn put_server(&mut self, server: &Server) -> Result<()> {
        self.change(|conn| servers::put(conn, server))
    }
    fn delete_server(&mut self, id: ServerId) -> Result<()> {
        self.change(|conn| servers::delete(conn, id))
    }
    fn advance_homes(&mut self, home: ServerId) -> Result<()> {
        self.change(|conn| servers::advance_homes(conn, home))
    }
    fn put_loop_state(&mut self, state: &LoopState) -> Result<()> {
        self.change(|conn| servers::put_loop_state(conn, state))
    }
    fn insert_train_entry(&mut self, entry: &TrainEntry) -> Result<()> {
        self.change(|conn| trains::insert_entry(conn, entry))
    }
    fn put_train_entry(&mut self, entry: &TrainEntry) -> Result<()> {
        self.change(|conn| trains::put_entry(conn, entry))
    }
    fn delete_train_entry(&mut self, task: TaskId) -> Result<()> {
        self.change(|conn| trains::delete_entry(conn, task))
    }
    fn insert_candidate(&mut self, candidate: &Candidate) -> Result<()> {
        self.change(|conn| trains::insert_candidate(conn, candidate))
    }
    fn put_candidate(&mut self, candidate: &Candidate) -> Result<()> {
        self.change(|conn| trains::put_candidate(conn, candidate))
    }
    fn insert_receipt(&mut self, receipt: &Receipt) -> Result<()> {
        self.change(|conn| trains::insert_receipt(conn, receipt))
    }
    fn put_patch(&mut self, patch: &Patch) -> Result<()> {
        self.change(|conn| patches::put(conn, patch))
    }
    fn add_patch_comment(&mut self, comment: &PatchComment) -> Result<u32> {
        self.change(|conn| patches::add_comment(conn, comment))
    }
    fn append_event(&mut self, event: &NewEvent) -> Result<()> {
        let now = self.now;
        self.change(|conn| events::append(conn, event, now))
    }
    fn append_audit(&mut self, entry: &AuditEntry) -> Result<()> {
        let now = self.now;
        self.change(|conn| events::append_audit(conn, entry, now))
    }
    fn put_token(&mut self, token: &Token) -> Result<()> {
        self.change(|conn| accounts::put_token(conn, token))
    }
    fn remember(&mut self, key: &str, answer: &Remembered) -> Result<()> {
        self.change(|conn| accounts::remember(conn, key, answer))
    }
    fn forget_expired(&mut self, now: Timestamp, limit: u32) -> Result<u64> {
        self.change(|conn| accounts::forget_expired(conn, now, limit))
    }
    fn put_setting(&mut self, key: &str, value: &str) -> Result<()> {
        self.change(|conn| accounts::put_setting(conn, key, value))
    }
    fn insert_org_key(&mut self, key: &OrgKey) -> Result<()> {
        self.change(|conn| provenance::insert_key(conn, key))
    }
    fn put_unattested(&mut self, goal: TaskId) -> Result<()> {
        self.change(|conn| provenance::put_unattested(conn, goal))
    }
    fn put_all_unattested(&mut self, project: ProjectId) -> Result<()> {
        self.change(|conn| provenance::put_all_unattested(conn, project))
    }
    fn delete_unattested(&mut self, goal: TaskId) -> Result<()> {
        self.change(|conn| provenance::delete_unattested(conn, goal))
    }
}

//! The transaction that rules read and write through.
//!
//! [`Read`] is a consistent view; [`Tx`] also writes, and its writes are seen by its own later
//! reads. A store implements both. Methods get and put whole entities by key and decide nothing:
//! what may happen is decided in [`crate::rules`].
//!
//! A unit of work may be run again from the start when its batch has to be repeated, so it must not
//! have effects besides the transaction. What has to happen after the commit is left as an
//! [`Effect`].

mod queued;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ask::Ask;
use crate::attempt::{Agent, Attempt};
use crate::auth::{AuditEntry, Token};
use crate::bytes::{ReadBytes, WriteBytes};
use crate::check::{CheckSet, Receipt, Sha256Hex};
use crate::error::Result;
use crate::event::{Event, NewEvent};
use crate::git::{Oid, RefName};
use crate::id::{
    AgentId, AttemptId, CandidateId, OrgId, PatchId, ProjectId, ServerId, TaskId, TokenId,
};
use crate::label::Labels;
use crate::limit::{LimitKey, Slots};
use crate::name::Name;
use crate::org::{Org, Project};
use crate::patch::{Patch, PatchComment, PatchState};
use crate::plan::{Plan, Revision};
use crate::policy::{Level, PolicyRevision, Terms};
use crate::provenance::OrgKey;
use crate::server::{LoopState, Server};
use crate::state::StateName;
use crate::task::{Feedback, Made, Task, TaskSpec};
use crate::template::{ReadTemplates, WriteTemplates};
use crate::time::Timestamp;
use crate::train::{Candidate, Target, TrainEntry};

pub use queued::{Queued, Work, parse_queue};

/// What to do after a commit: wake somebody who looks at stored state. Losing one costs time, never
/// correctness, because every loop also runs on a period.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// One entry of this queue can be claimed.
    Ready(OrgId, Labels),
    /// The same, by any agent but this one.
    ReadyBut(OrgId, Labels, AgentId),
    /// A train may have something to do.
    Train(Target),
    /// A composite is ready and needs its branch.
    Start(TaskId),
    /// An agent has to hear about an attempt (cancelled, superseded) or about draining.
    Control(AgentId),
    /// A task backs off until this time.
    Later(Timestamp),
    /// A forge has to be told of a patch.
    Forge,
    /// A goal was published, and its provenance has to be attached.
    Attest,
    /// Tokens changed: forget what was cached.
    Tokens,
    /// The log of an attempt grew, in a process that shares the store. Of no transaction.
    LogGrew(AttemptId),
    /// Other processes may have left things to do that were not heard of: everybody looks.
    Missed,
}

/// Which tasks a list shows. All given conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Of this org; `None` is every org.
    pub org: Option<OrgId>,
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Children of this task.
    pub parent: Option<TaskId>,
    /// Of this goal, the goal included.
    pub goal: Option<TaskId>,
    /// Goals only.
    pub goals_only: bool,
    /// In one of these states; empty is any.
    pub states: Vec<StateName>,
    /// Title contains this, ignoring ASCII case.
    pub text: Option<String>,
    /// Archived ones too.
    pub archived: bool,
    /// This one and newer ones: how far a search looks; see [`Read::search_end`].
    pub floor: Option<TaskId>,
}

/// Among which tasks [`Read::touching`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// The children of a composite.
    ChildrenOf(TaskId),
    /// The goals of a project.
    GoalsOf(ProjectId),
    /// Everything below a goal.
    BelowGoal(TaskId),
}

/// A task with the paths that it touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touching {
    /// The task.
    pub task: Task,
    /// Its title.
    pub title: String,
    /// The paths that it declares.
    pub declared: Vec<String>,
    /// The paths that its work has changed so far.
    pub observed: Vec<String>,
}

/// Which audit entries a list shows. All given conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this org; `None` is every org and the lab itself.
    pub org: Option<OrgId>,
    /// Each stands in the action, target, actor or request id, ignoring ASCII case.
    pub words: Vec<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// A page of a list: newest first, by id. `after` is the last id of the page before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Continue after this id's bits.
    pub after: Option<Uuid>,
    /// At most this many.
    pub limit: u32,
}

/// A dependency between two tasks. Their order is by dependent, then by dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// What waits.
    pub dependent: TaskId,
    /// What it waits for.
    pub dependency: TaskId,
}

/// A remembered answer of a mutation with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Hash of the request's body.
    pub body: Sha256Hex,
    /// Status of the answer.
    pub status: u16,
    /// Body of the answer.
    pub answer: String,
    /// When it may be forgotten.
    pub expires_at: Timestamp,
}

/// A consistent view of the stored state. `None` means that there is no such thing.
pub trait Read: ReadBytes + ReadTemplates {
    /// The store's clock.
    fn now(&self) -> Timestamp;

    /// An org by id.
    fn org(&mut self, id: OrgId) -> Result<Option<Org>>;
    /// An org by name.
    fn org_by_name(&mut self, name: &Name) -> Result<Option<Org>>;
    /// Orgs, oldest first; `Some` limits to one.
    fn orgs(&mut self, only: Option<OrgId>, page: Page) -> Result<Vec<Org>>;
    /// A project by id.
    fn project(&mut self, id: ProjectId) -> Result<Option<Project>>;
    /// A project of an org by name.
    fn project_by_name(&mut self, org: OrgId, name: &Name) -> Result<Option<Project>>;
    /// Projects, newest first.
    fn projects(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Project>>;
    /// Last known head of a branch: what claims start from. The ref itself decides at publication.
    fn branch_head(&mut self, project: ProjectId, branch: &RefName) -> Result<Option<Oid>>;

    /// A task.
    fn task(&mut self, id: TaskId) -> Result<Option<Task>>;
    /// A task's words and commands.
    fn task_spec(&mut self, id: TaskId) -> Result<Option<TaskSpec>>;
    /// Who a task was made for; absent for one that was made before this was kept.
    fn task_made(&mut self, id: TaskId) -> Result<Option<Made>>;
    /// Paths that the work on a task has changed so far, as far as they are known.
    fn touched(&mut self, id: TaskId) -> Result<Vec<String>>;
    /// Tasks that are ready, run, wait or are being merged, archived ones too, of which paths are
    /// known: first those that run or are being merged, then those that are held back, the newest
    /// first.
    fn touching(&mut self, beside: Beside, limit: u32) -> Result<Vec<Touching>>;
    /// Tasks that are held back behind one, oldest first.
    fn held_behind(&mut self, id: TaskId) -> Result<Vec<TaskId>>;
    /// Ids of a composite's children, oldest first.
    fn children(&mut self, parent: TaskId) -> Result<Vec<TaskId>>;
    /// What a task depends on.
    fn dependencies(&mut self, task: TaskId) -> Result<Vec<TaskId>>;
    /// What depends on a task.
    fn dependents(&mut self, task: TaskId) -> Result<Vec<TaskId>>;
    /// Dependencies among the tasks below a composite, at every depth, in their order; those after
    /// one of them.
    fn edges_below(
        &mut self,
        composite: TaskId,
        after: Option<Edge>,
        limit: u32,
    ) -> Result<Vec<Edge>>;
    /// Revisions of a composite's plan, oldest first.
    fn plan_revisions(&mut self, task: TaskId) -> Result<Vec<Revision>>;
    /// The plan of a revision.
    fn plan(&mut self, task: TaskId, number: u32) -> Result<Option<Plan>>;
    /// The tasks that a revision was carried out with, by key; keys of nested ones are joined by
    /// `/`. Empty for one that never was current.
    fn plan_tasks(&mut self, task: TaskId, number: u32) -> Result<BTreeMap<String, TaskId>>;
    /// Tasks, newest first.
    fn tasks(&mut self, filter: &TaskFilter, page: Page) -> Result<Vec<Task>>;
    /// The last task that a search looks at which looks at no more than `searched` tasks, whatever
    /// their titles; `None` if it comes to the end before. With several states, it looks at so
    /// many of each.
    fn search_end(
        &mut self,
        filter: &TaskFilter,
        after: Option<Uuid>,
        searched: u32,
    ) -> Result<Option<TaskId>>;
    /// How many tasks of an org (or of all) are in each state, archived ones left out.
    fn task_counts(&mut self, org: Option<OrgId>) -> Result<Vec<(StateName, u64)>>;
    /// Composites that are ready, oldest first: those whose repository a server has, or those
    /// without a repository. What the start loop looks at.
    fn startable(&mut self, home: Option<ServerId>, limit: u32) -> Result<Vec<TaskId>>;
    /// Feedback of a task, oldest first, the newest [`crate::limits::FEEDBACK_MAX`].
    fn feedback(&mut self, task: TaskId) -> Result<Vec<Feedback>>;
    /// A check set by its hash.
    fn check_set(&mut self, hash: &Sha256Hex) -> Result<Option<CheckSet>>;

    /// What was asked of people about a task, oldest first.
    fn asks(&mut self, task: TaskId) -> Result<Vec<Ask>>;

    /// The policies in force of those of these levels that have one, in the order of the levels.
    fn policies(&mut self, levels: &[Level]) -> Result<Vec<PolicyRevision>>;
    /// All policies that a level has had, newest first.
    fn policy_history(&mut self, level: Level) -> Result<Vec<PolicyRevision>>;
    /// Terms by their hash.
    fn terms(&mut self, hash: &Sha256Hex) -> Result<Option<Terms>>;
    /// The counters of an org's limits, in order.
    fn limits(&mut self, org: OrgId) -> Result<Vec<(LimitKey, Slots)>>;
    /// The counter of a limit.
    fn limit(&mut self, org: OrgId, key: &LimitKey) -> Result<Option<Slots>>;

    /// The first entry of every ready queue of an org whose labels the agent's satisfy; of every
    /// one if no agent is given.
    fn queue_heads(&mut self, org: OrgId, agent: Option<&Labels>) -> Result<Vec<Queued>>;
    /// How many entries the ready queues of an org (or of all) hold.
    fn queue_len(&mut self, org: Option<OrgId>) -> Result<u64>;
    /// Tasks whose back-off ends at or before `now`, earliest first.
    fn due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<TaskId>>;
    /// When the next back-off ends.
    fn next_due(&mut self) -> Result<Option<Timestamp>>;

    /// An attempt.
    fn attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>>;
    /// The attempt that a claim made.
    fn attempt_by_claim(&mut self, agent: AgentId, claim_id: &str) -> Result<Option<Attempt>>;
    /// Attempts of a task, oldest first, verify attempts of its candidates included if it is their
    /// first task.
    fn attempts(&mut self, task: TaskId) -> Result<Vec<Attempt>>;
    /// Live and lost attempts of an agent, oldest first.
    fn attempts_of_agent(&mut self, agent: AgentId) -> Result<Vec<Attempt>>;
    /// Live attempts whose lease ended at or before `now`, earliest first.
    fn expired(&mut self, now: Timestamp, limit: u32) -> Result<Vec<AttemptId>>;
    /// When the next lease ends.
    fn next_expiry(&mut self) -> Result<Option<Timestamp>>;
    /// Live attempts.
    fn live_attempts(&mut self) -> Result<Vec<AttemptId>>;

    /// An agent.
    fn agent(&mut self, id: AgentId) -> Result<Option<Agent>>;
    /// An agent of an org by name.
    fn agent_by_name(&mut self, org: OrgId, name: &str) -> Result<Option<Agent>>;
    /// Agents, newest first.
    fn agents(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Agent>>;

    /// The entry of a task in its train.
    fn train_entry(&mut self, task: TaskId) -> Result<Option<TrainEntry>>;
    /// Entries of a train in queue order.
    fn train(&mut self, target: &Target, limit: u32) -> Result<Vec<TrainEntry>>;
    /// Targets whose train is not empty and whose repository a server has.
    fn trains(&mut self, home: ServerId, limit: u32) -> Result<Vec<Target>>;
    /// A candidate.
    fn candidate(&mut self, id: CandidateId) -> Result<Option<Candidate>>;
    /// The candidate that a train is busy with.
    fn live_candidate(&mut self, target: &Target) -> Result<Option<Candidate>>;
    /// Candidates of a task, oldest first.
    fn candidates_of(&mut self, task: TaskId) -> Result<Vec<Candidate>>;
    /// Receipts for a tree of a project, newest first.
    fn receipts_for_tree(&mut self, project: ProjectId, tree: &Oid) -> Result<Vec<Receipt>>;
    /// Receipts of a task, oldest first.
    fn receipts(&mut self, task: TaskId) -> Result<Vec<Receipt>>;

    /// A patch.
    fn patch(&mut self, id: PatchId) -> Result<Option<Patch>>;
    /// The patch of a task.
    fn patch_of_task(&mut self, task: TaskId) -> Result<Option<Patch>>;
    /// Patches, newest first.
    fn patches(
        &mut self,
        org: Option<OrgId>,
        project: Option<ProjectId>,
        state: Option<PatchState>,
        page: Page,
    ) -> Result<Vec<Patch>>;
    /// Patches that their forge has to be told of and whose repository a server has, oldest first.
    fn untold_patches(&mut self, home: ServerId, limit: u32) -> Result<Vec<Patch>>;
    /// A patch's discussion, oldest first.
    fn patch_comments(&mut self, patch: PatchId) -> Result<Vec<PatchComment>>;

    /// Events after `seq` of one org (or of all), in order.
    fn events(&mut self, org: Option<OrgId>, after: u64, limit: u32) -> Result<Vec<Event>>;
    /// The last event's place, 0 if there is none.
    fn last_event(&mut self) -> Result<u64>;
    /// Audit entries, newest first, with their sequence numbers, before `before` if given.
    fn audit_log(
        &mut self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, StoredAudit)>>;

    /// A token by the hash of its secret.
    fn token_by_hash(&mut self, hash: &Sha256Hex) -> Result<Option<Token>>;
    /// A token.
    fn token(&mut self, id: TokenId) -> Result<Option<Token>>;
    /// Tokens, newest first.
    fn tokens(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Token>>;
    /// A remembered answer, if it has not expired.
    fn remembered(&mut self, key: &str) -> Result<Option<Remembered>>;
    /// A server.
    fn server(&mut self, id: ServerId) -> Result<Option<Server>>;
    /// All servers, oldest first, those that have left as well: at most
    /// [`crate::limits::SERVERS_MAX`].
    fn servers(&mut self) -> Result<Vec<Server>>;
    /// How many projects a server has the repositories of.
    fn projects_at(&mut self, home: ServerId) -> Result<u64>;
    /// Who runs a loop; `None` if nobody ever has.
    fn loop_state(&mut self, name: &str) -> Result<Option<LoopState>>;
    /// A setting of the lab, such as its signing key.
    fn setting(&mut self, key: &str) -> Result<Option<String>>;
    /// The keys that an org has signed provenance with, oldest first.
    fn org_keys(&mut self, org: OrgId) -> Result<Vec<OrgKey>>;
    /// Goals that were published and have no provenance attached, and whose repository a server has,
    /// oldest first.
    fn unattested(&mut self, home: ServerId, limit: u32) -> Result<Vec<TaskId>>;
}

/// An audit entry as stored; see [`AuditEntry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudit {
    /// Org.
    pub org: Option<OrgId>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub target: String,
    /// Request id.
    pub request_id: String,
}

/// A transaction that writes. `insert_*` fails if the key exists; `put_*` replaces the whole entity.
pub trait Tx: Read + WriteBytes + WriteTemplates {
    /// 128 fresh random bits for an id. A repeated run of a unit may get others.
    fn random(&mut self) -> u128;
    /// Leaves something to do after the commit.
    fn effect(&mut self, effect: Effect);

    /// Stores a new org.
    fn insert_org(&mut self, org: &Org) -> Result<()>;
    /// Replaces an org.
    fn put_org(&mut self, org: &Org) -> Result<()>;
    /// Stores a new project.
    fn insert_project(&mut self, project: &Project) -> Result<()>;
    /// Replaces a project.
    fn put_project(&mut self, project: &Project) -> Result<()>;
    /// Records the head of a branch; `None` when it is gone.
    fn set_branch_head(
        &mut self,
        project: ProjectId,
        branch: &RefName,
        head: Option<&Oid>,
    ) -> Result<()>;

    /// Stores a new task and returns its `seq`. The given `seq` is ignored.
    fn insert_task(&mut self, task: &Task, spec: &TaskSpec, made: &Made) -> Result<u64>;
    /// Replaces the changing part of a task.
    fn put_task(&mut self, task: &Task) -> Result<()>;
    /// Replaces a task's words and commands.
    fn put_task_spec(&mut self, id: TaskId, spec: &TaskSpec) -> Result<()>;
    /// Replaces the paths that the work on a task has changed so far.
    fn put_touched(&mut self, id: TaskId, paths: &[String]) -> Result<()>;
    /// Adds an edge; `false` if it was there already.
    fn insert_edge(&mut self, dependency: TaskId, dependent: TaskId) -> Result<bool>;
    /// Takes an edge away; `false` if it was not there.
    fn delete_edge(&mut self, dependency: TaskId, dependent: TaskId) -> Result<bool>;
    /// Stores a new revision with its plan.
    fn insert_plan(&mut self, revision: &Revision, plan: &Plan) -> Result<()>;
    /// Replaces what changes of a revision: its state and what was decided.
    fn put_plan_revision(&mut self, revision: &Revision) -> Result<()>;
    /// Stores the tasks that a revision is carried out with.
    fn put_plan_tasks(
        &mut self,
        task: TaskId,
        number: u32,
        tasks: &BTreeMap<String, TaskId>,
    ) -> Result<()>;
    /// Adds feedback for the next attempt.
    fn add_feedback(&mut self, task: TaskId, feedback: &Feedback) -> Result<()>;
    /// Stores a check set under its hash, if it is not there.
    fn put_check_set(&mut self, set: &CheckSet) -> Result<()>;
    /// Stores something that is asked, or replaces it.
    fn put_ask(&mut self, ask: &Ask) -> Result<()>;
    /// Stores a policy, which is its level's from now on.
    fn insert_policy(&mut self, revision: &PolicyRevision) -> Result<()>;
    /// Stores terms under their hash, if they are not there.
    fn put_terms(&mut self, terms: &Terms) -> Result<()>;
    /// Stores the counter of a limit; `None` removes it.
    fn put_limit(&mut self, org: OrgId, key: &LimitKey, slots: Option<Slots>) -> Result<()>;

    /// Puts something into its ready queue; `false` if that is one more than the
    /// [`crate::limits::LABEL_SETS_MAX`] that an org may have. A candidate always has room.
    fn enqueue(&mut self, entry: &Queued) -> Result<bool>;
    /// Takes something out of its ready queue; `false` if it was not there.
    fn dequeue(&mut self, entry: &Queued) -> Result<bool>;
    /// Remembers to look at a backing-off task at a time; `None` forgets it.
    fn set_due(&mut self, task: TaskId, at: Option<Timestamp>) -> Result<()>;

    /// Stores a new attempt.
    fn insert_attempt(&mut self, attempt: &Attempt) -> Result<()>;
    /// Replaces an attempt.
    fn put_attempt(&mut self, attempt: &Attempt) -> Result<()>;
    /// Lets every live lease end at `until`; returns how many ended at another time. Those that
    /// would end later are meant too: they were given by a clock that has gone back since.
    fn extend_leases(&mut self, until: Timestamp) -> Result<u64>;
    /// Stores a new agent or replaces it.
    fn put_agent(&mut self, agent: &Agent) -> Result<()>;
    /// Stores a new server or replaces it.
    fn put_server(&mut self, server: &Server) -> Result<()>;
    /// Removes a server.
    fn delete_server(&mut self, id: ServerId) -> Result<()>;
    /// Gives every project whose home is this server a new epoch.
    fn advance_homes(&mut self, home: ServerId) -> Result<()>;
    /// Stores who runs a loop.
    fn put_loop_state(&mut self, state: &LoopState) -> Result<()>;
    /// Removes an agent.
    fn delete_agent(&mut self, id: AgentId) -> Result<()>;

    /// Appends a result to a train. The given `seq` is ignored.
    fn insert_train_entry(&mut self, entry: &TrainEntry) -> Result<()>;
    /// Replaces a train entry.
    fn put_train_entry(&mut self, entry: &TrainEntry) -> Result<()>;
    /// Takes a task out of its train.
    fn delete_train_entry(&mut self, task: TaskId) -> Result<()>;
    /// Stores a new candidate.
    fn insert_candidate(&mut self, candidate: &Candidate) -> Result<()>;
    /// Replaces a candidate.
    fn put_candidate(&mut self, candidate: &Candidate) -> Result<()>;
    /// Stores a receipt.
    fn insert_receipt(&mut self, receipt: &Receipt) -> Result<()>;

    /// Stores a new patch or replaces it.
    fn put_patch(&mut self, patch: &Patch) -> Result<()>;
    /// Adds to a patch's discussion and returns the number. The given `number` is ignored.
    fn add_patch_comment(&mut self, comment: &PatchComment) -> Result<u32>;

    /// Appends to the event stream, at the store's time.
    fn append_event(&mut self, event: &NewEvent) -> Result<()>;
    /// Appends to the audit log.
    fn append_audit(&mut self, entry: &AuditEntry) -> Result<()>;
    /// Stores a token or replaces it.
    fn put_token(&mut self, token: &Token) -> Result<()>;
    /// Remembers an answer under a key.
    fn remember(&mut self, key: &str, answer: &Remembered) -> Result<()>;
    /// Forgets answers that expired at or before `now`; returns how many.
    fn forget_expired(&mut self, now: Timestamp, limit: u32) -> Result<u64>;
    /// Stores a setting of the lab.
    fn put_setting(&mut self, key: &str, value: &str) -> Result<()>;
    /// Stores a new key of an org.
    fn insert_org_key(&mut self, key: &OrgKey) -> Result<()>;
    /// Remembers that a goal has no provenance attached; nothing if that is known.
    fn put_unattested(&mut self, goal: TaskId) -> Result<()>;
    /// The same for every goal of a project that was published.
    fn put_all_unattested(&mut self, project: ProjectId) -> Result<()>;
    /// Forgets that.
    fn delete_unattested(&mut self, goal: TaskId) -> Result<()>;
}

/// What the rules are told by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleConfig {
    /// Length of a lease.
    pub lease_term: Duration,
    /// First delay before a retry; doubles each time up to [`crate::limits::BACKOFF_MAX`].
    pub backoff_first: Duration,
}

impl Default for RuleConfig {
    fn default() -> Self {
        Self {
            lease_term: crate::limits::LEASE_TERM_DEFAULT,
            backoff_first: crate::limits::BACKOFF_FIRST,
        }
    }
}

//! What a batch of units knows of the database, and what it has changed but not yet written.
//!
//! A statement costs a round trip, and a unit needs a dozen of them. So the units of a batch run
//! against this overlay: what they look at is fetched for all of them at once, and what they write
//! is written for all of them at once. A unit that asks for something that is not here is stopped
//! ([`Stop::Missing`]), what it wrote is forgotten, and it runs again once that has been fetched;
//! units may be run again (see [`crate::WriteUnit`]). A unit that does what the overlay does not
//! know is stopped too ([`Stop::Direct`]), and runs on the connection.
//!
//! *Invariant:* what is known cannot change behind the overlay's back: the batch has its turn.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use devlab_core::attempt::{Agent, Attempt};
use devlab_core::auth::AuditEntry;
use devlab_core::check::{CheckSet, Sha256Hex};
use devlab_core::event::NewEvent;
use devlab_core::limit::{LimitKey, Slots};
use devlab_core::name::Name;
use devlab_core::org::{Org, Project};
use devlab_core::policy::{Level, PolicyRevision, Terms};
use devlab_core::task::{Feedback, Made, Task, TaskSpec};
use devlab_core::tx::{Queued, Remembered};
use devlab_core::{AgentId, AttemptId, Oid, OrgId, ProjectId, RefName, TaskId, Timestamp};

use super::changes::{Added, Changes, Place, QueueChanges, QueueStep, place};

/// Something that has to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Need {
    Org(OrgId),
    OrgByName(Name),
    Project(ProjectId),
    ProjectByName(OrgId, Name),
    BranchHead(ProjectId, RefName),
    Task(TaskId),
    Spec(TaskId),
    Children(TaskId),
    Dependencies(TaskId),
    Dependents(TaskId),
    Feedback(TaskId),
    CheckSet(Sha256Hex),
    Policies(Vec<Level>),
    Terms(Sha256Hex),
    /// All limits of an org.
    Limits(OrgId),
    Attempt(AttemptId),
    Claim(AgentId, String),
    Held(AgentId),
    Agent(AgentId),
    Remembered(String),
    Setting(String),
    /// The heads of all ready queues of an org.
    Queues(OrgId),
    /// More of one queue, after what is known of it.
    Window(OrgId, String),
}

/// Why a unit did not run to its end.
#[derive(Debug, Clone)]
pub(super) enum Stop {
    /// It needs to know this.
    Missing(Need),
    /// It has to run on the connection.
    Direct,
}

/// What is stored, as far as it was fetched. `None` means that there is no such thing.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) orgs: HashMap<OrgId, Option<Org>>,
    pub(super) orgs_by_name: HashMap<Name, Option<Org>>,
    pub(super) projects: HashMap<ProjectId, Option<Project>>,
    pub(super) projects_by_name: HashMap<(OrgId, Name), Option<Project>>,
    pub(super) heads: HashMap<(ProjectId, RefName), Option<Oid>>,
    pub(super) tasks: HashMap<TaskId, Option<Task>>,
    pub(super) specs: HashMap<TaskId, Option<TaskSpec>>,
    pub(super) children: HashMap<TaskId, Vec<TaskId>>,
    pub(super) dependencies: HashMap<TaskId, Vec<TaskId>>,
    pub(super) dependents: HashMap<TaskId, Vec<TaskId>>,
    pub(super) feedback: HashMap<TaskId, Vec<Feedback>>,
    pub(super) check_sets: HashMap<Sha256Hex, Option<CheckSet>>,
    pub(super) policies: HashMap<Level, Option<PolicyRevision>>,
    pub(super) terms: HashMap<Sha256Hex, Option<Terms>>,
    pub(super) limits: HashMap<OrgId, BTreeMap<LimitKey, Slots>>,
    pub(super) attempts: HashMap<AttemptId, Option<Attempt>>,
    pub(super) claims: HashMap<(AgentId, String), Option<AttemptId>>,
    pub(super) held: HashMap<AgentId, Vec<AttemptId>>,
    pub(super) agents: HashMap<AgentId, Option<Agent>>,
    pub(super) remembered: HashMap<String, Option<Remembered>>,
    pub(super) settings: HashMap<String, Option<String>>,
    pub(super) queues: HashMap<OrgId, BTreeMap<String, Window>>,
}

/// The beginning of one ready queue.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// In order.
    pub(super) entries: Vec<Queued>,
    /// Whether there is nothing after them.
    pub(super) whole: bool,
}

/// What a batch knows and has changed.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pub(super) known: Known,
    pub(super) tasks: Changes<TaskId, Task>,
    pub(super) specs: Changes<TaskId, TaskSpec>,
    pub(super) made: Changes<TaskId, Made>,
    pub(super) attempts: Changes<AttemptId, Attempt>,
    pub(super) agents: Changes<AgentId, Agent>,
    pub(super) check_sets: Changes<Sha256Hex, CheckSet>,
    pub(super) terms: Changes<Sha256Hex, Terms>,
    pub(super) limits: Changes<(OrgId, LimitKey), Option<Slots>>,
    pub(super) remembered: Changes<String, Remembered>,
    pub(super) due: Changes<TaskId, Option<Timestamp>>,
    pub(super) edges: Added<(TaskId, TaskId)>,
    pub(super) events: Added<(u64, NewEvent)>,
    pub(super) audit: Added<OwnedAudit>,
    pub(super) queues: QueueChanges,
}

/// An audit entry on its way.
#[derive(Debug, Clone)]
pub(super) struct OwnedAudit {
    pub(super) org: Option<OrgId>,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) target: String,
    pub(super) request_id: String,
}

impl From<&AuditEntry> for OwnedAudit {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            org: entry.org,
            actor: entry.actor.clone(),
            action: entry.action.to_owned(),
            target: entry.target.clone(),
            request_id: entry.request_id.clone(),
        }
    }
}

impl Overlay {
    /// What the unit under way has changed stays.
    pub(super) fn keep(&mut self) {
        self.tasks.keep();
        self.specs.keep();
        self.made.keep();
        self.attempts.keep();
        self.agents.keep();
        self.check_sets.keep();
        self.terms.keep();
        self.limits.keep();
        self.remembered.keep();
        self.due.keep();
        self.edges.keep();
        self.events.keep();
        self.audit.keep();
        self.queues.undo.clear();
    }

    /// What the unit under way has changed is forgotten.
    pub(super) fn take_back(&mut self) {
        self.tasks.take_back();
        self.specs.take_back();
        self.made.take_back();
        self.attempts.take_back();
        self.agents.take_back();
        self.check_sets.take_back();
        self.terms.take_back();
        self.limits.take_back();
        self.remembered.take_back();
        self.due.take_back();
        self.edges.take_back();
        self.events.take_back();
        self.audit.take_back();
        self.queues.take_back();
    }

    /// Forgets all changes, and keeps what is known.
    pub(super) fn begin_again(&mut self) {
        self.tasks.clear();
        self.specs.clear();
        self.made.clear();
        self.attempts.clear();
        self.agents.clear();
        self.check_sets.clear();
        self.terms.clear();
        self.limits.clear();
        self.remembered.clear();
        self.due.clear();
        self.edges.clear();
        self.events.clear();
        self.audit.clear();
        self.queues.clear();
    }

    /// A task as it is now.
    pub(super) fn task(&self, id: TaskId) -> Result<Option<Task>, Need> {
        look(&self.tasks, &self.known.tasks, &id, Need::Task)
    }

    /// A task's words as they are now.
    pub(super) fn spec(&self, id: TaskId) -> Result<Option<TaskSpec>, Need> {
        look(&self.specs, &self.known.specs, &id, Need::Spec)
    }

    /// An attempt as it is now.
    pub(super) fn attempt(&self, id: AttemptId) -> Result<Option<Attempt>, Need> {
        look(&self.attempts, &self.known.attempts, &id, Need::Attempt)
    }

    /// An agent as it is now.
    pub(super) fn agent(&self, id: AgentId) -> Result<Option<Agent>, Need> {
        look(&self.agents, &self.known.agents, &id, Need::Agent)
    }

    /// Live and lost attempts of an agent, oldest first.
    pub(super) fn held(&self, agent: AgentId) -> Result<Vec<Attempt>, Need> {
        let known = self.known.held.get(&agent).ok_or(Need::Held(agent))?;
        let born = self.attempts.born.iter().filter(|id| !known.contains(id));
        let mut held = Vec::new();
        for id in known.iter().chain(born) {
            if let Some(attempt) = self.attempt(*id)?
                && attempt.agent == agent
                && attempt.state.may_write()
            {
                held.push(attempt);
            }
        }
        Ok(held)
    }

    /// The attempt that a claim made.
    pub(super) fn claim(&self, agent: AgentId, claim: &str) -> Result<Option<Attempt>, Need> {
        let mine = |id: &&AttemptId| {
            self.attempts
                .get(id)
                .is_some_and(|attempt| attempt.agent == agent && attempt.claim_id == claim)
        };
        if let Some(id) = self.attempts.born.iter().find(mine) {
            return self.attempt(*id);
        }
        let key = (agent, claim.to_owned());
        match self.known.claims.get(&key) {
            None => Err(Need::Claim(key.0, key.1)),
            Some(None) => Ok(None),
            Some(Some(id)) => self.attempt(*id),
        }
    }

    /// Children of a task, oldest first.
    pub(super) fn children(&self, parent: TaskId) -> Result<Vec<TaskId>, Need> {
        let mut children = match (self.is_new(parent), self.known.children.get(&parent)) {
            (_, Some(known)) => known.clone(),
            (true, None) => Vec::new(),
            (false, None) => return Err(Need::Children(parent)),
        };
        let mine = |id: &&TaskId| {
            self.tasks
                .get(id)
                .is_some_and(|task| task.parent == Some(parent))
        };
        children.extend(self.tasks.born.iter().filter(mine).copied());
        Ok(children)
    }

    /// What a task depends on, by id.
    pub(super) fn dependencies(&self, task: TaskId) -> Result<Vec<TaskId>, Need> {
        let known = self.known.dependencies.get(&task);
        let new = self.edges.all.iter().filter(|(_, to)| *to == task);
        self.neighbours(task, known, new.map(|(from, _)| *from), Need::Dependencies)
    }

    /// What depends on a task, by id.
    pub(super) fn dependents(&self, task: TaskId) -> Result<Vec<TaskId>, Need> {
        let known = self.known.dependents.get(&task);
        let new = self.edges.all.iter().filter(|(from, _)| *from == task);
        self.neighbours(task, known, new.map(|(_, to)| *to), Need::Dependents)
    }

    fn neighbours(
        &self,
        task: TaskId,
        known: Option<&Vec<TaskId>>,
        new: impl Iterator<Item = TaskId>,
        need: fn(TaskId) -> Need,
    ) -> Result<Vec<TaskId>, Need> {
        let mut all = match (self.is_new(task), known) {
            (_, Some(known)) => known.clone(),
            (true, None) => Vec::new(),
            (false, None) => return Err(need(task)),
        };
        all.extend(new);
        all.sort_unstable();
        Ok(all)
    }

    /// Feedback of a task. Whoever adds to it does so on the connection, after all of these.
    pub(super) fn feedback(&self, task: TaskId) -> Result<Vec<Feedback>, Need> {
        match (self.is_new(task), self.known.feedback.get(&task)) {
            (_, Some(known)) => Ok(known.clone()),
            (true, None) => Ok(Vec::new()),
            (false, None) => Err(Need::Feedback(task)),
        }
    }

    /// The policies of these levels. Whoever sets one does so on the connection, after all of these.
    pub(super) fn policies(&self, levels: &[Level]) -> Result<Vec<PolicyRevision>, Need> {
        let mut found = Vec::new();
        for level in levels {
            match self.known.policies.get(level) {
                Some(known) => found.extend(known.clone()),
                None => return Err(Need::Policies(levels.to_vec())),
            }
        }
        Ok(found)
    }

    /// Terms as they are now.
    pub(super) fn terms(&self, hash: &Sha256Hex) -> Result<Option<Terms>, Need> {
        look(&self.terms, &self.known.terms, hash, Need::Terms)
    }

    /// All limits of an org as they are now.
    pub(super) fn limits(&self, org: OrgId) -> Result<Vec<(LimitKey, Slots)>, Need> {
        let mut all = self
            .known
            .limits
            .get(&org)
            .ok_or(Need::Limits(org))?
            .clone();
        for ((_, key), changed) in self.limits.map.iter().filter(|((of, _), _)| *of == org) {
            match changed.value {
                Some(slots) => all.insert(key.clone(), slots),
                None => all.remove(key),
            };
        }
        Ok(all.into_iter().collect())
    }

    /// A limit as it is now.
    pub(super) fn limit(&self, org: OrgId, key: &LimitKey) -> Result<Option<Slots>, Need> {
        if let Some(changed) = self.limits.get(&(org, key.clone())) {
            return Ok(*changed);
        }
        let known = self.known.limits.get(&org).ok_or(Need::Limits(org))?;
        Ok(known.get(key).copied())
    }

    fn is_new(&self, task: TaskId) -> bool {
        self.tasks.map.get(&task).is_some_and(|task| task.is_new)
    }

    /// The heads of an org's queues, as they are now.
    pub(super) fn heads(
        &self,
        org: OrgId,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<Queued>, Need> {
        let known = self.known.queues.get(&org).ok_or(Need::Queues(org))?;
        let mut heads = Vec::new();
        for requires in self.queue_names(org, known) {
            if wanted(requires)
                && let Some(head) = self.head(org, requires, known.get(requires))?
            {
                heads.push(head);
            }
        }
        Ok(heads)
    }

    /// How many queues an org has, and whether one of them is this.
    pub(super) fn count_queues(&self, org: OrgId, requires: &str) -> Result<(usize, bool), Need> {
        let known = self.known.queues.get(&org).ok_or(Need::Queues(org))?;
        if self.head(org, requires, known.get(requires))?.is_some() {
            // The usual case: the number does not matter.
            return Ok((1, true));
        }
        let mut count = 0;
        for requires in self.queue_names(org, known) {
            count += usize::from(self.head(org, requires, known.get(requires))?.is_some());
        }
        Ok((count, false))
    }

    fn queue_names<'a>(
        &'a self,
        org: OrgId,
        known: &'a BTreeMap<String, Window>,
    ) -> BTreeSet<&'a str> {
        let new = self.queues.put_in.keys().filter(|(of, _)| *of == org);
        known
            .keys()
            .chain(new.map(|(_, requires)| requires))
            .map(String::as_str)
            .collect()
    }

    fn head(
        &self,
        org: OrgId,
        requires: &str,
        window: Option<&Window>,
    ) -> Result<Option<Queued>, Need> {
        let key = (org, requires.to_owned());
        let taken = self.queues.taken.get(&key);
        let is_there = |entry: &&Queued| !taken.is_some_and(|taken| taken.contains(&place(entry)));
        let stored = window.and_then(|window| window.entries.iter().find(is_there));
        if stored.is_none() && window.is_some_and(|window| !window.whole) {
            return Err(Need::Window(org, key.1));
        }
        let new = self.queues.put_in.get(&key);
        let new = new.and_then(|queue| queue.first_key_value());
        Ok(match (stored, new) {
            (Some(stored), Some((at, _))) if place(stored) < *at => Some(stored.clone()),
            (_, Some((_, new))) => Some(new.clone()),
            (stored, None) => stored.cloned(),
        })
    }

    /// Puts an entry into its queue; one that is there stays as it is.
    pub(super) fn enqueue(&mut self, entry: &Queued) {
        if self.is_queued(entry) {
            return;
        }
        self.queues.enter(entry);
        self.queues.undo.push(QueueStep::In(entry.clone()));
    }

    fn is_queued(&self, entry: &Queued) -> bool {
        let key = (entry.org, entry.queue());
        let at = place(entry);
        let is_new = |queue: &BTreeMap<Place, Queued>| queue.contains_key(&at);
        if self.queues.put_in.get(&key).is_some_and(is_new) {
            return true;
        }
        let is_taken = |taken: &BTreeSet<Place>| taken.contains(&at);
        let window = self.known.queues.get(&entry.org);
        let window = window.and_then(|queues| queues.get(&key.1));
        window.is_some_and(|window| window.entries.binary_search_by_key(&at, place).is_ok())
            && !self.queues.taken.get(&key).is_some_and(is_taken)
    }

    /// Takes an entry out of its queue; `None` if it cannot be told from here whether it is there.
    pub(super) fn dequeue(&mut self, entry: &Queued) -> Result<Option<bool>, Need> {
        let known = self
            .known
            .queues
            .get(&entry.org)
            .ok_or(Need::Queues(entry.org))?;
        let key = (entry.org, entry.queue());
        let at = place(entry);
        let is_new = self
            .queues
            .put_in
            .get(&key)
            .is_some_and(|queue| queue.contains_key(&at));
        let is_gone = self
            .queues
            .taken
            .get(&key)
            .is_some_and(|taken| taken.contains(&at));
        let window = known.get(&key.1);
        let is_known =
            window.is_some_and(|window| window.entries.binary_search_by_key(&at, place).is_ok());
        if is_gone {
            return Ok(Some(false));
        }
        if is_new || is_known {
            self.queues.leave(entry);
            self.queues.undo.push(QueueStep::Out(entry.clone()));
            return Ok(Some(true));
        }
        let is_within = window.is_none_or(|window| {
            window.whole || window.entries.last().is_some_and(|last| at < place(last))
        });
        Ok(is_within.then_some(false))
    }

    /// Which tasks of the fetched queues may be claimed next.
    pub(super) fn queued_tasks(&self) -> HashSet<TaskId> {
        let entries = self
            .known
            .queues
            .values()
            .flat_map(BTreeMap::values)
            .flat_map(|window| &window.entries);
        entries
            .filter_map(|entry| match entry.work {
                devlab_core::tx::Work::Task(task) => Some(task),
                devlab_core::tx::Work::Verify(_) => None,
            })
            .collect()
    }
}

fn look<K: Eq + Hash + Clone, V: Clone>(
    changes: &Changes<K, V>,
    known: &HashMap<K, Option<V>>,
    key: &K,
    need: fn(K) -> Need,
) -> Result<Option<V>, Need> {
    if let Some(changed) = changes.get(key) {
        return Ok(Some(changed.clone()));
    }
    known.get(key).cloned().ok_or_else(|| need(key.clone()))
}

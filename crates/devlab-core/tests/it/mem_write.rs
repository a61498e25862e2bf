//! Writes of [`MemTx`].

use std::collections::BTreeMap;
use std::sync::Arc;

use devlab_core::ask::Ask;
use devlab_core::attempt::{Agent, Attempt, AttemptState};
use devlab_core::auth::{AuditEntry, Token};
use devlab_core::check::{CheckSet, Receipt};
use devlab_core::event::{Event, NewEvent};
use devlab_core::limit::{LimitKey, Slots};
use devlab_core::org::{Org, Project};
use devlab_core::patch::{Patch, PatchComment};
use devlab_core::plan::{Plan, Revision};
use devlab_core::policy::{PolicyRevision, Terms};
use devlab_core::provenance::OrgKey;
use devlab_core::server::{LoopState, Server};
use devlab_core::task::{Feedback, Made, Task, TaskSpec};
use devlab_core::train::{Candidate, TrainEntry};
use devlab_core::tx::{Effect, Queued, Remembered, StoredAudit, Tx, Work};
use devlab_core::{AgentId, Oid, OrgId, ProjectId, RefName, Result, ServerId, TaskId, Timestamp};

use crate::mem::{MemTx, StoredPlan, broken};

fn insert<K: Ord, V: Clone>(map: &mut BTreeMap<K, V>, key: K, value: &V) -> Result<()> {
    match map.insert(key, value.clone()) {
        None => Ok(()),
        Some(_) => broken("inserted twice"),
    }
}

fn replace<K: Ord, V: Clone>(map: &mut BTreeMap<K, V>, key: K, value: &V) -> Result<()> {
    match map.insert(key, value.clone()) {
        Some(_) => Ok(()),
        None => broken("replaced what is not there"),
    }
}

impl Tx for MemTx {
    fn random(&mut self) -> u128 {
        // SplitMix64, twice: any generator with few collisions will do.
        let mut half = || {
            self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.seed as u64;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            u128::from(z ^ (z >> 31))
        };
        half() << 64 | half()
    }
    fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
    fn insert_org(&mut self, org: &Org) -> Result<()> {
        insert(&mut self.orgs, org.id, org)
    }
    fn put_org(&mut self, org: &Org) -> Result<()> {
        replace(&mut self.orgs, org.id, org)
    }
    fn insert_project(&mut self, project: &Project) -> Result<()> {
        insert(&mut self.projects, project.id, project)
    }
    fn put_project(&mut self, project: &Project) -> Result<()> {
        replace(&mut self.projects, project.id, project)
    }
    fn set_branch_head(
        &mut self,
        project: ProjectId,
        branch: &RefName,
        head: Option<&Oid>,
    ) -> Result<()> {
        let key = (project, branch.clone());
        match head {
            Some(head) => self.branches.insert(key, head.clone()),
            None => self.branches.remove(&key),
        };
        Ok(())
    }
    fn insert_task(&mut self, task: &Task, spec: &TaskSpec, made: &Made) -> Result<u64> {
        let mut task = task.clone();
        task.seq = self.next_seq();
        self.index.task(None, &task);
        insert(&mut self.tasks, task.id, &task)?;
        self.put_task_spec(task.id, spec)?;
        insert(&mut self.made, task.id, made)?;
        Ok(task.seq)
    }
    fn put_task(&mut self, task: &Task) -> Result<()> {
        self.index.task(self.tasks.get(&task.id), task);
        replace(&mut self.tasks, task.id, task)
    }
    fn put_task_spec(&mut self, id: TaskId, spec: &TaskSpec) -> Result<()> {
        self.specs.insert(id, spec.clone());
        Ok(())
    }
    fn put_touched(&mut self, id: TaskId, paths: &[String]) -> Result<()> {
        self.touched.insert(id, paths.to_vec());
        Ok(())
    }
    fn insert_edge(&mut self, dependency: TaskId, dependent: TaskId) -> Result<bool> {
        self.index.needs.insert((dependent, dependency));
        Ok(self.edges.insert((dependency, dependent)))
    }
    fn delete_edge(&mut self, dependency: TaskId, dependent: TaskId) -> Result<bool> {
        self.index.needs.remove(&(dependent, dependency));
        Ok(self.edges.remove(&(dependency, dependent)))
    }
    fn insert_plan(&mut self, revision: &Revision, plan: &Plan) -> Result<()> {
        if self.stored_plan(revision.task, revision.number).is_some() {
            return broken("inserted twice");
        }
        let all = self.plans.entry(revision.task).or_default();
        all.push(StoredPlan {
            revision: revision.clone(),
            plan: plan.clone(),
            tasks: BTreeMap::new(),
        });
        Ok(())
    }
    fn put_plan_revision(&mut self, revision: &Revision) -> Result<()> {
        match self.stored_plan(revision.task, revision.number) {
            Some(stored) => {
                stored.revision.state = revision.state;
                stored.revision.decision.clone_from(&revision.decision);
                if stored.revision == *revision {
                    Ok(())
                } else {
                    broken("changed what does not change")
                }
            }
            None => broken("replaced what is not there"),
        }
    }
    fn put_plan_tasks(
        &mut self,
        task: TaskId,
        number: u32,
        tasks: &BTreeMap<String, TaskId>,
    ) -> Result<()> {
        match self.stored_plan(task, number) {
            Some(stored) => {
                stored.tasks.clone_from(tasks);
                Ok(())
            }
            None => broken("replaced what is not there"),
        }
    }
    fn add_feedback(&mut self, task: TaskId, feedback: &Feedback) -> Result<()> {
        let of_task = self.feedback.entry(task).or_default();
        of_task.push(feedback.clone());
        Ok(())
    }
    fn put_check_set(&mut self, set: &CheckSet) -> Result<()> {
        self.check_sets.insert(set.hash(), set.clone());
        Ok(())
    }
    fn put_ask(&mut self, ask: &Ask) -> Result<()> {
        let asks = self.asks.entry(ask.task).or_default();
        match asks.iter_mut().find(|known| known.number == ask.number) {
            Some(known) => known.clone_from(ask),
            None => asks.push(ask.clone()),
        }
        Ok(())
    }
    fn insert_policy(&mut self, revision: &PolicyRevision) -> Result<()> {
        let all = self.policies.entry(revision.level).or_default();
        if all
            .last()
            .is_some_and(|last| last.number >= revision.number)
        {
            return broken("a policy's number is given once");
        }
        all.push(revision.clone());
        Ok(())
    }
    fn put_terms(&mut self, terms: &Terms) -> Result<()> {
        self.terms.insert(terms.hash(), terms.clone());
        Ok(())
    }
    fn put_limit(&mut self, org: OrgId, key: &LimitKey, slots: Option<Slots>) -> Result<()> {
        match slots {
            Some(slots) => self.limits.insert((org, key.clone()), slots),
            None => self.limits.remove(&(org, key.clone())),
        };
        Ok(())
    }
    fn enqueue(&mut self, entry: &Queued) -> Result<bool> {
        if self.queue.contains(entry) {
            return broken("queued twice");
        }
        let has_room = self.index.has_queue(entry, self.queues_max);
        if !has_room && matches!(entry.work, Work::Task(_)) {
            return Ok(false);
        }
        self.index.queued(entry);
        self.queue.push(entry.clone());
        Ok(true)
    }
    fn dequeue(&mut self, entry: &Queued) -> Result<bool> {
        let at = self.queue.iter().position(|queued| queued == entry);
        let gone = at.map(|at| self.queue.remove(at));
        if let Some(entry) = &gone {
            self.index.dequeued(entry);
        }
        Ok(gone.is_some())
    }
    fn set_due(&mut self, task: TaskId, at: Option<Timestamp>) -> Result<()> {
        match at {
            Some(at) => self.due.insert(task, at),
            None => self.due.remove(&task),
        };
        Ok(())
    }
    fn insert_attempt(&mut self, attempt: &Attempt) -> Result<()> {
        self.attempt_order.push(attempt.id);
        self.index.attempt(true, attempt);
        insert(&mut self.attempts, attempt.id, attempt)
    }
    fn put_attempt(&mut self, attempt: &Attempt) -> Result<()> {
        self.index.attempt(false, attempt);
        replace(&mut self.attempts, attempt.id, attempt)
    }
    fn extend_leases(&mut self, until: Timestamp) -> Result<u64> {
        let mut count = 0;
        for attempt in self.attempts.values_mut() {
            if attempt.state == AttemptState::Live && attempt.lease_until != until {
                attempt.lease_until = until;
                count += 1;
            }
        }
        Ok(count)
    }
    fn put_agent(&mut self, agent: &Agent) -> Result<()> {
        self.agents.insert(agent.id, agent.clone());
        Ok(())
    }
    fn delete_agent(&mut self, id: AgentId) -> Result<()> {
        self.agents.remove(&id);
        Ok(())
    }
    fn put_server(&mut self, server: &Server) -> Result<()> {
        self.servers.insert(server.id, server.clone());
        Ok(())
    }
    fn delete_server(&mut self, id: ServerId) -> Result<()> {
        self.servers.remove(&id);
        Ok(())
    }
    fn advance_homes(&mut self, home: ServerId) -> Result<()> {
        for project in self.projects.values_mut() {
            project.home.epoch += u64::from(project.home.server == Some(home));
        }
        Ok(())
    }
    fn put_loop_state(&mut self, state: &LoopState) -> Result<()> {
        self.loops.insert(state.name.clone(), state.clone());
        Ok(())
    }
    fn insert_train_entry(&mut self, entry: &TrainEntry) -> Result<()> {
        let mut entry = entry.clone();
        entry.seq = self.next_seq();
        insert(&mut self.entries, entry.task, &entry)
    }
    fn put_train_entry(&mut self, entry: &TrainEntry) -> Result<()> {
        replace(&mut self.entries, entry.task, entry)
    }
    fn delete_train_entry(&mut self, task: TaskId) -> Result<()> {
        self.entries.remove(&task);
        Ok(())
    }
    fn insert_candidate(&mut self, candidate: &Candidate) -> Result<()> {
        self.index.candidate(candidate);
        insert(&mut self.candidates, candidate.id, candidate)
    }
    fn put_candidate(&mut self, candidate: &Candidate) -> Result<()> {
        self.index.candidate(candidate);
        replace(&mut self.candidates, candidate.id, candidate)
    }
    fn insert_receipt(&mut self, receipt: &Receipt) -> Result<()> {
        self.index.receipt(self.receipts.len(), receipt);
        self.receipts.push(receipt.clone());
        Ok(())
    }
    fn put_patch(&mut self, patch: &Patch) -> Result<()> {
        self.patches.insert(patch.id, patch.clone());
        Ok(())
    }
    fn add_patch_comment(&mut self, comment: &PatchComment) -> Result<u32> {
        let of_patch = self.comments.iter().filter(|c| c.patch == comment.patch);
        let number = u32::try_from(of_patch.count()).unwrap() + 1;
        let comment = comment.clone();
        self.comments.push(PatchComment { number, ..comment });
        Ok(number)
    }
    fn append_event(&mut self, event: &NewEvent) -> Result<()> {
        let seq = self.next_seq();
        let (at, event) = (self.now, event.clone());
        self.events.push(Arc::new(Event { seq, at, event }));
        Ok(())
    }
    fn append_audit(&mut self, entry: &AuditEntry) -> Result<()> {
        self.audits.push(StoredAudit {
            org: entry.org,
            at: self.now,
            actor: entry.actor.clone(),
            action: entry.action.to_owned(),
            target: entry.target.clone(),
            request_id: entry.request_id.clone(),
        });
        Ok(())
    }
    fn put_token(&mut self, token: &Token) -> Result<()> {
        self.tokens.insert(token.id, token.clone());
        Ok(())
    }
    fn remember(&mut self, key: &str, answer: &Remembered) -> Result<()> {
        self.remembered.insert(key.to_owned(), answer.clone());
        Ok(())
    }
    fn forget_expired(&mut self, now: Timestamp, limit: u32) -> Result<u64> {
        let over = self.remembered.iter().filter(|(_, a)| a.expires_at <= now);
        let keys: Vec<_> = over.map(|(key, _)| key.clone()).collect();
        let mut count = 0;
        for key in keys.iter().take(usize::try_from(limit).unwrap()) {
            self.remembered.remove(key);
            count += 1;
        }
        Ok(count)
    }
    fn put_setting(&mut self, key: &str, value: &str) -> Result<()> {
        self.settings.insert(key.to_owned(), value.to_owned());
        Ok(())
    }
    fn insert_org_key(&mut self, key: &OrgKey) -> Result<()> {
        self.org_keys.entry(key.org).or_default().push(key.clone());
        Ok(())
    }
    fn put_unattested(&mut self, goal: TaskId) -> Result<()> {
        self.unattested.insert(goal);
        Ok(())
    }
    fn put_all_unattested(&mut self, project: ProjectId) -> Result<()> {
        let published = self.tasks.values().filter(|task| {
            task.project == Some(project) && task.is_goal() && task.published.is_some()
        });
        self.unattested.extend(published.map(|task| task.id));
        Ok(())
    }
    fn delete_unattested(&mut self, goal: TaskId) -> Result<()> {
        self.unattested.remove(&goal);
        Ok(())
    }
}

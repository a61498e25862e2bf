//! Reads of [`MemTx`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use devlab_core::ask::Ask;
use devlab_core::attempt::{Agent, Attempt};
use devlab_core::auth::Token;
use devlab_core::check::{CheckSet, Receipt, Sha256Hex};
use devlab_core::event::Event;
use devlab_core::label::Labels;
use devlab_core::limit::{LimitKey, Slots};
use devlab_core::limits::FEEDBACK_MAX;
use devlab_core::name::Name;
use devlab_core::org::{Org, Project};
use devlab_core::patch::{Patch, PatchComment, PatchState};
use devlab_core::plan::{Plan, Revision};
use devlab_core::policy::{Level, PolicyRevision, Terms};
use devlab_core::provenance::OrgKey;
use devlab_core::server::{LoopState, Server};
use devlab_core::state::{State, StateName, TaskKind};
use devlab_core::task::{Feedback, Made, Task, TaskSpec};
use devlab_core::train::{Candidate, Target, TrainEntry};
use devlab_core::tx::{
    AuditFilter, Beside, Edge, Page, Queued, Read, Remembered, StoredAudit, TaskFilter, Touching,
};
use devlab_core::{
    AgentId, AttemptId, CandidateId, Oid, OrgId, PatchId, ProjectId, RefName, Result, ServerId,
    TaskId, Timestamp, TokenId,
};
use uuid::Uuid;

use crate::mem::MemTx;
use crate::mem_index::beginning;

fn first<T>(limit: u32, mut list: Vec<T>) -> Vec<T> {
    list.truncate(usize::try_from(limit).unwrap());
    list
}

/// A page, newest first; sorted maps give oldest first.
fn newest<T: Clone>(page: Page, list: Vec<(Uuid, &T)>) -> Vec<T> {
    let list = list.into_iter().rev();
    let list = list.filter(|(id, _)| page.after.is_none_or(|after| *id < after));
    first(page.limit, list.map(|(_, thing)| thing.clone()).collect())
}

fn is_ours(only: Option<OrgId>, org: OrgId) -> bool {
    only.is_none_or(|only| only == org)
}

fn matches(filter: &TaskFilter, task: &Task, spec: &TaskSpec) -> bool {
    is_ours(filter.org, task.org)
        && filter.project.is_none_or(|id| task.project == Some(id))
        && filter.parent.is_none_or(|id| task.parent == Some(id))
        && filter.goal.is_none_or(|id| task.goal == id)
        && (!filter.goals_only || task.is_goal())
        && (filter.states.is_empty() || filter.states.contains(&task.state.name()))
        && (filter.archived || !task.archived)
        && filter.floor.is_none_or(|floor| task.id >= floor)
        && filter.text.as_ref().is_none_or(|text| {
            spec.title
                .to_ascii_lowercase()
                .contains(&text.to_ascii_lowercase())
        })
}

impl MemTx {
    fn is_below(&self, task: TaskId, composite: TaskId) -> bool {
        let parent = |id: &TaskId| self.tasks.get(id).and_then(|task| task.parent);
        std::iter::successors(parent(&task), parent).any(|above| above == composite)
    }
}

impl Read for MemTx {
    fn now(&self) -> Timestamp {
        self.now
    }
    fn org(&mut self, id: OrgId) -> Result<Option<Org>> {
        Ok(self.orgs.get(&id).cloned())
    }
    fn org_by_name(&mut self, name: &Name) -> Result<Option<Org>> {
        Ok(self.orgs.values().find(|org| org.name == *name).cloned())
    }
    fn orgs(&mut self, only: Option<OrgId>, page: Page) -> Result<Vec<Org>> {
        let after = |id: Uuid| page.after.is_none_or(|after| id > after);
        let all = self.orgs.values();
        let ours = all.filter(|org| is_ours(only, org.id) && after(org.id.uuid()));
        Ok(first(page.limit, ours.cloned().collect()))
    }
    fn project(&mut self, id: ProjectId) -> Result<Option<Project>> {
        Ok(self.projects.get(&id).cloned())
    }
    fn project_by_name(&mut self, org: OrgId, name: &Name) -> Result<Option<Project>> {
        let mut all = self.projects.values();
        Ok(all.find(|p| p.org == org && p.name == *name).cloned())
    }
    fn projects(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Project>> {
        let ours = self.projects.values().filter(|p| is_ours(org, p.org));
        Ok(newest(page, ours.map(|p| (p.id.uuid(), p)).collect()))
    }
    fn branch_head(&mut self, project: ProjectId, branch: &RefName) -> Result<Option<Oid>> {
        Ok(self.branches.get(&(project, branch.clone())).cloned())
    }
    fn task(&mut self, id: TaskId) -> Result<Option<Task>> {
        Ok(self.tasks.get(&id).cloned())
    }
    fn task_spec(&mut self, id: TaskId) -> Result<Option<TaskSpec>> {
        Ok(self.specs.get(&id).cloned())
    }
    fn task_made(&mut self, id: TaskId) -> Result<Option<Made>> {
        Ok(self.made.get(&id).cloned())
    }
    fn touched(&mut self, id: TaskId) -> Result<Vec<String>> {
        Ok(self.touched.get(&id).cloned().unwrap_or_default())
    }
    fn touching(&mut self, beside: Beside, limit: u32) -> Result<Vec<Touching>> {
        let of: Vec<&Task> = match beside {
            Beside::ChildrenOf(id) => {
                let children = self.index.children.get(&id).into_iter().flatten();
                children.map(|id| &self.tasks[id]).collect()
            }
            Beside::GoalsOf(project) => {
                let all = self.tasks.values();
                let goals = all.filter(|t| t.is_goal() && t.project == Some(project));
                goals.collect()
            }
            Beside::BelowGoal(goal) => {
                let all = self.tasks.values();
                all.filter(|t| !t.is_goal() && t.goal == goal).collect()
            }
        };
        let mut found: Vec<Touching> = of
            .into_iter()
            .filter(|task| {
                matches!(
                    task.state,
                    State::Ready | State::Running | State::Integrating | State::Waiting(..)
                )
            })
            .map(|task| Touching {
                task: task.clone(),
                title: self.specs[&task.id].title.clone(),
                declared: self.specs[&task.id].paths.clone(),
                observed: self.touched.get(&task.id).cloned().unwrap_or_default(),
            })
            .filter(|one| !one.declared.is_empty() || !one.observed.is_empty())
            .collect();
        found.sort_by_key(|one| {
            let class = match (one.task.state, one.task.held_by) {
                (State::Running | State::Integrating, _) => 0,
                (_, Some(_)) => 1,
                (_, None) => 2,
            };
            (class, Reverse(one.task.id))
        });
        Ok(first(limit, found))
    }
    fn held_behind(&mut self, id: TaskId) -> Result<Vec<TaskId>> {
        let from = (id, 0, TaskId::from_uuid(Uuid::nil()));
        let behind = self.index.held.range(from..);
        let behind = behind.take_while(|(holder, ..)| *holder == id);
        Ok(behind.map(|(_, _, held)| *held).collect())
    }
    fn children(&mut self, parent: TaskId) -> Result<Vec<TaskId>> {
        Ok(self
            .index
            .children
            .get(&parent)
            .cloned()
            .unwrap_or_default())
    }
    fn dependencies(&mut self, task: TaskId) -> Result<Vec<TaskId>> {
        Ok(beginning(&self.index.needs, task).collect())
    }
    fn dependents(&mut self, task: TaskId) -> Result<Vec<TaskId>> {
        Ok(beginning(&self.edges, task).collect())
    }
    fn edges_below(
        &mut self,
        composite: TaskId,
        after: Option<Edge>,
        limit: u32,
    ) -> Result<Vec<Edge>> {
        let edges = self.edges.iter().map(|(from, to)| Edge {
            dependent: *to,
            dependency: *from,
        });
        let mut below: Vec<_> = edges
            .filter(|edge| self.is_below(edge.dependent, composite))
            .filter(|edge| after.is_none_or(|after| *edge > after))
            .collect();
        below.sort_unstable();
        Ok(first(limit, below))
    }
    fn plan_revisions(&mut self, task: TaskId) -> Result<Vec<Revision>> {
        let all = self.plans.get(&task).into_iter().flatten();
        Ok(all.map(|stored| stored.revision.clone()).collect())
    }
    fn plan(&mut self, task: TaskId, number: u32) -> Result<Option<Plan>> {
        Ok(self.stored_plan(task, number).map(|s| s.plan.clone()))
    }
    fn plan_tasks(&mut self, task: TaskId, number: u32) -> Result<BTreeMap<String, TaskId>> {
        let stored = self.stored_plan(task, number);
        Ok(stored.map(|s| s.tasks.clone()).unwrap_or_default())
    }
    fn tasks(&mut self, filter: &TaskFilter, page: Page) -> Result<Vec<Task>> {
        let is_kept = |task: &&Task| matches(filter, task, &self.specs[&task.id]);
        let kept = match filter.parent {
            Some(parent) => {
                let children = self.index.children.get(&parent).into_iter().flatten();
                let mut kept: Vec<_> = children.map(|id| &self.tasks[id]).filter(is_kept).collect();
                kept.sort_unstable_by_key(|task| task.id);
                kept
            }
            None => self.tasks.values().filter(is_kept).collect(),
        };
        let kept = kept.into_iter().map(|task| (task.id.uuid(), task));
        Ok(newest(page, kept.collect()))
    }
    fn search_end(
        &mut self,
        filter: &TaskFilter,
        after: Option<Uuid>,
        searched: u32,
    ) -> Result<Option<TaskId>> {
        let all = TaskFilter {
            text: None,
            ..filter.clone()
        };
        let page = Page {
            after,
            limit: searched,
        };
        let looked_at = self.tasks(&all, page)?;
        let is_cut = looked_at.len() == searched as usize;
        Ok(looked_at.last().filter(|_| is_cut).map(|task| task.id))
    }
    fn task_counts(&mut self, org: Option<OrgId>) -> Result<Vec<(StateName, u64)>> {
        let mut counts = BTreeMap::new();
        for task in self.tasks.values() {
            if is_ours(org, task.org) && !task.archived {
                *counts.entry(task.state.name()).or_insert(0) += 1;
            }
        }
        Ok(counts.into_iter().collect())
    }
    fn startable(&mut self, home: Option<ServerId>, limit: u32) -> Result<Vec<TaskId>> {
        let ready = self.tasks.values();
        let ready = ready.filter(|t| t.state == State::Ready && t.kind == TaskKind::Composite);
        let ready = ready.filter(|t| match (home, t.project) {
            (None, None) => true,
            (Some(home), Some(id)) => self.projects[&id].home.server == Some(home),
            (None, Some(_)) | (Some(_), None) => false,
        });
        let mut ids: Vec<_> = ready.map(|task| (task.seq, task.id)).collect();
        ids.sort_unstable();
        Ok(first(limit, ids.into_iter().map(|(_, id)| id).collect()))
    }
    fn feedback(&mut self, task: TaskId) -> Result<Vec<Feedback>> {
        let all = self.feedback.get(&task).map_or(&[][..], Vec::as_slice);
        Ok(all[all.len().saturating_sub(FEEDBACK_MAX)..].to_vec())
    }
    fn check_set(&mut self, hash: &Sha256Hex) -> Result<Option<CheckSet>> {
        Ok(self.check_sets.get(hash).cloned())
    }
    fn asks(&mut self, task: TaskId) -> Result<Vec<Ask>> {
        Ok(self.asks.get(&task).cloned().unwrap_or_default())
    }
    fn policies(&mut self, levels: &[Level]) -> Result<Vec<PolicyRevision>> {
        let last = |level| self.policies.get(level).and_then(|all| all.last()).cloned();
        Ok(levels.iter().filter_map(last).collect())
    }
    fn policy_history(&mut self, level: Level) -> Result<Vec<PolicyRevision>> {
        let all = self.policies.get(&level).into_iter().flatten();
        Ok(all.rev().cloned().collect())
    }
    fn terms(&mut self, hash: &Sha256Hex) -> Result<Option<Terms>> {
        Ok(self.terms.get(hash).cloned())
    }
    fn limits(&mut self, org: OrgId) -> Result<Vec<(LimitKey, Slots)>> {
        let ours = self.limits.iter().filter(|((of, _), _)| *of == org);
        Ok(ours
            .map(|((_, key), slots)| (key.clone(), *slots))
            .collect())
    }
    fn limit(&mut self, org: OrgId, key: &LimitKey) -> Result<Option<Slots>> {
        Ok(self.limits.get(&(org, key.clone())).copied())
    }
    fn queue_heads(&mut self, org: OrgId, agent: Option<&Labels>) -> Result<Vec<Queued>> {
        let mut heads: BTreeMap<String, &Queued> = BTreeMap::new();
        for entry in self.queue.iter().filter(|entry| entry.org == org) {
            let head = heads.entry(entry.queue()).or_insert(entry);
            if entry.rank() < head.rank() {
                *head = entry;
            }
        }
        let heads = heads.into_values();
        let fits = |head: &&Queued| agent.is_none_or(|agent| agent.satisfies(&head.requires));
        Ok(heads.filter(fits).cloned().collect())
    }
    fn queue_len(&mut self, org: Option<OrgId>) -> Result<u64> {
        let ours = self.queue.iter().filter(|entry| is_ours(org, entry.org));
        Ok(ours.count() as u64)
    }
    fn due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<TaskId>> {
        let over = self.due.iter().filter(|(_, at)| **at <= now);
        let mut ids: Vec<_> = over.map(|(id, at)| (*at, *id)).collect();
        ids.sort_unstable();
        Ok(first(limit, ids.into_iter().map(|(_, id)| id).collect()))
    }
    fn next_due(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.due.values().min().copied())
    }
    fn attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>> {
        Ok(self.attempts.get(&id).cloned())
    }
    fn attempt_by_claim(&mut self, agent: AgentId, claim_id: &str) -> Result<Option<Attempt>> {
        let known = self.index.claims.get(&(agent, claim_id.to_owned()));
        Ok(known.map(|id| self.attempts[id].clone()))
    }
    fn attempts(&mut self, task: TaskId) -> Result<Vec<Attempt>> {
        let of_task = self.index.attempts.get(&task).into_iter().flatten();
        Ok(of_task.map(|id| self.attempts[id].clone()).collect())
    }
    fn attempts_of_agent(&mut self, agent: AgentId) -> Result<Vec<Attempt>> {
        let writing = self.index.writing.iter().map(|id| &self.attempts[id]);
        Ok(writing.filter(|a| a.agent == agent).cloned().collect())
    }
    fn expired(&mut self, now: Timestamp, limit: u32) -> Result<Vec<AttemptId>> {
        let mut over = self.live();
        over.retain(|attempt| attempt.lease_until <= now);
        over.sort_by_key(|attempt| attempt.lease_until);
        Ok(first(limit, over.into_iter().map(|a| a.id).collect()))
    }
    fn next_expiry(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.live().iter().map(|attempt| attempt.lease_until).min())
    }
    fn live_attempts(&mut self) -> Result<Vec<AttemptId>> {
        Ok(self.live().into_iter().map(|attempt| attempt.id).collect())
    }
    fn agent(&mut self, id: AgentId) -> Result<Option<Agent>> {
        Ok(self.agents.get(&id).cloned())
    }
    fn agent_by_name(&mut self, org: OrgId, name: &str) -> Result<Option<Agent>> {
        let mut all = self.agents.values();
        Ok(all.find(|a| a.org == org && a.name == name).cloned())
    }
    fn agents(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Agent>> {
        let ours = self.agents.values().filter(|a| is_ours(org, a.org));
        Ok(newest(page, ours.map(|a| (a.id.uuid(), a)).collect()))
    }
    fn train_entry(&mut self, task: TaskId) -> Result<Option<TrainEntry>> {
        Ok(self.entries.get(&task).cloned())
    }
    fn train(&mut self, target: &Target, limit: u32) -> Result<Vec<TrainEntry>> {
        let of_target = self.entries.values().filter(|e| e.target == *target);
        let mut entries: Vec<_> = of_target.cloned().collect();
        entries.sort_by_key(|entry| entry.seq);
        Ok(first(limit, entries))
    }
    fn trains(&mut self, home: ServerId, limit: u32) -> Result<Vec<Target>> {
        let at_home = |e: &&TrainEntry| self.projects[&e.target.project].home.server == Some(home);
        let targets = self
            .entries
            .values()
            .filter(at_home)
            .map(|e| e.target.clone());
        let targets: BTreeSet<_> = targets.collect();
        Ok(first(limit, targets.into_iter().collect()))
    }
    fn candidate(&mut self, id: CandidateId) -> Result<Option<Candidate>> {
        Ok(self.candidates.get(&id).cloned())
    }
    fn live_candidate(&mut self, target: &Target) -> Result<Option<Candidate>> {
        let live = self.index.live_candidates.get(target);
        Ok(live.map(|id| self.candidates[id].clone()))
    }
    fn candidates_of(&mut self, task: TaskId) -> Result<Vec<Candidate>> {
        let of_task = self.index.candidates.get(&task).into_iter().flatten();
        Ok(of_task.map(|id| self.candidates[id].clone()).collect())
    }
    fn receipts_for_tree(&mut self, project: ProjectId, tree: &Oid) -> Result<Vec<Receipt>> {
        let of_tree = self.index.receipts.get(&(project, tree.clone()));
        let places = of_tree.into_iter().flatten().rev();
        Ok(places.map(|at| self.receipts[*at].clone()).collect())
    }
    fn receipts(&mut self, task: TaskId) -> Result<Vec<Receipt>> {
        let all = self.receipts.iter();
        Ok(all.filter(|r| r.task == task).cloned().collect())
    }
    fn patch(&mut self, id: PatchId) -> Result<Option<Patch>> {
        Ok(self.patches.get(&id).cloned())
    }
    fn patch_of_task(&mut self, task: TaskId) -> Result<Option<Patch>> {
        Ok(self.patches.values().find(|p| p.task == task).cloned())
    }
    fn patches(
        &mut self,
        org: Option<OrgId>,
        project: Option<ProjectId>,
        state: Option<PatchState>,
        page: Page,
    ) -> Result<Vec<Patch>> {
        let kept = self.patches.values().filter(|patch| {
            is_ours(org, patch.org)
                && project.is_none_or(|id| patch.project == id)
                && state.is_none_or(|state| patch.state == state)
        });
        Ok(newest(page, kept.map(|p| (p.id.uuid(), p)).collect()))
    }
    fn untold_patches(&mut self, home: ServerId, limit: u32) -> Result<Vec<Patch>> {
        let untold = self
            .patches
            .values()
            .filter(|patch| !patch.told && self.projects[&patch.project].home.server == Some(home));
        Ok(untold.take(limit as usize).cloned().collect())
    }
    fn patch_comments(&mut self, patch: PatchId) -> Result<Vec<PatchComment>> {
        let all = self.comments.iter();
        Ok(all.filter(|c| c.patch == patch).cloned().collect())
    }
    fn events(&mut self, org: Option<OrgId>, after: u64, limit: u32) -> Result<Vec<Event>> {
        let later = self.events.iter().filter(|e| e.seq > after);
        let ours = later.filter(|e| is_ours(org, e.event.org));
        Ok(first(limit, ours.map(|e| Event::clone(e)).collect()))
    }
    fn last_event(&mut self) -> Result<u64> {
        Ok(self.events.last().map_or(0, |event| event.seq))
    }
    fn audit_log(
        &mut self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, StoredAudit)>> {
        let numbered = (1_u64..).zip(self.audits.iter().cloned());
        let kept = numbered.filter(|(seq, entry)| {
            before.is_none_or(|before| *seq < before)
                && (filter.org.is_none() || entry.org == filter.org)
                && filter.since.is_none_or(|since| entry.at >= since)
                && filter.until.is_none_or(|until| entry.at < until)
                && filter.words.iter().all(|word| has_word(entry, word))
        });
        let mut kept: Vec<_> = kept.collect();
        kept.reverse();
        Ok(first(limit, kept))
    }
    fn server(&mut self, id: ServerId) -> Result<Option<Server>> {
        Ok(self.servers.get(&id).cloned())
    }
    fn servers(&mut self) -> Result<Vec<Server>> {
        Ok(self.servers.values().cloned().collect())
    }
    fn projects_at(&mut self, home: ServerId) -> Result<u64> {
        let mut all = self.projects.values();
        let at = all.by_ref().filter(|p| p.home.server == Some(home));
        Ok(at.count() as u64)
    }
    fn loop_state(&mut self, name: &str) -> Result<Option<LoopState>> {
        Ok(self.loops.get(name).cloned())
    }
    fn token_by_hash(&mut self, hash: &Sha256Hex) -> Result<Option<Token>> {
        Ok(self.tokens.values().find(|t| t.hash == *hash).cloned())
    }
    fn token(&mut self, id: TokenId) -> Result<Option<Token>> {
        Ok(self.tokens.get(&id).cloned())
    }
    fn tokens(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Token>> {
        let kept = self.tokens.values();
        let kept = kept.filter(|token| org.is_none() || token.org == org);
        Ok(newest(page, kept.map(|t| (t.id.uuid(), t)).collect()))
    }
    fn remembered(&mut self, key: &str) -> Result<Option<Remembered>> {
        let known = self.remembered.get(key);
        Ok(known.filter(|answer| answer.expires_at > self.now).cloned())
    }
    fn setting(&mut self, key: &str) -> Result<Option<String>> {
        Ok(self.settings.get(key).cloned())
    }
    fn org_keys(&mut self, org: OrgId) -> Result<Vec<OrgKey>> {
        Ok(self.org_keys.get(&org).cloned().unwrap_or_default())
    }
    fn unattested(&mut self, home: ServerId, limit: u32) -> Result<Vec<TaskId>> {
        let is_here = |goal: &&TaskId| {
            let project = self.tasks[*goal].project.map(|id| &self.projects[&id]);
            project.is_some_and(|project| project.home.server == Some(home))
        };
        let goals = self.unattested.iter().filter(is_here);
        Ok(goals.take(limit as usize).copied().collect())
    }
}

fn has_word(entry: &StoredAudit, word: &str) -> bool {
    let StoredAudit {
        action,
        target,
        actor,
        request_id,
        ..
    } = entry;
    let text = format!("{action} {target} {actor} {request_id}").to_ascii_lowercase();
    text.contains(&word.to_ascii_lowercase())
}

//! What links say, held against each other and against the repository.

use std::collections::{BTreeMap, BTreeSet};

use crate::ask::AskKind;
use crate::git::{Oid, RefName};
use crate::id::{CandidateId, OrgId, TaskId};
use crate::limits::BATCH_MAX;
use crate::patch::Verdict;
use crate::plan::PlanState;
use crate::provenance::history::{self, Commit, History};
use crate::provenance::link::{
    About, AttemptLink, Link, MergeLink, PlanLink, ReceiptsLink, TaskLink, VerdictLink,
};
use crate::state::{StateName, TaskKind};
use crate::task::Proof;

use super::Proven;

/// Most commits between an attempt's base and its result: the harness makes one.
const ATTEMPT_COMMITS_MAX: usize = 10_000;

type Said = Result<String, String>;

/// What is known of a task so far.
struct Seen {
    task: TaskLink,
    plan: Option<u32>,
    is_attempted: bool,
    result: Option<Oid>,
    accepted: Option<Oid>,
    merge: Option<MergeLink>,
}

/// What is known so far.
pub(super) struct Walk<'a> {
    history: &'a mut dyn History,
    goal: Option<TaskId>,
    tasks: BTreeMap<TaskId, Seen>,
    planned: BTreeSet<TaskId>,
    /// What went into branches of composites.
    merged: BTreeSet<Oid>,
    proven: Proven,
    /// The last candidate of each branch, and where it left it.
    tips: BTreeMap<RefName, (CandidateId, Oid)>,
    last: Option<TaskId>,
}

/// What it came to.
pub(super) struct End {
    pub(super) org: OrgId,
    pub(super) goal: TaskId,
    pub(super) title: String,
    pub(super) proven: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(history: &'a mut dyn History) -> Self {
        Self {
            history,
            goal: None,
            tasks: BTreeMap::new(),
            planned: BTreeSet::new(),
            merged: BTreeSet::new(),
            proven: Proven::new(),
            tips: BTreeMap::new(),
            last: None,
        }
    }

    /// Takes the next link in; what it says in words.
    pub(super) fn link(&mut self, link: &Link) -> Said {
        self.last = match link {
            Link::Merge(merge) => Some(merge.task),
            Link::Goal(_)
            | Link::Plan(_)
            | Link::Task(_)
            | Link::Attempt(_)
            | Link::Receipts(_)
            | Link::Verdict(_) => None,
        };
        match link {
            Link::Goal(task) => self.goal(task),
            Link::Task(task) => self.task(task),
            Link::Plan(plan) => self.plan(plan),
            Link::Attempt(attempt) => self.attempt(attempt),
            Link::Receipts(receipts) => self.receipts(receipts),
            Link::Verdict(verdict) => self.verdict(verdict),
            Link::Merge(merge) => self.merge(merge),
        }
    }

    /// Nothing is missing, and it is the provenance of this commit.
    pub(super) fn end(&self, commit: &Oid) -> Result<End, String> {
        let goal = self.goal.and_then(|id| self.tasks.get(&id));
        let goal = goal.ok_or("it has no goal")?;
        if self.last != self.goal {
            return Err("it does not end with the merge of its goal".to_owned());
        }
        let merged = goal.merge.as_ref().map(|merge| &merge.commit);
        if merged != Some(commit) {
            let of = merged.map_or("nothing".to_owned(), ToString::to_string);
            return Err(format!("it is the provenance of {of}, and not of {commit}"));
        }
        if let Some(task) = self.planned.iter().find(|id| !self.tasks.contains_key(id)) {
            return Err(format!("its plan has {task}, of which it says nothing"));
        }
        let merges = self.tasks.values().filter_map(|seen| seen.merge.as_ref());
        let told: BTreeSet<&Oid> = merges.map(|merge| &merge.commit).collect();
        if let Some(oid) = self.merged.iter().find(|oid| !told.contains(oid)) {
            return Err(format!("{oid} went in, and it says nothing of whose it is"));
        }
        for (id, seen) in &self.tasks {
            let is_due = seen.task.state == StateName::Done && seen.task.project.is_some();
            if is_due && seen.task.made_of == TaskKind::Leaf && seen.merge.is_none() {
                return Err(format!("{id} is done, and it has no merge of it"));
            }
        }
        let of_done = self.tasks.values();
        let mut of_done = of_done.filter(|seen| seen.task.state == StateName::Done);
        let is_proven = |seen: &Seen| {
            let proof = seen.merge.as_ref().map(|merge| merge.proof);
            proof == Some(Proof::Proven)
        };
        Ok(End {
            org: goal.task.org,
            goal: goal.task.task,
            title: goal.task.title.clone(),
            proven: of_done.all(is_proven),
        })
    }

    fn goal(&mut self, task: &TaskLink) -> Said {
        if !self.tasks.is_empty() || task.parent.is_some() {
            return Err("a goal is the first link, and the only one".to_owned());
        }
        self.goal = Some(task.task);
        self.see(task);
        Ok(format!("\"{}\" was asked for at {}", task.title, task.at))
    }

    fn task(&mut self, task: &TaskLink) -> Said {
        let parent = task.parent.and_then(|id| self.tasks.get(&id));
        let parent = parent.ok_or("it is a child of nothing that was told of before")?;
        if parent.task.made_of != TaskKind::Composite || parent.task.org != task.org {
            return Err("its parent cannot have it".to_owned());
        }
        if self.tasks.contains_key(&task.task) {
            return Err("it is there twice".to_owned());
        }
        self.see(task);
        Ok(format!("\"{}\" is {}", task.title, task.state.as_str()))
    }

    fn see(&mut self, task: &TaskLink) {
        let seen = Seen {
            task: task.clone(),
            plan: None,
            is_attempted: false,
            result: None,
            accepted: None,
            merge: None,
        };
        self.tasks.insert(task.task, seen);
    }

    fn of(&mut self, task: TaskId) -> Result<&mut Seen, String> {
        let seen = self.tasks.get_mut(&task);
        seen.ok_or_else(|| "its task was not told of before".to_owned())
    }

    fn plan(&mut self, plan: &PlanLink) -> Said {
        let seen = self.of(plan.task)?;
        if seen.plan.is_some_and(|last| last >= plan.number) {
            return Err("it does not come after the plan before".to_owned());
        }
        seen.plan = Some(plan.number);
        if plan.state == PlanState::Current {
            self.planned.extend(plan.tasks.values());
        }
        let decided = plan.decision.as_ref();
        let by = decided.map_or(&plan.proposed_by, |decision| &decision.by);
        Ok(format!(
            "plan {} ({}, {} of {}), {}, by {by}",
            plan.number,
            plan.tasks.len(),
            plan.origin.planner.as_str(),
            plan.origin.source,
            plan.state
        ))
    }

    fn attempt(&mut self, attempt: &AttemptLink) -> Said {
        let seen = self.of(attempt.task)?;
        if seen.is_attempted || seen.task.state != StateName::Done {
            return Err("its task cannot have it".to_owned());
        }
        if seen.task.project.is_some() != attempt.commit.is_some() {
            return Err("only a task with a project has a commit".to_owned());
        }
        let had = &seen.task.earlier;
        if seen.task.policy != attempt.policy && !had.contains(&attempt.policy) {
            return Err("it ran under another policy than its task ever had".to_owned());
        }
        seen.is_attempted = true;
        seen.result.clone_from(&attempt.commit);
        if let (Some(commit), Some(base)) = (&attempt.commit, &attempt.base)
            && !self.comes_after(commit, base)?
        {
            return Err(format!(
                "{commit} does not come after {base}, which it began from"
            ));
        }
        let by = match &attempt.agent_name {
            Some(name) => format!("{name} ({})", attempt.agent),
            None => attempt.agent.to_string(),
        };
        let made = attempt.commit.as_ref().map_or("nothing", Oid::as_str);
        Ok(format!("try {} by {by} made {made}", attempt.number))
    }

    fn receipts(&mut self, link: &ReceiptsLink) -> Said {
        self.of(link.task)?;
        let mut passed = 0;
        for receipt in &link.receipts {
            let (check, commit) = (&receipt.check, &receipt.commit);
            if receipt.passed != (receipt.exit_code == 0) {
                return Err(format!(
                    "\"{check}\" is said to have {}, and its exit code is {}",
                    if receipt.passed { "passed" } else { "failed" },
                    receipt.exit_code
                ));
            }
            // What was given up may be gone; the tree is what a proof is about.
            if let Some(commit) = self.there(commit)?
                && commit.tree != link.tree
            {
                return Err(format!(
                    "{} is not the tree of {}",
                    link.tree, receipt.commit
                ));
            }
            if receipt.passed {
                passed += 1;
                let of_tree = self.proven.entry(link.tree.clone()).or_default();
                of_tree.insert(receipt.check_hash.clone());
            }
        }
        let all = link.receipts.len();
        Ok(format!(
            "{passed} of {all} checks passed on the tree {}",
            link.tree
        ))
    }

    fn verdict(&mut self, verdict: &VerdictLink) -> Said {
        let seen = self.of(verdict.task)?;
        let by = &verdict.by;
        match verdict.about {
            About::Review(Verdict::Accept) => {
                seen.accepted.clone_from(&verdict.commit);
                Ok(format!("{by} accepted it"))
            }
            About::Review(Verdict::Reject) => {
                // Whoever accepted it before, the last word counts.
                if seen.accepted == verdict.commit {
                    seen.accepted = None;
                }
                Ok(format!("{by} asked for changes"))
            }
            About::Asked(AskKind::Choice) => Ok(format!("{by} chose it among several")),
            About::Asked(kind) => Ok(format!("{by} answered what was asked ({kind:?})")),
        }
    }

    fn merge(&mut self, merge: &MergeLink) -> Said {
        self.batch(merge)?;
        let own = self.commit(&merge.commit)?;
        let brought = &own.parents[1];
        // Boxes of a feature are set by one commit on top of the result, or of what it and its target
        // come to.
        if *brought != merge.head {
            let on = self.commit(brought)?.parents;
            let is_on_it = match on.as_slice() {
                [result] => *result == merge.head,
                [result, target] => *result == merge.head && *target == merge.base,
                _ => false,
            };
            if !is_on_it {
                return Err(format!("{} does not bring {} in", merge.commit, merge.head));
            }
        }
        self.result(merge)?;
        self.branch(merge)?;
        let none = BTreeSet::new();
        let passed = self.proven.get(&merge.tree).unwrap_or(&none);
        for (name, hash) in &merge.checks {
            if !passed.contains(hash) {
                let tree = &merge.tree;
                return Err(format!(
                    "no receipt says that \"{name}\" passed on the tree {tree}"
                ));
            }
        }
        if merge.proof == Proof::Proven && merge.checks.is_empty() {
            return Err("it is said to be proven, by no check".to_owned());
        }
        let seen = self.of(merge.task)?;
        // The default branch may get other goals in the same batch.
        let batch = seen.task.parent.map_or(&[][..], |_| &merge.batch);
        let batch = batch.to_vec();
        if seen.task.policy != merge.policy {
            return Err("it was merged under another policy than its task's".to_owned());
        }
        seen.merge = Some(merge.clone());
        self.merged.extend(batch);
        let (commit, target, checks) = (&merge.commit, &merge.target, merge.checks.len());
        Ok(format!(
            "{commit} went into {target}, after {checks} checks"
        ))
    }

    /// The merges of a candidate follow each other on its base, and the last has the tree.
    fn batch(&mut self, merge: &MergeLink) -> Result<(), String> {
        if merge.batch.len() > BATCH_MAX || !merge.batch.contains(&merge.commit) {
            return Err("it is not among the merges of its candidate".to_owned());
        }
        let (mut onto, mut tree) = (merge.base.clone(), None);
        for oid in &merge.batch {
            let commit = self.commit(oid)?;
            if commit.parents.len() != 2 || commit.parents[0] != onto {
                return Err(format!("{oid} is not a merge onto {onto}"));
            }
            onto = oid.clone();
            tree = Some(commit.tree);
        }
        match tree.as_ref() == Some(&merge.tree) {
            true => Ok(()),
            false => Err(format!(
                "{onto} has another tree than {}, which was checked",
                merge.tree
            )),
        }
    }

    /// What was merged is the result of the task, and was accepted if that was asked for.
    fn result(&mut self, merge: &MergeLink) -> Result<(), String> {
        let branch = RefName::of_composite(merge.task);
        let of_children = self.tips.get(&branch).map(|(_, tip)| tip.clone());
        let seen = self.of(merge.task)?;
        if seen.merge.is_some() || seen.task.state != StateName::Done {
            return Err("its task cannot have it".to_owned());
        }
        let result = match seen.task.made_of {
            TaskKind::Leaf if seen.is_attempted => seen.result.clone(),
            // Somebody brought it in from the upstream, and nobody had to work on it.
            TaskKind::Leaf => seen.task.brought.clone(),
            // One without a merge below it has what it began with.
            TaskKind::Composite => of_children.or_else(|| Some(merge.head.clone())),
        };
        if result.as_ref() != Some(&merge.head) {
            return Err(format!("{} is not the result of its task", merge.head));
        }
        if seen.task.review && seen.accepted.as_ref() != Some(&merge.head) {
            return Err(format!("nobody has accepted {}", merge.head));
        }
        Ok(())
    }

    /// It went into the branch of its parent, onto what went in before.
    fn branch(&mut self, merge: &MergeLink) -> Result<(), String> {
        let seen = self.of(merge.task)?;
        if let Some(parent) = seen.task.parent
            && merge.target != RefName::of_composite(parent)
        {
            return Err(format!(
                "it went into {}, not its parent's branch",
                merge.target
            ));
        }
        let tip = merge.batch.last().unwrap_or(&merge.commit).clone();
        let before = self
            .tips
            .insert(merge.target.clone(), (merge.candidate, tip));
        match before {
            Some((candidate, before)) if candidate != merge.candidate && before != merge.base => {
                Err(format!(
                    "it does not follow {before}, which its branch had before"
                ))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn there(&mut self, oid: &Oid) -> Result<Option<Commit>, String> {
        match self.history.commit(oid)? {
            Some(content) => history::read(oid, &content).map(Some),
            None => Ok(None),
        }
    }

    fn commit(&mut self, oid: &Oid) -> Result<Commit, String> {
        self.there(oid)?
            .ok_or_else(|| format!("{oid} is not in this repository: fetch its whole history"))
    }

    /// Whether a commit has another one in its history, not too far away.
    fn comes_after(&mut self, commit: &Oid, base: &Oid) -> Result<bool, String> {
        let (mut next, mut known) = (vec![commit.clone()], BTreeSet::new());
        while !next.is_empty() && known.len() < ATTEMPT_COMMITS_MAX {
            let mut parents = Vec::new();
            for oid in next {
                if oid == *base {
                    return Ok(true);
                }
                if known.insert(oid.clone()) {
                    parents.extend(self.commit(&oid)?.parents);
                }
            }
            next = parents;
        }
        Ok(false)
    }
}

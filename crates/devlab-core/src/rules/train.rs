//! Trains: how results get into their target, one candidate at a time (DESIGN §5, *Done means
//! integrated*).
//!
//! A result [`enter`]s the queue of its target. [`next`] says what the train has to do: build a
//! candidate, or publish one. The loop that has the repository does it and reports back with
//! [`built`], [`conflicted`], [`published`] or [`moved`]. A candidate in state `publishing` is the
//! stored intent: from its transaction on, the result is on its way and cannot be called off.

use serde_json::json;

use crate::attempt::AttemptState;
use crate::check::CheckSet;
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::git::Oid;
use crate::id::{CandidateId, TaskId};
use crate::label::Labels;
use crate::limit::Lane;
use crate::state::{Cause, ResumeTo, State, TaskKind, WaitReason};
use crate::task::{Feedback, Proof, Task};
use crate::train::{
    Candidate, CandidateEntry, CandidateState, DiffStat, Target, TrainEntry, TrainStep,
};
use crate::tx::{Effect, Queued, Read, Tx, Work};

use super::back::send_back;
use super::step::{self, step};
use super::{ask, batch, finish, person, promise, provenance, review, schedule, verifier};

/// Most verify attempts of one candidate that agents may lose before a person has to look.
const VERIFY_ATTEMPTS_MAX: u32 = 8;

/// The candidate that the result of a task is part of.
fn candidate_of(view: &mut dyn Read, task: TaskId) -> Result<Option<Candidate>> {
    let entry = view.train_entry(task)?;
    match entry.and_then(|entry| entry.candidate) {
        Some(id) => view.candidate(id),
        None => Ok(None),
    }
}

/// The candidate that a task is part of, if its checks have to run.
pub(super) fn verifying(view: &mut dyn Read, task: &Task) -> Result<Option<Candidate>> {
    if task.state != State::Integrating {
        return Ok(None);
    }
    let candidate = candidate_of(view, task.id)?;
    Ok(candidate.filter(|candidate| candidate.state == CandidateState::Verifying))
}

/// Puts the result of an integrating task into its train.
pub(super) fn enter(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    let target = step::target_of(tx, task)?.ok_or(Refusal::NotFound("project"))?;
    let head = task.head.clone().ok_or(Refusal::NotFound("commit"))?;
    let batch_max = batch::largest(tx, task)?;
    tx.insert_train_entry(&TrainEntry {
        task: task.id,
        target: target.clone(),
        seq: 0,
        head,
        batch_max,
        candidate: None,
    })?;
    tx.effect(Effect::Train(target));
    Ok(())
}

/// What a train has to do now. Makes the next candidate if the train is free.
///
/// # Errors
/// Storage only.
pub fn next(tx: &mut dyn Tx, target: &Target) -> Result<TrainStep> {
    if let Some(candidate) = tx.live_candidate(target)? {
        return Ok(match candidate.state {
            CandidateState::Building => TrainStep::Build(candidate),
            CandidateState::Publishing => TrainStep::Publish(candidate),
            CandidateState::Verifying | CandidateState::Published | CandidateState::Rejected => {
                TrainStep::Idle
            }
        });
    }
    let batch = batch::of(tx.train(target, batch::WHOLE)?);
    let Some(first) = batch.first() else {
        return Ok(TrainStep::Idle);
    };
    let org = step::load(tx, first.task)?.org;
    let mut check_set: Option<CheckSet> = None;
    let mut entries = Vec::with_capacity(batch.len());
    let mut members = Vec::with_capacity(batch.len());
    let mut labels = Vec::new();
    let mut party = verifier::Party::default();
    for entry in batch {
        let task = step::load(tx, entry.task)?;
        if !party.join(tx, &task, &entry.head)? {
            break;
        }
        let own = match &task.check_set {
            Some(hash) => tx.check_set(hash)?.unwrap_or_default(),
            None => CheckSet::default(),
        };
        labels.extend(task.requires.iter().map(str::to_owned));
        let goes_with = |set: &CheckSet| set.goes_with(&own) && Labels::new(&labels).is_ok();
        if !check_set.as_ref().is_none_or(goes_with) {
            break;
        }
        check_set = Some(check_set.map_or_else(|| own.clone(), |set| set.union(&own)));
        entries.push(CandidateEntry {
            task: entry.task,
            head: entry.head.clone(),
            merge: None,
            stat: None,
        });
        members.push(entry);
    }
    let check_set = check_set.unwrap_or_default();
    tx.put_check_set(&check_set)?;
    let now = tx.now();
    let candidate = Candidate {
        id: CandidateId::new(now, tx.random()),
        org,
        target: target.clone(),
        state: CandidateState::Building,
        entries,
        base: None,
        tip: None,
        tree: None,
        check_set: check_set.hash(),
        live: None,
        lost: None,
        attempts: 0,
        stamp: now,
        updated_at: now,
    };
    tx.insert_candidate(&candidate)?;
    for mut entry in members {
        entry.candidate = Some(candidate.id);
        tx.put_train_entry(&entry)?;
    }
    announce(tx, &candidate, "building")?;
    Ok(TrainStep::Build(candidate))
}

/// What the loop has built: the merges of a candidate on the target's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Head of the target that it was built on.
    pub base: Oid,
    /// Tip of the merges.
    pub tip: Oid,
    /// Tree of the tip.
    pub tree: Oid,
    /// Merge commit of each entry, in order.
    pub merges: Vec<Oid>,
    /// Size of each entry's change, where a person is going to review it.
    pub stats: Vec<Option<DiffStat>>,
}

fn load(tx: &mut dyn Tx, id: CandidateId, state: CandidateState) -> Result<Option<Candidate>> {
    Ok(tx
        .candidate(id)?
        .filter(|candidate| candidate.state == state))
}

/// The merges are made. If every check has passed on this tree already, the candidate is proven;
/// otherwise it waits for a verify attempt. Does nothing if the candidate is not being built.
///
/// # Errors
/// Storage only.
pub fn built(tx: &mut dyn Tx, id: CandidateId, built: Built) -> Result<()> {
    let Some(mut candidate) = load(tx, id, CandidateState::Building)? else {
        return Ok(());
    };
    for ((entry, merge), stat) in candidate
        .entries
        .iter_mut()
        .zip(built.merges)
        .zip(built.stats)
    {
        entry.merge = Some(merge);
        entry.stat = stat;
    }
    let project = candidate.target.project;
    let set = tx.check_set(&candidate.check_set)?.unwrap_or_default();
    let barred = verifier::barred(tx, &candidate)?;
    let mut receipts = tx.receipts_for_tree(project, &built.tree)?;
    receipts.retain(|receipt| Some(receipt.agent) != barred);
    let passed = |hash| {
        receipts
            .iter()
            .any(|receipt| receipt.passed && receipt.check_hash == hash)
    };
    let is_proven = set.hashes().all(passed);
    candidate.base = Some(built.base);
    candidate.tip = Some(built.tip);
    candidate.tree = Some(built.tree);
    candidate.updated_at = tx.now();
    if is_proven {
        return proven(tx, candidate);
    }
    candidate.state = CandidateState::Verifying;
    announce(tx, &candidate, "its tree has not been checked")?;
    requeue_verify(tx, &mut candidate)
}

/// The queue entry of a candidate whose checks have to run.
pub(super) fn queued(view: &mut dyn Read, candidate: &Candidate) -> Result<Queued> {
    let first = step::load(view, candidate.entries[0].task)?;
    let mut requires = Vec::new();
    let mut lane = Lane::default();
    for entry in &candidate.entries {
        let task = step::load(view, entry.task)?;
        lane = lane.with(&task.lane);
        // A driver of its own is what an agent needs to do such a task, not to check its result.
        let labels = task.requires.iter();
        let labels = labels.filter(|label| *label != schedule::DEFAULT_DRIVER_LABEL);
        requires.extend(labels.map(str::to_owned));
    }
    Ok(Queued {
        org: candidate.org,
        requires: Labels::new(requires)?,
        lane,
        priority: first.priority,
        path: first.path,
        seq: first.seq,
        not_by: verifier::barred(view, candidate)?,
        work: Work::Verify(candidate.id),
    })
}

/// Queues a verify attempt; after too many lost ones a person has to look. Stores the candidate.
pub(super) fn requeue_verify(tx: &mut dyn Tx, candidate: &mut Candidate) -> Result<()> {
    candidate.updated_at = tx.now();
    if candidate.attempts >= VERIFY_ATTEMPTS_MAX {
        end_verify(tx, candidate, AttemptState::Superseded)?;
        reject(tx, candidate, "its verifiers were lost too often")?;
        for entry in candidate.entries.clone() {
            tx.delete_train_entry(entry.task)?;
            let mut task = step::load(tx, entry.task)?;
            let park = Cause::Park(WaitReason::Attention, ResumeTo::Integrating);
            step(
                tx,
                &mut task,
                park,
                "its verifiers were lost too often",
                None,
            )?;
            tx.put_task(&task)?;
        }
        return Ok(());
    }
    tx.put_candidate(candidate)?;
    let entry = queued(tx, candidate)?;
    let has_room = tx.enqueue(&entry)?;
    debug_assert!(has_room, "a verify attempt always has");
    tx.effect(entry.wake());
    Ok(())
}

/// Every required check has passed on the candidate's tree: publish it, or ask for the review.
pub(super) fn proven(tx: &mut dyn Tx, mut candidate: Candidate) -> Result<()> {
    let mut first = step::load(tx, candidate.entries[0].task)?;
    if candidate.entries.len() == 1 && batch::needs_review(&first) {
        tx.delete_train_entry(first.id)?;
        reject(tx, &mut candidate, "its review comes first")?;
        let park = Cause::Park(WaitReason::Review, ResumeTo::Integrating);
        step(tx, &mut first, park, "its checks passed", None)?;
        tx.put_task(&first)?;
        return review::open(tx, &first, &candidate);
    }
    if candidate.entries.len() == 1 && ask::before_publication(tx, &first)? {
        tx.delete_train_entry(first.id)?;
        reject(
            tx,
            &mut candidate,
            "its publication has to be approved first",
        )?;
        let park = Cause::Park(WaitReason::Approval, ResumeTo::Integrating);
        step(
            tx,
            &mut first,
            park,
            "its publication has to be approved",
            None,
        )?;
        tx.put_task(&first)?;
        return ask::publication(tx, &first);
    }
    candidate.state = CandidateState::Publishing;
    candidate.updated_at = tx.now();
    tx.put_candidate(&candidate)?;
    announce(tx, &candidate, "every check passed on its tree")?;
    tx.effect(Effect::Train(candidate.target));
    Ok(())
}

/// A check failed on the candidate. A batch is cut in parts; a single result is sent back.
pub(super) fn failed(tx: &mut dyn Tx, mut candidate: Candidate, feedback: Feedback) -> Result<()> {
    reject(tx, &mut candidate, "a check failed on its tree")?;
    match &candidate.entries[..] {
        [single] => {
            batch::clear(tx, &candidate.target, &candidate.entries)?;
            send_back(tx, single.task, feedback, candidate.base.clone())
        }
        entries => batch::split(tx, &candidate.target, entries),
    }
}

/// The merge of one entry has conflicts. If it is the first one it conflicts with the target itself
/// and is sent back; otherwise it waits until those before it are in.
///
/// # Errors
/// Storage only.
pub fn conflicted(
    tx: &mut dyn Tx,
    id: CandidateId,
    index: usize,
    paths: Vec<String>,
    target_head: &Oid,
) -> Result<()> {
    let Some(mut candidate) = load(tx, id, CandidateState::Building)? else {
        return Ok(());
    };
    reject(tx, &mut candidate, "its merge has conflicts")?;
    let Some(entry) = candidate.entries.get(index) else {
        return Ok(());
    };
    if index == 0 {
        let feedback = Feedback::Conflict {
            paths,
            theirs: target_head.clone(),
            ours: entry.head.clone(),
        };
        return send_back(tx, entry.task, feedback, Some(target_head.clone()));
    }
    let ahead = u32::try_from(index).unwrap_or(u32::MAX);
    for (i, entry) in candidate.entries.iter().enumerate().take(index + 1) {
        if let Some(mut waiting) = tx.train_entry(entry.task)? {
            waiting.batch_max = if i == index {
                1
            } else {
                waiting.batch_max.min(ahead)
            };
            tx.put_train_entry(&waiting)?;
        }
    }
    Ok(())
}

/// Gives a candidate up and frees its entries for the next one.
pub(super) fn reject(tx: &mut dyn Tx, candidate: &mut Candidate, why: &str) -> Result<()> {
    candidate.state = CandidateState::Rejected;
    candidate.live = None;
    candidate.lost = None;
    candidate.updated_at = tx.now();
    tx.put_candidate(candidate)?;
    for entry in &candidate.entries {
        if let Some(mut waiting) = tx.train_entry(entry.task)? {
            waiting.candidate = None;
            tx.put_train_entry(&waiting)?;
        }
    }
    announce(tx, candidate, why)?;
    tx.effect(Effect::Train(candidate.target.clone()));
    Ok(())
}

/// The merge of one entry cannot be made at all, and never will be: its commit has no history in
/// common with the target, say. A person has to look; what waits behind it goes on.
///
/// # Errors
/// Storage only.
pub fn unmergeable(tx: &mut dyn Tx, id: CandidateId, index: usize, why: &str) -> Result<()> {
    let Some(mut candidate) = load(tx, id, CandidateState::Building)? else {
        return Ok(());
    };
    reject(tx, &mut candidate, "one of its merges cannot be made")?;
    let Some(entry) = candidate.entries.get(index) else {
        return Ok(());
    };
    tx.delete_train_entry(entry.task)?;
    let mut task = step::load(tx, entry.task)?;
    let to = match task.kind {
        // Not from where it was: that is what cannot be merged.
        TaskKind::Leaf => {
            task.head = None;
            task.prior = None;
            ResumeTo::Ready
        }
        TaskKind::Composite => ResumeTo::Running,
    };
    let park = Cause::Park(WaitReason::Attention, to);
    let why = format!("its result cannot be merged: {why}");
    step(tx, &mut task, park, &why, None)?;
    tx.put_task(&task)
}

/// The ref has the candidate's tip, and is at `head` now: its tasks are done. Does nothing if it is
/// published already.
///
/// # Errors
/// Storage only.
pub fn published(tx: &mut dyn Tx, id: CandidateId, head: &Oid) -> Result<()> {
    let Some(mut candidate) = load(tx, id, CandidateState::Publishing)? else {
        return Ok(());
    };
    candidate.state = CandidateState::Published;
    candidate.updated_at = tx.now();
    tx.put_candidate(&candidate)?;
    let target = candidate.target.clone();
    tx.set_branch_head(target.project, &target.branch, Some(head))?;
    announce(tx, &candidate, "its target has it")?;
    for entry in candidate.entries {
        tx.delete_train_entry(entry.task)?;
        let mut task = step::load(tx, entry.task)?;
        let checked = match &task.check_set {
            Some(hash) => tx
                .check_set(hash)?
                .is_some_and(|set| !set.checks.is_empty()),
            None => false,
        };
        task.proof = if checked {
            Proof::Proven
        } else {
            Proof::Unproven
        };
        task.published = entry.merge;
        step(tx, &mut task, Cause::Published, "its target has it", None)?;
        tx.put_task(&task)?;
        review::merged(tx, task.id)?;
        provenance::owe(tx, &task)?;
        finish::done(tx, &task)?;
    }
    tx.effect(Effect::Train(target));
    Ok(())
}

/// The target has moved to another commit than the candidate was built on, so that it cannot be
/// published: it is built again on the new head.
///
/// # Errors
/// Storage only.
pub fn moved(tx: &mut dyn Tx, id: CandidateId, actual: Option<&Oid>) -> Result<()> {
    let Some(mut candidate) = load(tx, id, CandidateState::Publishing)? else {
        return Ok(());
    };
    let target = candidate.target.clone();
    tx.set_branch_head(target.project, &target.branch, actual)?;
    let since = candidate.updated_at;
    reject(tx, &mut candidate, "its target has moved")?;
    for entry in &candidate.entries {
        promise::catch_up(tx, entry.task, since)?;
        // It was let go when its parent ended, because it could not be called off then.
        let task = step::load(tx, entry.task)?;
        if let Some(parent) = task.parent
            && step::load(tx, parent)?.state.is_end()
        {
            person::cancel(tx, entry.task)?;
        }
    }
    Ok(())
}

/// A repository came to a server without what was built in it last: candidates that are being built
/// or verified are built again. One that is being published is found to be missing then.
///
/// # Errors
/// Storage only.
pub fn rebuild(tx: &mut dyn Tx, target: &Target) -> Result<()> {
    let Some(mut candidate) = tx.live_candidate(target)? else {
        return Ok(());
    };
    match candidate.state {
        CandidateState::Building | CandidateState::Verifying => {
            stop_verify(tx, &candidate)?;
            reject(tx, &mut candidate, "its repository has moved")
        }
        CandidateState::Publishing | CandidateState::Published | CandidateState::Rejected => Ok(()),
    }
}

/// What policy says of a result in its train has changed, so that the candidate it is part of is not
/// what has to be verified any more: it is built again, if it is not on its way into its target. To be
/// called before the task is stored: what waits in the queue goes by what its tasks were promised.
pub(super) fn call_back(
    tx: &mut dyn Tx,
    task: TaskId,
    is_void: impl Fn(&Candidate) -> bool,
) -> Result<()> {
    let Some(mut candidate) = candidate_of(tx, task)?.filter(is_void) else {
        return Ok(());
    };
    match candidate.state {
        CandidateState::Building | CandidateState::Verifying => {
            stop_verify(tx, &candidate)?;
            reject(tx, &mut candidate, "another policy counts for it")
        }
        CandidateState::Publishing | CandidateState::Published | CandidateState::Rejected => Ok(()),
    }
}

/// Whether the result of a task is on its way into its target, which nothing stops any more.
pub(super) fn is_publishing(view: &mut dyn Read, task: TaskId) -> Result<bool> {
    let candidate = candidate_of(view, task)?;
    Ok(candidate.is_some_and(|candidate| candidate.state == CandidateState::Publishing))
}

/// Takes a task that is being called off out of its train.
///
/// # Errors
/// [`Refusal::Conflict`] if it is being published already.
pub(super) fn leave(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    let Some(entry) = tx.train_entry(task.id)? else {
        return Ok(());
    };
    if let Some(mut candidate) = entry
        .candidate
        .map(|id| tx.candidate(id))
        .transpose()?
        .flatten()
    {
        if candidate.state == CandidateState::Publishing {
            return Err(Refusal::Conflict(
                "its result is being published, which cannot be called off any more".to_owned(),
            )
            .into());
        }
        stop_verify(tx, &candidate)?;
        reject(tx, &mut candidate, "one of its tasks was called off")?;
    }
    tx.delete_train_entry(task.id)
}

/// The queue entry of the candidate that a task leads, if it waits for a verifier.
pub(super) fn waiting_verify(tx: &mut dyn Tx, task: &Task) -> Result<Option<Queued>> {
    let candidate = verifying(tx, task)?;
    match candidate.filter(|c| c.live.is_none() && c.entries[0].task == task.id) {
        Some(candidate) => Ok(Some(queued(tx, &candidate)?)),
        None => Ok(None),
    }
}

fn stop_verify(tx: &mut dyn Tx, candidate: &Candidate) -> Result<()> {
    if candidate.state == CandidateState::Verifying && candidate.live.is_none() {
        let entry = queued(tx, candidate)?;
        tx.dequeue(&entry)?;
    }
    end_verify(tx, candidate, AttemptState::Cancelled)
}

/// Ends the verify attempts of a candidate that is being given up.
fn end_verify(tx: &mut dyn Tx, candidate: &Candidate, state: AttemptState) -> Result<()> {
    for id in candidate.live.into_iter().chain(candidate.lost) {
        if let Some(mut attempt) = tx.attempt(id)? {
            let failure = attempt.failure;
            step::end_attempt(tx, &mut attempt, state, failure)?;
        }
    }
    Ok(())
}

fn announce(tx: &mut dyn Tx, candidate: &Candidate, why: &str) -> Result<()> {
    let tasks: Vec<TaskId> = candidate.entries.iter().map(|entry| entry.task).collect();
    tx.append_event(&NewEvent {
        org: candidate.org,
        kind: EventKind::CandidateState,
        project: Some(candidate.target.project),
        task: tasks.first().copied(),
        attempt: None,
        data: json!({
            "candidate": candidate.id,
            "state": candidate.state,
            "target": candidate.target.branch,
            "tasks": tasks,
            "tip": candidate.tip,
            "why": why,
        }),
    })
}

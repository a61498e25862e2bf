//! Leases: heartbeats, leases that end, and attempts that come back.
//!
//! When a lease ends the task becomes ready, but its attempt is only provisionally lost: a
//! heartbeat or a completion before the next claim takes the task back. After that claim the
//! attempt is superseded, and whatever it says is refused.

use std::time::Duration;

use serde_json::json;

use crate::attempt::{Attempt, AttemptKind, AttemptState, Failure, Phase};
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::id::{AttemptId, TaskId};
use crate::limits::BACKOFF_WITH_JITTER_MAX;
use crate::state::{Cause, ResumeTo, State, WaitReason};
use crate::task::Task;
use crate::time::Timestamp;
use crate::train::{Candidate, CandidateState};
use crate::tx::{RuleConfig, Tx};

use super::step::{self, step};
use super::{choice, hold, policy, slots, train};

/// Finds the attempt that a write carries, and takes its task back if its lease had ended and
/// nobody has claimed the task since.
///
/// # Errors
/// [`Refusal::TaskCancelled`] or [`Refusal::StaleAttempt`]: the write changes nothing.
pub(super) fn writable(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    task: TaskId,
    attempt: AttemptId,
) -> Result<Attempt> {
    let mut attempt = tx.attempt(attempt)?.ok_or(Refusal::StaleAttempt)?;
    if attempt.task != task {
        return Err(Refusal::StaleAttempt.into());
    }
    match attempt.state {
        AttemptState::Live => Ok(attempt),
        AttemptState::Lost => {
            take_back(tx, cfg, &mut attempt)?;
            Ok(attempt)
        }
        AttemptState::Cancelled => Err(Refusal::TaskCancelled.into()),
        AttemptState::Superseded
        | AttemptState::Succeeded
        | AttemptState::Failed
        | AttemptState::Asked => Err(Refusal::StaleAttempt.into()),
    }
}

fn take_back(tx: &mut dyn Tx, cfg: &RuleConfig, attempt: &mut Attempt) -> Result<()> {
    let lane = match attempt.kind {
        AttemptKind::Work => {
            let mut task = step::load(tx, attempt.task)?;
            // A late edge may have blocked it in the meantime.
            let is_free = matches!(
                task.state,
                State::Ready | State::Waiting(WaitReason::Attention, ResumeTo::Ready)
            );
            if task.lost != Some(attempt.id) || !is_free {
                return Err(Refusal::StaleAttempt.into());
            }
            step::unqueue(tx, &task)?;
            if matches!(
                task.state,
                State::Waiting(WaitReason::Attention, ResumeTo::Ready)
            ) {
                step(
                    tx,
                    &mut task,
                    Cause::Resume,
                    "its agent is back",
                    Some(attempt.id),
                )?;
            }
            step(
                tx,
                &mut task,
                Cause::TakenBack,
                "its agent is back",
                Some(attempt.id),
            )?;
            task.lost = None;
            task.live = Some(attempt.id);
            task.not_before = None;
            task.tries.lost = task.tries.lost.saturating_sub(1);
            tx.put_task(&task)?;
            task.lane
        }
        AttemptKind::Verify => {
            let mut candidate = candidate_of(tx, attempt)?;
            if candidate.lost != Some(attempt.id) || candidate.state != CandidateState::Verifying {
                return Err(Refusal::StaleAttempt.into());
            }
            let entry = train::queued(tx, &candidate)?;
            tx.dequeue(&entry)?;
            candidate.lost = None;
            candidate.live = Some(attempt.id);
            tx.put_candidate(&candidate)?;
            entry.lane
        }
    };
    // Also under limits that were made while it was lost. Over the limit, if others have its place:
    // it has never stopped for all that is known.
    let runtime = tx.agent(attempt.agent)?.map(|agent| agent.lane);
    let lane = lane.with(&runtime.unwrap_or_default());
    attempt.lane = slots::take(tx, attempt.org, &attempt.lane.with(&lane))?;
    attempt.state = AttemptState::Live;
    attempt.failure = None;
    attempt.lease_until = tx.now().plus(cfg.lease_term);
    tx.put_attempt(attempt)?;
    step::attempt_event(tx, attempt)
}

pub(super) fn candidate_of(tx: &mut dyn Tx, attempt: &Attempt) -> Result<Candidate> {
    let id = attempt.candidate.ok_or(Refusal::StaleAttempt)?;
    Ok(tx.candidate(id)?.ok_or(Refusal::StaleAttempt)?)
}

/// An agent says that it lives and, perhaps, what it does. Returns the state of the task.
///
/// # Errors
/// [`Refusal::TaskCancelled`] or [`Refusal::StaleAttempt`].
pub fn heartbeat(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    task: TaskId,
    attempt: AttemptId,
    phase: Option<Phase>,
) -> Result<State> {
    let mut attempt = writable(tx, cfg, task, attempt)?;
    attempt.lease_until = tx.now().plus(cfg.lease_term);
    if let Some(phase) = phase.filter(|phase| *phase != attempt.phase) {
        attempt.phase = phase;
        tx.append_event(&NewEvent {
            org: attempt.org,
            kind: EventKind::AttemptPhase,
            project: None,
            task: Some(task),
            attempt: Some(attempt.id),
            data: json!({ "phase": phase }),
        })?;
    }
    tx.put_attempt(&attempt)?;
    Ok(step::load(tx, task)?.state)
}

/// Ends leases that are over. Returns how many.
///
/// # Errors
/// Storage only.
pub fn expire(tx: &mut dyn Tx, cfg: &RuleConfig, limit: u32) -> Result<u32> {
    let now = tx.now();
    let mut count = 0;
    for id in tx.expired(now, limit)? {
        let Some(mut attempt) = tx.attempt(id)? else {
            continue;
        };
        if attempt.state != AttemptState::Live || attempt.lease_until > now {
            continue;
        }
        slots::give_back(tx, &attempt)?;
        attempt.state = AttemptState::Lost;
        attempt.failure = Some(Failure::Lost);
        tx.put_attempt(&attempt)?;
        step::attempt_event(tx, &attempt)?;
        match attempt.kind {
            AttemptKind::Work => {
                let task = step::load(tx, attempt.task)?;
                if task.live == Some(attempt.id) {
                    lose(tx, cfg, task, Some(attempt.id))?;
                }
            }
            AttemptKind::Verify => {
                let mut candidate = candidate_of(tx, &attempt)?;
                if candidate.live == Some(attempt.id) {
                    candidate.live = None;
                    candidate.lost = Some(attempt.id);
                    train::requeue_verify(tx, &mut candidate)?;
                }
            }
        }
        count += 1;
    }
    Ok(count)
}

/// A running task has lost its agent. `provisional` is the attempt that may still come back.
pub(super) fn lose(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    mut task: Task,
    provisional: Option<AttemptId>,
) -> Result<()> {
    let was = task.live.take();
    task.lost = provisional;
    task.tries.lost = task.tries.lost.saturating_add(1);
    let allowed = policy::terms_of(tx, &task)?.lost;
    let person = if task.side_effects {
        Some("its agent was lost, and its side effects must not be repeated")
    } else if task.tries.lost > allowed.most {
        Some("its agents were lost too often")
    } else {
        None
    };
    if let Some(why) = person {
        let park = Cause::Park(WaitReason::Attention, ResumeTo::Ready);
        step(tx, &mut task, park, why, was)?;
        tx.put_task(&task)?;
        return choice::parked(tx, &task);
    }
    // The first loss is most often a machine that went away: somebody else can begin at once.
    task.not_before = (task.tries.lost > 1)
        .then(|| step::backoff(tx, cfg, &allowed, task.tries.lost - 1))
        .map(|delay| tx.now().plus(delay));
    step(tx, &mut task, Cause::LeaseEnded, "its agent was lost", was)?;
    tx.put_task(&task)?;
    step::queue(tx, &task)
}

/// The longest that a pause may become.
fn with_jitter(pause: Duration) -> Duration {
    pause + pause / 4
}

/// Whether the back-off that ends next is over: its time has come, or it is farther away than any
/// alarm is set, because the clock went back since.
#[must_use]
pub fn is_due(next: Timestamp, now: Timestamp) -> bool {
    next <= now || next.since(now) > BACKOFF_WITH_JITTER_MAX
}

/// Queues tasks whose back-off has ended; see [`is_due`]. A longer back-off than an alarm is set for
/// gets another alarm. Returns how many tasks were looked at.
///
/// # Errors
/// Storage only.
pub fn release_due(tx: &mut dyn Tx, limit: u32) -> Result<u32> {
    let now = tx.now();
    let until = match tx.next_due()? {
        Some(next) if is_due(next, now) => next.max(now),
        Some(_) | None => return Ok(0),
    };
    let mut count = 0;
    for id in tx.due(until, limit)? {
        tx.set_due(id, None)?;
        let Some(mut task) = tx.task(id)? else {
            continue;
        };
        if task.held_by.is_some() {
            hold::again(tx, task)?;
            count += 1;
            continue;
        }
        if task.state == State::Ready {
            let longest = policy::terms_of(tx, &task)?.longest_pause();
            let goes_on = |at: &Timestamp| *at > now && at.since(now) <= with_jitter(longest);
            if !task.not_before.as_ref().is_some_and(goes_on) {
                task.not_before = None;
                tx.put_task(&task)?;
            }
            step::queue(tx, &task)?;
            count += 1;
        }
    }
    Ok(count)
}

//! An agent takes work.

use serde_json::json;

use crate::attempt::{Agent, Attempt, AttemptKind, AttemptState, Phase};
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::id::{AgentId, AttemptId, CandidateId, OrgId, TaskId};
use crate::label::Labels;
use crate::limit::Lane;
use crate::state::{Cause, ResumeTo, WaitReason};
use crate::train::CandidateState;
use crate::tx::{Effect, Read, RuleConfig, Tx, Work};

use super::step::{self, step};
use super::{ask, choice, hold, policy, slots};

/// How stale `seen_at` of an agent may become before a claim writes it.
const SEEN_EVERY_MS: i64 = 10_000;
/// Most entries that one claim takes out of the queue because they cannot be done now.
const UNCLAIMABLE_MAX: u32 = 16;
/// Longest claim id, in bytes.
const CLAIM_ID_BYTES_MAX: usize = 64;

/// Gives the agent the first work that it can do, or `None` if there is none. Repeating a claim id
/// returns the attempt that it made, whatever became of it, so that a lost answer holds no slot.
///
/// # Errors
/// [`Refusal::NotFound`] for an unknown agent; [`Refusal::Limit`] if it holds as many attempts as
/// it said it can.
pub fn claim(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    agent: AgentId,
    claim_id: &str,
) -> Result<Option<Attempt>> {
    if claim_id.is_empty() || claim_id.len() > CLAIM_ID_BYTES_MAX {
        let problem = format!("must have 1 to {CLAIM_ID_BYTES_MAX} characters");
        return Err(Refusal::invalid("claim_id", problem).into());
    }
    let mut agent = tx.agent(agent)?.ok_or(Refusal::NotFound("agent"))?;
    if let Some(attempt) = tx.attempt_by_claim(agent.id, claim_id)? {
        return Ok(Some(attempt));
    }
    if tx.now().as_millis() - agent.seen_at.as_millis() > SEEN_EVERY_MS {
        agent.seen_at = tx.now();
        tx.put_agent(&agent)?;
    }
    if agent.draining || !slots::full(tx, agent.org, &agent.lane)?.is_empty() {
        return Ok(None);
    }
    for passed in 0..UNCLAIMABLE_MAX {
        let mut heads = tx.queue_heads(agent.org, Some(&agent.labels))?;
        heads.retain(|head| head.not_by != Some(agent.id));
        let Some(entry) = slots::first(tx, agent.org, heads)? else {
            if passed > 0 {
                // What was passed over may have had the last slot that others wait for.
                slots::wake(tx, agent.org, |head| {
                    !agent.labels.satisfies(&head.requires)
                })?;
            }
            return Ok(None);
        };
        check_capacity(tx, &agent)?;
        tx.dequeue(&entry)?;
        let attempt = match entry.work {
            Work::Task(task) => claim_task(tx, cfg, &agent, claim_id, task)?,
            Work::Verify(candidate) => {
                let lane = &entry.lane;
                Some(claim_verify(tx, cfg, &agent, claim_id, lane, candidate)?)
            }
        };
        if attempt.is_some() {
            return Ok(attempt);
        }
    }
    // What is behind those is for somebody's next look.
    tx.effect(Effect::Ready(agent.org, agent.labels));
    Ok(None)
}

/// Whether there is something in an org's queues that one of so many agents of a runtime with these
/// labels could claim now.
///
/// # Errors
/// Storage only.
pub fn has_work(
    view: &mut dyn Read,
    org: OrgId,
    labels: &Labels,
    runtime: &str,
    agents: usize,
) -> Result<bool> {
    let lane = policy::lane_of_runtime(view, org, runtime)?;
    if !slots::full(view, org, &lane)?.is_empty() {
        return Ok(false);
    }
    let mut heads = Vec::new();
    for head in view.queue_heads(org, Some(labels))? {
        let barred = head.not_by.map(|agent| view.agent(agent)).transpose()?;
        let is_here = barred.flatten().is_some_and(|one| one.runtime == runtime);
        // Where there is one agent only, it is the one that may not take it.
        if !is_here || agents > 1 {
            heads.push(head);
        }
    }
    Ok(slots::first(view, org, heads)?.is_some())
}

fn check_capacity(tx: &mut dyn Tx, agent: &Agent) -> Result<()> {
    let held = tx.attempts_of_agent(agent.id)?;
    if held
        .iter()
        .filter(|held| held.state == AttemptState::Live)
        .count()
        >= usize::try_from(agent.capacity).unwrap_or(usize::MAX)
    {
        let limit = u64::from(agent.capacity);
        return Err(Refusal::Limit {
            what: "attempts of this agent",
            limit,
        }
        .into());
    }
    Ok(())
}

/// An attempt, counted under the limits of its task and of its agent.
fn new_attempt(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    agent: &Agent,
    claim_id: &str,
    lane: &Lane,
) -> Result<Attempt> {
    let now = tx.now();
    let id = AttemptId::new(now, tx.random());
    Ok(Attempt {
        id,
        org: agent.org,
        task: TaskId::from_uuid(uuid::Uuid::nil()),
        number: 0,
        kind: AttemptKind::Work,
        candidate: None,
        agent: agent.id,
        claim_id: claim_id.to_owned(),
        state: AttemptState::Live,
        phase: Phase::Preparing,
        lease_until: now.plus(cfg.lease_term),
        base: None,
        prior: None,
        merges: None,
        commit: None,
        failure: None,
        terms: None,
        lane: slots::take(tx, agent.org, &lane.with(&agent.lane))?,
        created_at: now,
        ended_at: None,
    })
}

fn claim_task(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    agent: &Agent,
    claim_id: &str,
    id: TaskId,
) -> Result<Option<Attempt>> {
    let mut task = step::load(tx, id)?;
    if hold::back(tx, &mut task)? {
        return Ok(None);
    }
    if let Some(lost) = task.lost.take() {
        supersede(tx, lost)?;
    }
    // Policy may ask for that since it became ready.
    if ask::before_start(tx, &mut task)? {
        tx.put_task(&task)?;
        return Ok(None);
    }
    let mut base = None;
    if let Some(target) = step::target_of(tx, &task)? {
        base = tx.branch_head(target.project, &target.branch)?;
        if base.is_none() {
            // It would be at the head of its queue for ever, in front of work that can be done.
            let park = Cause::Park(WaitReason::Attention, ResumeTo::Ready);
            step(tx, &mut task, park, "its target has no commit", None)?;
            tx.put_task(&task)?;
            choice::parked(tx, &task)?;
            return Ok(None);
        }
    }
    let mut attempt = new_attempt(tx, cfg, agent, claim_id, &task.lane)?;
    attempt.task = task.id;
    attempt.number = task.attempts + 1;
    attempt.base = base;
    attempt.prior = task.prior.clone();
    attempt.merges = task.merges.clone();
    attempt.terms = Some(policy::promised(&task));
    tx.insert_attempt(&attempt)?;
    task.attempts = attempt.number;
    task.live = Some(attempt.id);
    task.not_before = None;
    step(tx, &mut task, Cause::Started, "claimed", Some(attempt.id))?;
    tx.put_task(&task)?;
    Ok(Some(attempt))
}

fn claim_verify(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    agent: &Agent,
    claim_id: &str,
    lane: &Lane,
    id: CandidateId,
) -> Result<Attempt> {
    let mut candidate = tx.candidate(id)?.ok_or(Refusal::NotFound("candidate"))?;
    debug_assert_eq!(candidate.state, CandidateState::Verifying);
    if let Some(lost) = candidate.lost.take() {
        supersede(tx, lost)?;
    }
    let mut attempt = new_attempt(tx, cfg, agent, claim_id, lane)?;
    attempt.task = candidate.entries[0].task;
    attempt.number = candidate.attempts + 1;
    attempt.kind = AttemptKind::Verify;
    attempt.candidate = Some(id);
    attempt.base = candidate.tip.clone();
    tx.insert_attempt(&attempt)?;
    candidate.attempts = attempt.number;
    candidate.live = Some(attempt.id);
    candidate.updated_at = tx.now();
    tx.put_candidate(&candidate)?;
    tx.append_event(&NewEvent {
        org: attempt.org,
        kind: EventKind::AttemptVerify,
        project: Some(candidate.target.project),
        task: Some(attempt.task),
        attempt: Some(attempt.id),
        data: json!({ "candidate": id, "number": attempt.number }),
    })?;
    Ok(attempt)
}

/// From here on the attempt whose lease had ended gets `stale_attempt`.
fn supersede(tx: &mut dyn Tx, lost: AttemptId) -> Result<()> {
    let Some(mut attempt) = tx.attempt(lost)? else {
        return Ok(());
    };
    if attempt.state == AttemptState::Lost {
        let failure = attempt.failure;
        step::end_attempt(tx, &mut attempt, AttemptState::Superseded, failure)?;
    }
    tx.effect(Effect::Control(attempt.agent));
    Ok(())
}

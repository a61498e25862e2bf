//! An attempt ends.

use crate::ask::Question;
use crate::attempt::{Attempt, AttemptKind, AttemptState, Failure};
use crate::check::{CheckSet, Isolation, Receipt};
use crate::error::{Refusal, Result};
use crate::git::Oid;
use crate::id::{AttemptId, ReceiptId, TaskId};
use crate::policy::Retry;
use crate::state::{Cause, ResumeTo, State, WaitReason};
use crate::task::{Feedback, Task};
use crate::train::CandidateState;
use crate::tx::{RuleConfig, Tx};

use super::step::{self, step};
use super::{ask, choice, finish, lease, policy, tell, train};

/// What a check came to, as the harness reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    /// Name of the check.
    pub check: String,
    /// Tree that was checked out.
    pub tree: Oid,
    /// Exit code.
    pub exit_code: i32,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// Where its output begins in the attempt's log.
    pub log_offset: u64,
    /// Length of its output.
    pub log_len: u64,
    /// End of its output.
    pub log_tail: String,
    /// Isolation in force.
    pub isolation: Isolation,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It delivered a result.
    Delivered {
        /// The commit and its tree, read from the repository by the orchestrator; `None` for a task
        /// without a project.
        result: Option<(Oid, Oid)>,
        /// The checks that ran, in order.
        checks: Vec<CheckRun>,
        /// Whether the change touches paths that need a person's review.
        protected: bool,
        /// How many of the messages that came while it ran its driver has heard.
        heard: u32,
    },
    /// The driver failed.
    DriverFailed {
        /// In words.
        reason: String,
        /// End of its output.
        log_tail: String,
        /// Whether its program cannot be started, which another try would not change.
        not_started: bool,
    },
    /// Its driver asks a person something.
    Asked {
        /// What it has done so far: a commit that is in the repository; `None` for a task without a
        /// project.
        work: Option<Oid>,
        /// What it asks.
        question: Question,
    },
    /// The agent could not do its part, or was stopped.
    GivenUp,
}

/// Ends an attempt with what it came to. Returns the state of its task. A completion that is
/// repeated because its answer was lost is answered again and changes nothing.
///
/// # Errors
/// [`Refusal::TaskCancelled`], [`Refusal::StaleAttempt`]; [`Refusal::Invalid`] if the receipts do
/// not fit the check set.
pub fn complete(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    task: TaskId,
    attempt: AttemptId,
    outcome: Outcome,
) -> Result<State> {
    if is_repeated(tx, task, attempt, &outcome)? {
        return Ok(step::load(tx, task)?.state);
    }
    let attempt = lease::writable(tx, cfg, task, attempt)?;
    match attempt.kind {
        AttemptKind::Work => complete_work(tx, cfg, attempt, outcome)?,
        AttemptKind::Verify => complete_verify(tx, attempt, outcome)?,
    }
    Ok(step::load(tx, task)?.state)
}

fn is_repeated(tx: &mut dyn Tx, task: TaskId, id: AttemptId, outcome: &Outcome) -> Result<bool> {
    let Some(attempt) = tx.attempt(id)?.filter(|attempt| attempt.task == task) else {
        return Ok(false);
    };
    let had_result = !matches!(attempt.failure, Some(Failure::Driver | Failure::Lost));
    let is_same = match outcome {
        // The commit of a verify attempt is its candidate's, whatever its agent says.
        Outcome::Delivered { result, .. } => {
            let commit = result.as_ref().map(|(commit, _)| commit);
            had_result && (attempt.kind == AttemptKind::Verify || attempt.commit.as_ref() == commit)
        }
        Outcome::DriverFailed { .. } | Outcome::GivenUp => !had_result,
        Outcome::Asked { work, .. } => {
            return Ok(attempt.state == AttemptState::Asked && attempt.commit == *work);
        }
    };
    let ended = matches!(
        attempt.state,
        AttemptState::Succeeded | AttemptState::Failed
    );
    Ok(ended && is_same)
}

fn complete_work(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    mut attempt: Attempt,
    outcome: Outcome,
) -> Result<()> {
    let mut task = step::load(tx, attempt.task)?;
    debug_assert_eq!(task.live, Some(attempt.id));
    match outcome {
        Outcome::Delivered {
            result: None,
            heard,
            ..
        } => {
            if task.project.is_some() {
                return Err(Refusal::invalid("complete.delivered.commit", "is missing").into());
            }
            if tell::is_unheard(tx, &task, attempt.id, heard)? {
                return tell::hear(tx, task, &mut attempt);
            }
            task.live = None;
            step::end_attempt(tx, &mut attempt, AttemptState::Succeeded, None)?;
            finish::finish_without_project(tx, task, "its driver succeeded", Some(attempt.id))
        }
        Outcome::Delivered {
            result: Some((commit, tree)),
            checks,
            protected,
            heard,
        } => {
            let delivery = Delivery {
                commit,
                tree,
                checks,
                protected,
                heard,
            };
            deliver(tx, cfg, task, attempt, delivery)
        }
        Outcome::DriverFailed {
            reason,
            log_tail,
            not_started,
        } => {
            step::end_attempt(
                tx,
                &mut attempt,
                AttemptState::Failed,
                Some(Failure::Driver),
            )?;
            let feedback = Feedback::DriverFailed {
                attempt: attempt.id,
                reason,
                log_tail,
            };
            tx.add_feedback(task.id, &feedback)?;
            task.live = None;
            task.tries.driver = task.tries.driver.saturating_add(1);
            let failures = task.tries.driver;
            let rule = policy::terms_of(tx, &task)?.driver;
            let (rule, why) = match not_started {
                true => (Retry { most: 0, ..rule }, "its driver cannot be started"),
                false => (rule, "its driver failed"),
            };
            try_again(tx, cfg, task, &attempt, failures, &rule, why)
        }
        Outcome::Asked { work, question } => ask::asked(tx, task, attempt, work, &question),
        Outcome::GivenUp => {
            step::end_attempt(tx, &mut attempt, AttemptState::Failed, Some(Failure::Lost))?;
            lease::lose(tx, cfg, task, None)
        }
    }
}

struct Delivery {
    commit: Oid,
    tree: Oid,
    checks: Vec<CheckRun>,
    protected: bool,
    heard: u32,
}

fn deliver(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    mut task: Task,
    mut attempt: Attempt,
    delivery: Delivery,
) -> Result<()> {
    let set = match &task.check_set {
        Some(hash) => tx.check_set(hash)?.unwrap_or_default(),
        None => {
            return Err(Refusal::invalid("complete.delivered", "this task has no project").into());
        }
    };
    let failed = record(
        tx,
        &attempt,
        &set,
        &delivery.commit,
        &delivery.tree,
        delivery.checks,
    )?;
    attempt.commit = Some(delivery.commit.clone());
    task.live = None;
    if let Some(failed) = failed {
        step::end_attempt(tx, &mut attempt, AttemptState::Failed, Some(Failure::Check))?;
        tx.add_feedback(task.id, &failed.feedback(&attempt, &set, false))?;
        task.prior = Some(delivery.commit);
        task.tries.check = task.tries.check.saturating_add(1);
        let failures = task.tries.check;
        let rule = policy::terms_of(tx, &task)?.check;
        return try_again(tx, cfg, task, &attempt, failures, &rule, "a check failed");
    }
    if tell::is_unheard(tx, &task, attempt.id, delivery.heard)? {
        return tell::hear(tx, task, &mut attempt);
    }
    step::end_attempt(tx, &mut attempt, AttemptState::Succeeded, None)?;
    task.head = Some(delivery.commit);
    if delivery.protected {
        task.asked = Some(true);
        task.review = true;
    }
    step(
        tx,
        &mut task,
        Cause::Adopted,
        "its result was adopted",
        Some(attempt.id),
    )?;
    tx.put_task(&task)?;
    choice::passed(tx, task)
}

fn try_again(
    tx: &mut dyn Tx,
    cfg: &RuleConfig,
    mut task: Task,
    attempt: &Attempt,
    failures: u8,
    rule: &Retry,
    why: &str,
) -> Result<()> {
    if failures > rule.most || task.side_effects {
        let park = Cause::Park(WaitReason::Attention, ResumeTo::Ready);
        step(tx, &mut task, park, why, Some(attempt.id))?;
        tx.put_task(&task)?;
        return choice::parked(tx, &task);
    }
    let delay = step::backoff(tx, cfg, rule, failures);
    task.not_before = Some(tx.now().plus(delay));
    step(tx, &mut task, Cause::TryAgain, why, Some(attempt.id))?;
    tx.put_task(&task)?;
    step::queue(tx, &task)
}

impl CheckRun {
    fn feedback(self, attempt: &Attempt, set: &CheckSet, on_target: bool) -> Feedback {
        let command = set
            .checks
            .iter()
            .find(|c| c.name == self.check)
            .map_or("", |c| c.run.as_str());
        Feedback::CheckFailed {
            attempt: attempt.id,
            command: command.to_owned(),
            check: self.check,
            exit_code: self.exit_code,
            log_tail: self.log_tail,
            on_target,
        }
    }
}

/// Stores a receipt for every check that ran, and returns the one that failed. The checks have to
/// be those of the set, in order, on the tree of the commit, up to the first that fails: a result
/// cannot pass by leaving a check out.
fn record(
    tx: &mut dyn Tx,
    attempt: &Attempt,
    set: &CheckSet,
    commit: &Oid,
    tree: &Oid,
    runs: Vec<CheckRun>,
) -> Result<Option<CheckRun>> {
    let task = step::load(tx, attempt.task)?;
    let project = task.project.ok_or(Refusal::StaleAttempt)?;
    let set_hash = set.hash();
    let expected = set.checks.len();
    let got = runs.len();
    let mut failed = None;
    for (i, run) in runs.into_iter().enumerate() {
        let at = |part: &str| format!("complete.delivered.receipts[{i}].{part}");
        if failed.is_some() {
            return Err(Refusal::invalid(at("check"), "ran after a check had failed").into());
        }
        let Some(check) = set.checks.get(i).filter(|check| check.name == run.check) else {
            return Err(Refusal::invalid(at("check"), "is not the next check of the set").into());
        };
        if run.tree != *tree {
            return Err(Refusal::invalid(at("tree"), "is not the tree of the commit").into());
        }
        let now = tx.now();
        let id = ReceiptId::new(now, tx.random());
        tx.insert_receipt(&Receipt {
            id,
            project,
            task: attempt.task,
            attempt: attempt.id,
            agent: attempt.agent,
            candidate: attempt.candidate,
            check: check.name.clone(),
            command: check.run.clone(),
            check_hash: check.hash(set.setup.as_deref()),
            check_set: set_hash.clone(),
            commit: commit.clone(),
            tree: tree.clone(),
            exit_code: run.exit_code,
            passed: run.exit_code == 0,
            duration_ms: run.duration_ms,
            log_offset: run.log_offset,
            log_len: run.log_len,
            isolation: run.isolation,
            at: now,
        })?;
        if run.exit_code != 0 {
            failed = Some(run);
        }
    }
    if failed.is_none() && got < expected {
        let problem = format!("{got} of {expected} checks ran");
        return Err(Refusal::invalid("complete.delivered.receipts", problem).into());
    }
    Ok(failed)
}

fn complete_verify(tx: &mut dyn Tx, mut attempt: Attempt, outcome: Outcome) -> Result<()> {
    let mut candidate = lease::candidate_of(tx, &attempt)?;
    if candidate.state != CandidateState::Verifying || candidate.live != Some(attempt.id) {
        return Err(Refusal::StaleAttempt.into());
    }
    candidate.live = None;
    let (Outcome::Delivered { checks, .. }, Some(tip), Some(tree)) =
        (outcome, candidate.tip.clone(), candidate.tree.clone())
    else {
        step::end_attempt(tx, &mut attempt, AttemptState::Failed, Some(Failure::Lost))?;
        return train::requeue_verify(tx, &mut candidate);
    };
    let set = tx.check_set(&candidate.check_set)?.unwrap_or_default();
    let failed = record(tx, &attempt, &set, &tip, &tree, checks)?;
    attempt.commit = Some(tip);
    match failed {
        None => {
            step::end_attempt(tx, &mut attempt, AttemptState::Succeeded, None)?;
            train::proven(tx, candidate)
        }
        Some(run) => {
            step::end_attempt(tx, &mut attempt, AttemptState::Failed, Some(Failure::Check))?;
            let feedback = run.feedback(&attempt, &set, true);
            train::failed(tx, candidate, feedback)
        }
    }
}

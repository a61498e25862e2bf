//! What is asked of people, and what follows from their answers. A task that waits for one holds no
//! agent.

use serde_json::json;

use crate::ask::{Ask, AskAnswer, AskKind, Question, Reply};
use crate::attempt::{Attempt, AttemptState};
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::git::Oid;
use crate::id::{AttemptId, TaskId};
use crate::limits::QUESTIONS_MAX;
use crate::state::{Cause, ResumeTo, State, WaitReason};
use crate::task::{Feedback, Task};
use crate::tx::{Read, Tx};

use super::step::{self, step};
use super::{choice, policy};

/// What a permission is answered with unless its agent names choices.
const YES_OR_NO: [&str; 2] = ["yes", "no"];

/// Asks something, unless the same is asked already.
fn open(
    tx: &mut dyn Tx,
    task: &Task,
    kind: AskKind,
    attempt: Option<AttemptId>,
    head: Option<Oid>,
    text: &str,
) -> Result<()> {
    let asks = tx.asks(task.id)?;
    let is_same = |ask: &Ask| ask.kind == kind && ask.head == head && ask.answer.is_none();
    if asks.iter().any(is_same) {
        return Ok(());
    }
    tx.put_ask(&Ask {
        task: task.id,
        number: asks.last().map_or(0, |ask| ask.number) + 1,
        kind,
        attempt,
        head,
        text: text.to_owned(),
        choices: Vec::new(),
        asked_at: tx.now(),
        answer: None,
    })
}

/// Notes the answer to what is asked of a kind; returns what was asked.
pub(super) fn answered(
    tx: &mut dyn Tx,
    task: &Task,
    kinds: &[AskKind],
    by: &str,
    text: &str,
) -> Result<Option<Ask>> {
    let asks = tx.asks(task.id)?;
    let open = |ask: &Ask| kinds.contains(&ask.kind) && ask.answer.is_none();
    let Some(mut ask) = asks.into_iter().rev().find(open) else {
        return Ok(None);
    };
    ask.answer = Some(AskAnswer {
        by: by.to_owned(),
        at: tx.now(),
        text: text.to_owned(),
    });
    tx.put_ask(&ask)?;
    Ok(Some(ask))
}

/// Lets a task that has just become ready wait for its approval, if policy wants one and nobody has
/// given it. The caller stores the task.
pub(super) fn before_start(tx: &mut dyn Tx, task: &mut Task) -> Result<bool> {
    if task.terms.is_none() || !policy::terms_of(tx, task)?.asks_before(&task.requires) {
        return Ok(false);
    }
    if last_start(tx, task)?.is_some_and(|ask| ask.answer.is_some()) {
        return Ok(false);
    }
    let park = Cause::Park(WaitReason::Approval, ResumeTo::Ready);
    step(tx, task, park, "its start has to be approved", None)?;
    open(tx, task, AskKind::Start, None, None, "")?;
    Ok(true)
}

/// An approval is of the words that were to be done: after others have come, a task waits for one of
/// those, if policy wants one. Returns whether it does.
pub(super) fn start_anew(tx: &mut dyn Tx, task: &Task) -> Result<bool> {
    if task.terms.is_none() || !policy::terms_of(tx, task)?.asks_before(&task.requires) {
        return Ok(false);
    }
    if last_start(tx, task)?.is_some() {
        open(tx, task, AskKind::Start, None, None, "")?;
    }
    Ok(true)
}

/// The approval of a start that was asked for last: earlier ones were of other words.
fn last_start(tx: &mut dyn Tx, task: &Task) -> Result<Option<Ask>> {
    let asks = tx.asks(task.id)?;
    let is_start = |ask: &Ask| ask.kind == AskKind::Start;
    Ok(asks.into_iter().rev().find(is_start))
}

/// Whether somebody has to approve the publication of a result, and has not.
pub(super) fn before_publication(view: &mut dyn Read, task: &Task) -> Result<bool> {
    let may_ask = task.terms.is_some() && task.is_goal();
    if !may_ask || !policy::terms_of(view, task)?.approve_publication {
        return Ok(false);
    }
    let is_given = |ask: &Ask| {
        ask.kind == AskKind::Publication && ask.head == task.head && ask.answer.is_some()
    };
    Ok(!view.asks(task.id)?.iter().any(is_given))
}

/// Asks whether a result is the one of several that is taken.
pub(super) fn whether_taken(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    open(tx, task, AskKind::Choice, None, task.head.clone(), "")
}

/// Asks whether a result may be published.
pub(super) fn publication(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    open(tx, task, AskKind::Publication, None, task.head.clone(), "")
}

/// A work attempt ends with a question: its task waits for a person, and goes on from `work`, what
/// the attempt has done so far. No failure, but a task may ask only [`QUESTIONS_MAX`] times.
pub(super) fn asked(
    tx: &mut dyn Tx,
    mut task: Task,
    mut attempt: Attempt,
    work: Option<Oid>,
    question: &Question,
) -> Result<()> {
    question.validate("complete.asked")?;
    let wrong = match (task.project.is_some(), work.is_some()) {
        (true, false) => Some("is missing"),
        (false, true) => Some("this task has no repository"),
        (true, true) | (false, false) => None,
    };
    if let Some(problem) = wrong {
        return Err(Refusal::invalid("complete.asked.commit", problem).into());
    }
    attempt.commit = work.clone();
    step::end_attempt(tx, &mut attempt, AttemptState::Asked, None)?;
    task.live = None;
    task.prior = work.or(task.prior);
    let asks = tx.asks(task.id)?;
    let agents = asks.iter().filter(|ask| ask.kind.wait_reason().is_some());
    match question.kind.wait_reason() {
        Some(reason) if agents.count() < QUESTIONS_MAX => {
            let number = asks.last().map_or(0, |ask| ask.number) + 1;
            put_question(tx, &task, &attempt, number, question)?;
            let park = Cause::Park(reason, ResumeTo::Ready);
            step(tx, &mut task, park, "its agent asks", Some(attempt.id))?;
        }
        Some(_) | None => {
            let reason = format!("it asked more than {QUESTIONS_MAX} times");
            let feedback = Feedback::DriverFailed {
                attempt: attempt.id,
                reason,
                log_tail: question.text.clone(),
            };
            tx.add_feedback(task.id, &feedback)?;
            let park = Cause::Park(WaitReason::Attention, ResumeTo::Ready);
            step(tx, &mut task, park, "it asks too often", Some(attempt.id))?;
        }
    }
    tx.put_task(&task)?;
    choice::parked(tx, &task)
}

fn put_question(
    tx: &mut dyn Tx,
    task: &Task,
    attempt: &Attempt,
    number: u32,
    question: &Question,
) -> Result<()> {
    let choices = match (question.kind, question.choices.is_empty()) {
        (AskKind::Permission, true) => YES_OR_NO.map(str::to_owned).to_vec(),
        _ => question.choices.clone(),
    };
    tx.put_ask(&Ask {
        task: task.id,
        number,
        kind: question.kind,
        attempt: Some(attempt.id),
        head: attempt.commit.clone(),
        text: question.text.clone(),
        choices,
        asked_at: tx.now(),
        answer: None,
    })?;
    let data = json!({ "number": number, "kind": question.kind });
    say(tx, task, EventKind::TaskAsked, Some(attempt.id), data)
}

fn say(
    tx: &mut dyn Tx,
    task: &Task,
    kind: EventKind,
    attempt: Option<AttemptId>,
    data: serde_json::Value,
) -> Result<()> {
    tx.append_event(&NewEvent {
        org: task.org,
        kind,
        project: task.project,
        task: Some(task.id),
        attempt,
        data,
    })
}

/// What an agent asked and nobody has answered yet, of a task that waits for that.
///
/// # Errors
/// Storage only.
pub fn open_question(view: &mut dyn Read, task: &Task) -> Result<Option<Ask>> {
    let waits = matches!(
        task.state,
        State::Waiting(WaitReason::Question | WaitReason::Permission, _)
    );
    if !waits {
        return Ok(None);
    }
    let last = view.asks(task.id)?.pop();
    Ok(last.filter(|ask| ask.answer.is_none()))
}

/// What agents of a task asked and people answered, oldest first: the next attempt is told.
///
/// # Errors
/// Storage only.
pub fn answers(view: &mut dyn Read, task: TaskId) -> Result<Vec<Ask>> {
    let mut asks = view.asks(task)?;
    asks.retain(|ask| ask.kind.wait_reason().is_some() && ask.answer.is_some());
    Ok(asks)
}

/// A person answers what an agent asked: the next attempt hears it. `number` is the question that
/// they saw, if they say so.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::BadState`] if the task does not wait for an answer;
/// [`Refusal::Outdated`] if it asks something else by now; [`Refusal::Invalid`].
pub fn answer(
    tx: &mut dyn Tx,
    id: TaskId,
    by: &str,
    number: Option<u32>,
    reply: &Reply,
) -> Result<Task> {
    let mut task = step::load(tx, id)?;
    let Some(ask) = open_question(tx, &task)? else {
        let state = task.state.name().as_str().to_owned();
        let action = "answered: it asks nothing";
        return Err(Refusal::BadState { state, action }.into());
    };
    if number.is_some_and(|number| number != ask.number) {
        return Err(Refusal::Outdated("the question").into());
    }
    let words = reply.words(&ask.choices)?;
    answered(tx, &task, &[ask.kind], by, &words)?;
    let data = json!({ "number": ask.number, "kind": ask.kind, "by": by });
    say(tx, &task, EventKind::TaskAnswered, ask.attempt, data)?;
    step(tx, &mut task, Cause::Resume, "it was answered", None)?;
    tx.put_task(&task)?;
    step::after_ready(tx, &task)?;
    Ok(task)
}

//! What is asked of people, and what follows from their answers. A task that waits for one holds no
//! agent.

use crate::ask::{Ask, AskAnswer, AskKind};
use crate::error::Result;
use crate::git::Oid;
use crate::id::AttemptId;
use crate::state::{Cause, ResumeTo, WaitReason};
use crate::task::Task;
use crate::tx::{Read, Tx};

use super::policy;
use super::step::step;

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
    let asks = tx.asks(task.id)?;
    let is_given = |ask: &Ask| ask.kind == AskKind::Start && ask.answer.is_some();
    if asks.iter().any(is_given) {
        return Ok(false);
    }
    let park = Cause::Park(WaitReason::Approval, ResumeTo::Ready);
    step(tx, task, park, "its start has to be approved", None)?;
    open(tx, task, AskKind::Start, None, None, "")?;
    Ok(true)
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

/// Asks whether a result may be published.
pub(super) fn publication(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    open(tx, task, AskKind::Publication, None, task.head.clone(), "")
}

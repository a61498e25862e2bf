//! Results go back to work: the target does not take them, or a person does not.

use crate::error::Result;
use crate::git::Oid;
use crate::id::TaskId;
use crate::state::{Cause, ResumeTo, TaskKind, WaitReason};
use crate::task::{Feedback, Task};
use crate::tx::{RuleConfig, Tx};

use super::step::{self, step};
use super::{policy, schedule};

/// The target does not take the result of a task: it goes back to work with what is known, as often
/// as its terms say. A composite gets a generated child that merges the target into its
/// branch.
pub(super) fn send_back(
    tx: &mut dyn Tx,
    id: TaskId,
    feedback: Feedback,
    theirs: Option<Oid>,
) -> Result<()> {
    tx.delete_train_entry(id)?;
    let mut task = step::load(tx, id)?;
    task.tries.sent_back = task.tries.sent_back.saturating_add(1);
    let why = match feedback {
        Feedback::Conflict { .. } => "its target has conflicting changes",
        Feedback::CheckFailed { .. }
        | Feedback::DriverFailed { .. }
        | Feedback::Message { .. }
        | Feedback::ChangesRequested { .. } => "a check failed on its target",
    };
    // What a leaf did outside must not be repeated unless a person says so.
    let repeats_effects = task.side_effects && task.kind == TaskKind::Leaf;
    let rule = policy::terms_of(tx, &task)?.conflict;
    if task.tries.sent_back > rule.most || repeats_effects {
        tx.add_feedback(id, &feedback)?;
        let to = match task.kind {
            TaskKind::Leaf => ResumeTo::Ready,
            TaskKind::Composite => ResumeTo::Running,
        };
        if task.kind == TaskKind::Leaf {
            task.prior = task.head.take();
        }
        step(
            tx,
            &mut task,
            Cause::Park(WaitReason::Attention, to),
            why,
            None,
        )?;
        return tx.put_task(&task);
    }
    if task.kind == TaskKind::Leaf && rule.first_ms.is_some() {
        let pause = step::backoff(tx, &RuleConfig::default(), &rule, task.tries.sent_back);
        task.not_before = Some(tx.now().plus(pause));
    }
    rework(tx, task, feedback, theirs, why)
}

/// Sends an integrating task back to work.
pub(super) fn rework(
    tx: &mut dyn Tx,
    mut task: Task,
    feedback: Feedback,
    theirs: Option<Oid>,
    why: &str,
) -> Result<()> {
    step(tx, &mut task, Cause::SentBack, why, None)?;
    match task.kind {
        TaskKind::Leaf => {
            tx.add_feedback(task.id, &feedback)?;
            task.prior = task.head.take();
            tx.put_task(&task)?;
            step::queue(tx, &task)
        }
        TaskKind::Composite => {
            tx.put_task(&task)?;
            schedule::add_rework_child(tx, &task, &feedback, theirs)
        }
    }
}

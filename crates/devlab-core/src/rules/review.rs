//! Patches: a person speaks on a result.

use serde_json::json;

use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::git::Oid;
use crate::id::{PatchId, ProjectId, TaskId};
use crate::limits::COMMENT_BYTES_MAX;
use crate::name;
use crate::patch::{Patch, PatchComment, PatchState, Verdict};
use crate::state::{Cause, ResumeTo, State, TaskKind, WaitReason};
use crate::task::{Feedback, Task};
use crate::train::Candidate;
use crate::tx::{Effect, Page, Tx};

use super::step::{self, step};
use super::{back, tell, train};

/// Patches that are read at a time.
const PATCHES_PAGE: u32 = 500;

/// Opens the patch of a task whose receipts have passed, or opens it again with a new head.
pub(super) fn open(tx: &mut dyn Tx, task: &Task, candidate: &Candidate) -> Result<()> {
    let (Some(project), Some(base)) = (task.project, candidate.base.clone()) else {
        return Ok(());
    };
    let entry = &candidate.entries[0];
    let stat = entry.stat.unwrap_or_default();
    let now = tx.now();
    let spec = tx.task_spec(task.id)?.ok_or(Refusal::NotFound("task"))?;
    let known = tx.patch_of_task(task.id)?;
    let (id, created_at) = match &known {
        Some(patch) => (patch.id, patch.created_at),
        None => (PatchId::new(now, tx.random()), now),
    };
    let patch = Patch {
        id,
        org: task.org,
        project,
        task: task.id,
        title: spec.title,
        description: spec.goal,
        target: candidate.target.branch.clone(),
        base,
        head: entry.head.clone(),
        files: stat.files,
        added: stat.added,
        removed: stat.removed,
        state: PatchState::Open,
        created_at,
        updated_at: now,
        told: false,
        told_remarks: known.map_or(0, |patch| patch.told_remarks),
    };
    store(tx, &patch)
}

fn store(tx: &mut dyn Tx, patch: &Patch) -> Result<()> {
    tx.put_patch(patch)?;
    tx.effect(Effect::Forge);
    tx.append_event(&NewEvent {
        org: patch.org,
        kind: EventKind::PatchState,
        project: Some(patch.project),
        task: Some(patch.task),
        attempt: None,
        data: json!({ "patch": patch.id, "state": patch.state, "head": patch.head }),
    })
}

fn set_state(tx: &mut dyn Tx, task: TaskId, state: PatchState) -> Result<()> {
    let open = tx
        .patch_of_task(task)?
        .filter(|patch| patch.state == PatchState::Open);
    let Some(mut patch) = open else { return Ok(()) };
    patch.state = state;
    patch.updated_at = tx.now();
    patch.told = false;
    store(tx, &patch)
}

/// The result of a task is in its target: its patch, if it has one, is merged.
pub(super) fn merged(tx: &mut dyn Tx, task: TaskId) -> Result<()> {
    set_state(tx, task, PatchState::Merged)
}

/// The task was called off: its patch, if it has one, is closed.
pub(super) fn closed(tx: &mut dyn Tx, task: TaskId) -> Result<()> {
    set_state(tx, task, PatchState::Closed)
}

/// The forge of a patch was told of it as it was in `seen`, and of all remarks up to number
/// `remarks`. What has changed since is told by the next call.
///
/// # Errors
/// Storage only.
pub fn told(tx: &mut dyn Tx, seen: &Patch, remarks: u32) -> Result<()> {
    let Some(mut patch) = tx.patch(seen.id)? else {
        return Ok(());
    };
    let newest = tx.patch_comments(seen.id)?.last().map_or(0, |c| c.number);
    patch.told = patch == *seen && newest <= remarks;
    patch.told_remarks = remarks;
    tx.put_patch(&patch)
}

/// A project's repository is older than what the store knows: the forge is told of all its open
/// patches again, with all that was said on them.
///
/// # Errors
/// Storage only.
pub fn tell_again(tx: &mut dyn Tx, project: ProjectId) -> Result<()> {
    let mut page = Page {
        after: None,
        limit: PATCHES_PAGE,
    };
    loop {
        let patches = tx.patches(None, Some(project), Some(PatchState::Open), page)?;
        let Some(last) = patches.last() else {
            return Ok(());
        };
        page.after = Some(last.id.uuid());
        for mut patch in patches {
            patch.told = false;
            patch.told_remarks = 0;
            tx.put_patch(&patch)?;
        }
    }
}

/// What a person says on a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Who, for display.
    pub author: String,
    /// The words.
    pub body: String,
    /// The verdict, if it is a review.
    pub verdict: Option<Verdict>,
    /// The head that the reviewer saw.
    pub head: Option<Oid>,
    /// Whether words without a verdict send the task back to work, if it waits for a review; others
    /// are for people only.
    pub rework: bool,
}

/// Adds a remark to a patch's discussion. An acceptance of the current head lets it go on into its
/// target; a rejection sends the task back to work with the words, as do words without a verdict
/// that are not for people only. Returns the remark's number.
///
/// # Errors
/// [`Refusal::Outdated`] if the reviewer saw another head; [`Refusal::BadState`] for a verdict when
/// the task does not wait for one; [`Refusal::Invalid`].
pub fn remark(tx: &mut dyn Tx, id: PatchId, remark: Remark) -> Result<u32> {
    let mut patch = tx.patch(id)?.ok_or(Refusal::NotFound("patch"))?;
    name::check_text("body", &remark.body, COMMENT_BYTES_MAX)?;
    if remark.body.trim().is_empty() && remark.verdict != Some(Verdict::Accept) {
        return Err(Refusal::invalid("body", "say something").into());
    }
    if remark.head.as_ref().is_some_and(|head| *head != patch.head) {
        return Err(Refusal::Outdated("the patch").into());
    }
    let number = tx.add_patch_comment(&PatchComment {
        patch: id,
        number: 0,
        author: remark.author.clone(),
        head: patch.head.clone(),
        body: remark.body.clone(),
        verdict: remark.verdict,
        at: tx.now(),
    })?;
    patch.told = false;
    tx.put_patch(&patch)?;
    tx.effect(Effect::Forge);
    tx.append_event(&NewEvent {
        org: patch.org,
        kind: EventKind::PatchComment,
        project: Some(patch.project),
        task: Some(patch.task),
        attempt: None,
        data: json!({ "patch": id, "number": number, "verdict": remark.verdict }),
    })?;
    match remark.verdict {
        Some(verdict) => judge(tx, &patch, verdict, remark)?,
        None if remark.rework => heed(tx, &patch, remark)?,
        None => {}
    }
    Ok(number)
}

/// Brings a remark to whoever does the task: a result that waits for its review goes back to work;
/// what is at work already is told.
fn heed(tx: &mut dyn Tx, patch: &Patch, remark: Remark) -> Result<()> {
    let mut task = step::load(tx, patch.task)?;
    if task.state == State::Waiting(WaitReason::Review, ResumeTo::Integrating) {
        let why = "somebody commented on its patch";
        step(tx, &mut task, Cause::Resume, why, None)?;
        let feedback = Feedback::Message {
            by: remark.author,
            message: remark.body,
            attempt: None,
            after: task.attempts,
        };
        let theirs = tx.branch_head(patch.project, &patch.target)?;
        return back::rework(tx, task, feedback, theirs, why);
    }
    // A composite that has a patch has no other open children than those that answer its review.
    let doers = match task.kind {
        TaskKind::Leaf => vec![task.id],
        TaskKind::Composite => tx.children(task.id)?,
    };
    for id in doers {
        let doer = step::load(tx, id)?;
        if doer.kind == TaskKind::Leaf && !doer.state.is_end() {
            tell::say(tx, doer, &remark.author, &remark.body)?;
        }
    }
    Ok(())
}

fn judge(tx: &mut dyn Tx, patch: &Patch, verdict: Verdict, remark: Remark) -> Result<()> {
    let mut task = step::load(tx, patch.task)?;
    if task.state != State::Waiting(WaitReason::Review, ResumeTo::Integrating) {
        let state = task.state.name().as_str().to_owned();
        return Err(Refusal::BadState {
            state,
            action: "reviewed",
        }
        .into());
    }
    step(tx, &mut task, Cause::Resume, "it was reviewed", None)?;
    match verdict {
        Verdict::Accept => {
            task.accepted = Some(patch.head.clone());
            tx.put_task(&task)?;
            train::enter(tx, &task)
        }
        Verdict::Reject => {
            let feedback = Feedback::ChangesRequested {
                by: remark.author,
                message: remark.body,
            };
            let theirs = tx.branch_head(patch.project, &patch.target)?;
            back::rework(tx, task, feedback, theirs, "a reviewer asks for changes")
        }
    }
}

//! What there is to choose from among the alternatives of a task.

use devlab_core::ask::AskAnswer;
use devlab_core::auth::Principal;
use devlab_core::check::Receipt;
use devlab_core::rules::choice;
use devlab_core::task::Task;
use devlab_core::train::DiffStat;
use devlab_core::tx::Read;
use devlab_core::{Oid, Refusal, TaskId};

use crate::error::Result;
use crate::lab::Lab;
use crate::results::change_size;
use crate::scope;

/// A task with alternatives.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceView {
    /// The task.
    pub task: Task,
    /// Its title.
    pub title: String,
    /// Who took the one that was taken, and when.
    pub answer: Option<AskAnswer>,
    /// Its alternatives, in their order.
    pub ways: Vec<Way>,
}

/// One of several ways to do a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// The task that goes it.
    pub task: Task,
    /// Its title.
    pub title: String,
    /// Whether it can be chosen now.
    pub is_choosable: bool,
    /// What its last attempt with a commit started from.
    base: Option<Oid>,
    /// That commit.
    pub head: Option<Oid>,
    /// What checks said of it.
    pub receipts: Vec<Receipt>,
    /// Size of what it changes, if its repository was asked and has it.
    pub size: Option<DiffStat>,
}

/// Everything about a choice but the sizes of changes, which are in its repository.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Invalid`] for a task without alternatives.
pub fn view<R: Read + ?Sized>(view: &mut R, id: TaskId) -> devlab_core::Result<ChoiceView> {
    let standing = choice::standing(view, id)?;
    let mut ways = Vec::with_capacity(standing.alternatives.len());
    for one in standing.alternatives {
        let mut receipts = view.receipts(one.task.id)?;
        let of_head = |receipt: &Receipt| {
            receipt.candidate.is_none() && Some(&receipt.commit) == one.head.as_ref()
        };
        receipts.retain(of_head);
        ways.push(Way {
            title: title(view, one.task.id)?,
            is_choosable: one.is_choosable,
            base: one.base,
            head: one.head,
            receipts,
            size: None,
            task: one.task,
        });
    }
    Ok(ChoiceView {
        title: title(view, id)?,
        task: standing.task,
        answer: standing.answer,
        ways,
    })
}

fn title<R: Read + ?Sized>(view: &mut R, id: TaskId) -> devlab_core::Result<String> {
    let spec = view.task_spec(id)?.ok_or(Refusal::NotFound("task"))?;
    Ok(spec.title)
}

impl Lab {
    /// What there is to choose from, sizes of changes included.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a task that the caller may not see; [`Refusal::Invalid`] for one
    /// without alternatives.
    pub async fn task_choice(&self, who: &Principal, id: TaskId) -> Result<ChoiceView> {
        let caller = who.clone();
        let found = self.read(move |tx| {
            let task = scope::task(tx, &caller, id)?;
            let project = task.project.map(|id| tx.project(id)).transpose()?;
            Ok((view(tx, id)?, project.flatten()))
        });
        let (mut found, project) = found.await?;
        if let Some(project) = project {
            let repo = self.repo(&project).await?;
            for way in &mut found.ways {
                if let (Some(base), Some(head)) = (&way.base, &way.head) {
                    // Retention may have let go of it.
                    way.size = change_size(&repo, base, head).await.ok();
                }
            }
        }
        Ok(found)
    }
}

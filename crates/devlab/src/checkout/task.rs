//! `devlab task checkout`: a task's result in a branch of this checkout.

use devlab_core::TaskId;

use super::git::Checkout;
use super::project::{self, slug};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::show;

/// `devlab task checkout`.
pub(crate) async fn checkout(
    context: &Context,
    id: TaskId,
    into: Option<String>,
) -> anyhow::Result<()> {
    let lab = context.lab()?;
    let place = project::known(&lab, Checkout::here(context).await?).await?;
    let detail = lab.client.task(id).await?;
    let task = &detail.task;
    if task.project != Some(place.project.id) {
        return Err(Failure::usage(
            "the task belongs to another project than this checkout",
        ));
    }
    let Some(head) = &task.head else {
        return Err(Failure::new(Exit::Failed, "the task has no result yet"));
    };
    let checkout = &place.checkout;
    let dirty = checkout.dirty().await?;
    if dirty > 0 {
        return Err(Failure::new(
            Exit::Failed,
            format!(
                "{} with changes that are in no commit: commit or stash them first",
                show::count(dirty, "file")
            ),
        ));
    }
    let branch = into.unwrap_or_else(|| format!("devlab/{}", slug(&task.title)));
    checkout.fetch(&place.repo, head, None).await?;
    let full = format!("refs/heads/{branch}");
    match checkout.resolve(&full).await? {
        None => {
            checkout
                .run(&["switch", "--quiet", "--create", &branch, head])
                .await?;
        }
        Some(there) if there == *head || checkout.is_ancestor(&there, head).await? => {
            checkout.run(&["switch", "--quiet", &branch]).await?;
            checkout
                .run(&["merge", "--ff-only", "--quiet", head])
                .await?;
        }
        Some(_) => {
            return Err(Failure::new(
                Exit::Failed,
                format!("the branch {branch} has commits of its own: name another with --into"),
            ));
        }
    }
    let short = show::commit(head);
    show::note(&format!(
        "on {branch}, at {short}: {}",
        show::printable(&task.title)
    ));
    show::done(
        context.output,
        &serde_json::json!({ "task": id, "branch": branch, "commit": head }),
    )
}

//! Starts composites: makes their branch from their target's head, and lets their children begin.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::rules::finish;
use devlab_core::{RefName, Refusal, TaskId};
use devlab_forge::publish;
use devlab_store::StoreExt;

use crate::error::Result;
use crate::lab::Lab;

/// Composites started in one look.
const BATCH: u32 = 100;
/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(2);

pub(super) async fn run(lab: Arc<Lab>) {
    loop {
        let outcome = start_all(&lab).await;
        lab.note("start", outcome);
        if !lab.rest(&lab.wakes.start, REST_MAX).await {
            return;
        }
    }
}

async fn start_all(lab: &Lab) -> Result<u64> {
    let ready = lab.store().read(|view| view.startable(BATCH)).await?;
    let mut count = 0;
    for id in ready {
        if let Err(error) = start(lab, id).await {
            tracing::error!(%error, task = %id, "its branch could not be made; trying again");
        } else {
            count += 1;
        }
    }
    Ok(count)
}

async fn start(lab: &Lab, id: TaskId) -> Result<()> {
    let found = lab.store().read(move |view| {
        let task = view.task(id)?.ok_or(Refusal::NotFound("task"))?;
        let project = match task.project {
            Some(project) => view.project(project)?,
            None => None,
        };
        Ok((task, project))
    });
    let (task, project) = found.await?;
    let Some(project) = project else {
        return Ok(lab
            .store()
            .write(move |tx| finish::start(tx, id, None))
            .await?);
    };
    let repo = lab.repo(project.org, project.id).await?;
    let branch = RefName::of_composite(id);
    let base = match repo.resolve(&branch).await? {
        // A start that was cut off has made it already: that is where its children begin.
        Some(head) => head,
        None => {
            let target = task.target(&project.default_branch);
            let head = repo
                .resolve(&target)
                .await?
                .ok_or_else(|| Refusal::Conflict(format!("the branch {target} has no commit")))?;
            publish::publish(&repo, &branch, None, &head).await?;
            head
        }
    };
    lab.fault("start.after_branch")?;
    Ok(lab
        .store()
        .write(move |tx| finish::start(tx, id, Some(&base)))
        .await?)
}

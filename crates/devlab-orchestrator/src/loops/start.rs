//! Starts composites: makes their branch from their target's head, and lets their children begin.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::rules::finish;
use devlab_core::server::ServerRole;
use devlab_core::{RefName, Refusal, TaskId};
use devlab_forge::publish;
use devlab_store::StoreExt;

use crate::error::Result;
use crate::lab::Lab;

/// Its name.
pub(super) const NAME: &str = "start";
/// Composites started in one look.
const BATCH: u32 = 1_000;
/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(2);

pub(super) async fn run(lab: Arc<Lab>) {
    loop {
        let outcome = start_all(&lab).await;
        lab.note(NAME, outcome);
        if !lab.rest(&lab.wakes.start, REST_MAX).await {
            return;
        }
    }
}

async fn start_all(lab: &Lab) -> Result<u64> {
    let own = lab.has_role(ServerRole::Git).then(|| lab.this_server().id);
    // Those without a repository are started in one place.
    let is_on_duty = lab.has_role(ServerRole::Loops) && lab.place.duty(NAME).is_some();
    let ready = lab.store().read(move |view| {
        let mut ready = match own {
            Some(own) => view.startable(Some(own), BATCH)?,
            None => Vec::new(),
        };
        if is_on_duty {
            ready.extend(view.startable(None, BATCH)?);
        }
        Ok(ready)
    });
    let ready = ready.await?;
    let (mut count, mut failed) = (0, None);
    for id in ready {
        match start(lab, id).await {
            Ok(()) => count += 1,
            Err(error) => {
                tracing::error!(%error, task = %id, "its branch could not be made; trying again");
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(count), Err)
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
        lab.write_on_duty(NAME, move |tx| finish::start(tx, id, None))
            .await?;
        return Ok(());
    };
    let (repo, held) = lab.held_repo(&project).await?;
    let branch = RefName::of_composite(id);
    let made = repo.resolve(&branch).await?;
    let base = match made {
        // It was called off and is tried again: what its children did so far is there.
        Some(head) if task.started => head,
        made => {
            let target = task.target(&project.default_branch);
            let head = repo
                .resolve(&target)
                .await?
                .ok_or_else(|| Refusal::Conflict(format!("the branch {target} has no commit")))?;
            // A start that was cut off has made it already, and its target may have moved since: by
            // what this task has come to depend on, for one.
            if made.as_ref() != Some(&head) {
                publish::publish(&repo, &branch, made.as_ref(), &head).await?;
            }
            head
        }
    };
    lab.fault("start.after_branch")?;
    lab.write_held(held, move |tx| finish::start(tx, id, Some(&base)))
        .await
}

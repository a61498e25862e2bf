//! Tells the forge of patches: what they are, what people say of them, and what became of them.
//!
//! The lab's records decide; a forge carries them. Every call of a forge may be repeated, so that a
//! process that dies between a call and its record does no harm.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::Refusal;
use devlab_core::patch::{Patch, PatchComment, PatchState, Verdict};
use devlab_core::rules::review;
use devlab_forge::forge::{PatchSpec, Verdict as ForgeVerdict};
use devlab_store::StoreExt;

use crate::error::Result;
use crate::lab::Lab;

/// Patches told in one look.
const BATCH: u32 = 100;
/// Longest rest: what failed is tried again then.
const REST_MAX: Duration = Duration::from_secs(30);

pub(super) async fn run(lab: Arc<Lab>) {
    loop {
        let outcome = tell_all(&lab).await;
        lab.note("forge", outcome);
        if !lab.rest(&lab.wakes.forge, REST_MAX).await {
            return;
        }
    }
}

/// A patch that cannot be told does not hold up the others.
async fn tell_all(lab: &Lab) -> Result<u64> {
    let own = lab.this_server().id;
    let untold = lab
        .store()
        .read(move |view| view.untold_patches(own, BATCH));
    let untold = untold.await?;
    let (mut count, mut failed) = (0, None);
    for patch in untold {
        let id = patch.id;
        match tell(lab, patch).await {
            Ok(()) => count += 1,
            Err(error) => {
                tracing::warn!(%error, patch = %id, "its forge could not be told; trying again");
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(count), Err)
}

async fn tell(lab: &Lab, patch: Patch) -> Result<()> {
    let (id, task, project) = (patch.id, patch.task, patch.project);
    let found = lab.store().read(move |view| {
        let merge = view.task(task)?.and_then(|task| task.published);
        let project = view.project(project)?.ok_or(Refusal::NotFound("project"))?;
        Ok((view.patch_comments(id)?, merge, project))
    });
    let (remarks, merge, project) = found.await?;
    let (repo, held) = lab.held_repo(&project).await?;
    let spec = PatchSpec {
        id: id.to_string(),
        title: patch.title.clone(),
        description: patch.description.clone(),
        base: patch.base.clone(),
        head: patch.head.clone(),
    };
    lab.forge.put(&repo, &spec).await?;
    let mut last = patch.told_remarks;
    for remark in remarks.iter().filter(|r| r.number > patch.told_remarks) {
        tell_remark(lab, &repo, remark).await?;
        last = remark.number;
    }
    match (patch.state, merge) {
        (PatchState::Merged, Some(merge)) => lab.forge.merged(&repo, &spec.id, &merge).await?,
        (PatchState::Closed, _) => lab.forge.closed(&repo, &spec.id).await?,
        (PatchState::Open | PatchState::Merged, _) => {}
    }
    lab.write_held(held, move |tx| review::told(tx, &patch, last))
        .await
}

async fn tell_remark(
    lab: &Lab,
    repo: &devlab_forge::BareRepo,
    remark: &PatchComment,
) -> Result<()> {
    let id = remark.patch.to_string();
    if !remark.body.is_empty() {
        let told = lab.forge.comment(repo, &id, &remark.author, &remark.body);
        told.await?;
    }
    if let Some(verdict) = remark.verdict {
        let verdict = match verdict {
            Verdict::Accept => ForgeVerdict::Accept,
            Verdict::Reject => ForgeVerdict::Reject,
        };
        let told = lab
            .forge
            .review(repo, &id, &remark.author, &remark.head, verdict);
        told.await?;
    }
    Ok(())
}

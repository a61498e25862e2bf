//! Attaches the provenance of goals that were published to their merge commits, as notes.
//!
//! What is owed stands in the database, in the transaction of the publication, and is crossed out
//! once the note is there. Signing is a function of the records and the key, so a process that dies
//! in between does no harm: the same note is written again.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::provenance::note::Note;
use devlab_core::provenance::{Link, NOTES_REF, OrgKey};
use devlab_core::rules::provenance;
use devlab_core::{RefName, Refusal, TaskId};
use devlab_store::StoreExt;

use crate::error::{Error, Result};
use crate::lab::Lab;

/// Its name.
const NAME: &str = "attest";
/// Goals looked at in one go.
const BATCH: u32 = 100;
/// Most goals looked at besides, because they failed the last time.
const FAILING_MAX: u32 = 10_000;
/// Longest rest: what failed is tried again then.
const REST_MAX: Duration = Duration::from_secs(30);

pub(super) async fn run(lab: Arc<Lab>) {
    let mut failing = 0;
    loop {
        let outcome = attest_all(&lab, &mut failing).await;
        let done = lab.note(NAME, outcome);
        let is_more = done >= u64::from(BATCH);
        if lab.stop.is_cancelled() || !is_more && !lab.rest(&lab.wakes.attest, REST_MAX).await {
            return;
        }
    }
}

/// A goal whose provenance cannot be attached does not hold up the others: those that failed the last
/// time are looked at besides.
async fn attest_all(lab: &Lab, failing: &mut u32) -> Result<u64> {
    let (own, most) = (lab.this_server().id, BATCH + (*failing).min(FAILING_MAX));
    *failing = 0;
    let owed = lab.store().read(move |view| view.unattested(own, most));
    let (mut done, mut failed) = (0, None);
    for goal in owed.await? {
        match attest(lab, goal).await {
            Ok(()) => done += 1,
            // Its repository has just begun to move.
            Err(Error::Refused(Refusal::NotHome) | Error::Elsewhere { .. }) => {}
            Err(error) => {
                *failing += 1;
                tracing::warn!(%error, %goal, "its provenance could not be attached; trying again");
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(done), Err)
}

async fn attest(lab: &Lab, goal: TaskId) -> Result<()> {
    let found = lab.store().read(move |view| {
        let task = view.task(goal)?.ok_or(Refusal::NotFound("task"))?;
        let project = task.project.ok_or(Refusal::NotFound("project"))?;
        let project = view.project(project)?;
        let project = project.ok_or(Refusal::NotFound("project"))?;
        match provenance::links(view, goal) {
            // It will never be less.
            Err(devlab_core::Error::Refused(refused @ Refusal::Limit { .. })) => {
                tracing::warn!(%goal, %refused, "it has no provenance");
                Ok((project, None))
            }
            links => Ok((project, links?)),
        }
    });
    let (project, links) = found.await?;
    let (repo, held) = lab.held_repo(&project).await?;
    let note = match links {
        Some((merge, links)) => {
            let org = project.org;
            let keys = lab.write_held(held, move |tx| provenance::keys(tx, org));
            let text = async { signed(keys.await?, links).await };
            match text.await {
                Ok(text) => Some((merge, text)),
                Err(Error::Refused(refused @ Refusal::Limit { .. })) => {
                    tracing::warn!(%goal, %refused, "it has no provenance");
                    None
                }
                Err(error) => return Err(error),
            }
        }
        None => None,
    };
    if let Some((merge, text)) = note {
        lab.fault("attest.before_note")?;
        let notes: RefName = NOTES_REF.parse()?;
        let time = lab.clock.now().as_secs();
        repo.attach(&notes, &merge, &text, time).await?;
        lab.fault("attest.after_note")?;
    }
    lab.write_held(held, move |tx| tx.delete_unattested(goal))
        .await
}

/// Signs on a thread of its own: a large goal has thousands of links.
async fn signed(keys: Vec<OrgKey>, links: Vec<Link>) -> Result<String> {
    let sign = move || Note::sign(&keys, links)?.to_text();
    let signed = tokio::task::spawn_blocking(sign).await;
    let signed = signed.unwrap_or_else(|join| {
        let kind = devlab_core::error::StorageErrorKind::Other;
        Err(devlab_core::StorageError::new(kind, join.to_string()).into())
    });
    Ok(signed?)
}

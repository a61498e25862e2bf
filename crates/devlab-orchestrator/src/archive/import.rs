//! Taking an org in beside those that are there.

use std::path::PathBuf;

use devlab_core::check::Sha256Hex;
use devlab_core::name::Name;
use devlab_core::rules::bytes::pin as pin_blob;
use devlab_core::tx::Tx;
use devlab_core::{AttemptId, OrgId, ProjectId, Refusal, Timestamp};
use devlab_store::StoreExt;
use devlab_store::dump::Loading;
use futures::future::join_all;

use super::facts::{Facts, Project};
use super::manifest::Of;
use super::read::Archive;
use super::restore::{checked, facts, load, repository};
use super::{Estate, bad, bytes};
use crate::error::{Error, Result};
use crate::{folder, place};

/// Takes the org of an archive in, under its own name or another. Ids stay; leases that still run
/// end at `lease_until`. One import at a time: the caller sees to that.
///
/// # Errors
/// [`Refusal::Conflict`] if the org or its name is here already, or the folder is another lab's;
/// [`Refusal::WrongBlobs`]; the archive is damaged, or that of a whole lab.
pub async fn import_org(
    estate: &Estate,
    archive: &Archive,
    name: Option<Name>,
    lease_until: Timestamp,
) -> Result<OrgId> {
    let Of::Org { id, .. } = archive.manifest().of else {
        return Err(bad(
            "it is that of a whole lab: `devlab restore` puts it into an empty folder",
        ));
    };
    let known = estate.store.read(move |view| view.org(id)).await?;
    if let Some(org) = known {
        return Err(Refusal::Conflict(format!(
            "{id} is in this lab already, as {}: ids are kept, so an org can be in a lab once",
            org.name
        ))
        .into());
    }
    // A lab that is stopped may have an empty folder that was another one's.
    folder::take(&estate.store, &estate.repos).await?;
    let lab = folder::id_of(&estate.store).await?;
    place::ask(&estate.store, &estate.blobs, &lab, false).await?;
    checked(archive).await?;
    let facts = facts(archive).await?;
    if facts.orgs.len() != 1 || facts.orgs.iter().any(|(org, _)| *org != id) {
        return Err(bad("its records are not those of the one org"));
    }
    let blobs: Vec<Sha256Hex> = facts.blobs.keys().cloned().collect();
    let mut made: Vec<PathBuf> = Vec::new();
    let work = async {
        for (project, of) in &facts.projects {
            made.push(free_place(estate, *project, of)?);
            repository(estate, archive, *project, of).await?;
        }
        pin(estate, &blobs).await?;
        bytes::put_all(estate, archive, &facts).await?;
        let how = Loading::Org { name, lease_until };
        load(estate, archive, &facts, how).await?;
        Ok::<_, Error>(())
    };
    if let Err(error) = Box::pin(work).await {
        settle(estate, id, &facts, &made, error).await?;
    }
    if let Err(error) = unpin(estate, blobs).await {
        // What nobody names any more is only kept for longer.
        tracing::warn!(%error, "blobs of an import stay pinned for some hours");
    }
    Ok(id)
}

/// Where a project's repository goes. Refuses to make one where there is one: no project has it, and
/// nobody knows whose it is.
fn free_place(estate: &Estate, id: ProjectId, project: &Project) -> Result<PathBuf> {
    let dir = estate.repos.join(project.org.to_string());
    let dir = dir.join(format!("{id}.git"));
    if !dir.exists() {
        return Ok(dir);
    }
    Err(Refusal::Conflict(format!(
        "{} is there already, and no project has it: an import that was cut off may have left it. \
         Move it away if nobody misses it, and import again",
        dir.display()
    ))
    .into())
}

/// What an error of an import comes to: the org is not there, and nothing of it stays; or it is
/// there all the same, because only the answer was lost.
async fn settle(
    estate: &Estate,
    org: OrgId,
    facts: &Facts,
    made: &[PathBuf],
    error: Error,
) -> Result<()> {
    let is_there = match &error {
        // Who refuses has taken back what there was.
        Error::Refused(_) => Ok(false),
        // To write waits for the end of a load whose connection was lost.
        _ => {
            let found = estate
                .store
                .write(move |tx: &mut dyn Tx| Ok(tx.org(org)?.is_some()));
            found.await
        }
    };
    match is_there {
        Ok(true) => {
            tracing::warn!(%error, %org, "an import has succeeded, though its answer was lost");
            Ok(())
        }
        Ok(false) => {
            undo(estate, facts, made).await;
            Err(error)
        }
        Err(unknown) => {
            tracing::warn!(error = %unknown, %org, "whether an import has succeeded is not known: what it made stays");
            Err(error)
        }
    }
}

/// Removes what was made for an org that did not come in.
async fn undo(estate: &Estate, facts: &Facts, made: &[PathBuf]) {
    for dir in made {
        if let Err(error) = std::fs::remove_dir_all(dir)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, dir = %dir.display(), "a repository stays behind");
        }
    }
    for some in facts.logs.chunks(LOGS_TOGETHER) {
        let removed = some.iter().map(|attempt| remove_log(estate, *attempt));
        for removed in join_all(removed).await {
            if let Err(error) = removed {
                tracing::warn!(%error, "logs of an import stay behind");
                return;
            }
        }
    }
}

/// Removes a log that nobody has.
async fn remove_log(estate: &Estate, attempt: AttemptId) -> Result<()> {
    let known = estate.store.read(move |view| view.attempt(attempt));
    if known.await?.is_none() {
        estate.store.remove_log(attempt).await?;
    }
    Ok(())
}

/// Logs that are removed at the same time.
const LOGS_TOGETHER: usize = 32;
/// Blobs that are named from one transaction to the next are pinned meanwhile.
const PINS_TOGETHER: usize = 256;

/// Keeps retention from removing what is put and not named yet.
async fn pin(estate: &Estate, blobs: &[Sha256Hex]) -> Result<()> {
    for some in blobs.chunks(PINS_TOGETHER) {
        let some = some.to_vec();
        let pinned = estate.store.write(move |tx: &mut dyn Tx| {
            some.iter()
                .try_for_each(|blob| pin_blob(tx, blob).map(drop))
        });
        pinned.await?;
    }
    Ok(())
}

/// From here on their names keep them.
async fn unpin(estate: &Estate, blobs: Vec<Sha256Hex>) -> Result<()> {
    for some in blobs.chunks(PINS_TOGETHER) {
        let some = some.to_vec();
        let unpinned = estate.store.write(move |tx: &mut dyn Tx| {
            some.iter()
                .try_for_each(|blob| tx.set_blob_mark(blob, None))
        });
        unpinned.await?;
    }
    Ok(())
}

//! Taking an org in beside those that are there.

use std::path::PathBuf;

use devlab_core::check::Sha256Hex;
use devlab_core::name::Name;
use devlab_core::rules::bytes::pin as pin_blob;
use devlab_core::tx::Tx;
use devlab_core::{OrgId, Refusal, Timestamp};
use devlab_store::StoreExt;
use devlab_store::dump::Loading;

use super::manifest::Of;
use super::read::Archive;
use super::restore::{checked, facts, load, repository};
use super::{Estate, bad, bytes};
use crate::error::{Error, Result};

/// Takes the org of an archive in, under its own name or another. Ids stay; leases that still run
/// end at `lease_until`. One import at a time: the caller sees to that.
///
/// # Errors
/// [`Refusal::Conflict`] if the org or its name is here already; the archive is damaged, or that of
/// a whole lab.
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
    checked(archive).await?;
    let facts = facts(archive).await?;
    if facts.orgs.len() != 1 || facts.orgs.iter().any(|(org, _)| *org != id) {
        return Err(bad("its records are not those of the one org"));
    }
    let mut made: Vec<PathBuf> = Vec::new();
    let work = async {
        for (project, of) in &facts.projects {
            made.push(repository(estate, archive, *project, of).await?);
        }
        let blobs: Vec<Sha256Hex> = facts.blobs.keys().cloned().collect();
        pin(estate, &blobs).await?;
        bytes::put_all(estate, archive, &facts).await?;
        let how = Loading::Org { name, lease_until };
        let loaded = load(estate, archive, &facts, how).await?;
        unpin(estate, blobs).await?;
        Ok::<_, Error>(loaded)
    };
    let done = Box::pin(work).await;
    if done.is_err() {
        for dir in made {
            if let Err(error) = std::fs::remove_dir_all(&dir) {
                // The next start removes what no project has.
                tracing::warn!(%error, dir = %dir.display(), "a repository stays behind");
            }
        }
    }
    done.map(|_| id)
}

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

//! Taking an org in beside those that are there.

use std::path::PathBuf;

use devlab_core::name::Name;
use devlab_core::{OrgId, Refusal, Timestamp};
use devlab_store::StoreExt;
use devlab_store::dump::{Loading, Scope};

use super::manifest::Of;
use super::read::Archive;
use super::restore::{checked, facts, load, repository};
use super::{Estate, bad};
use crate::error::Result;

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
        let how = Loading::Org { name, lease_until };
        load(estate, archive, how, Scope::Org(id)).await
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

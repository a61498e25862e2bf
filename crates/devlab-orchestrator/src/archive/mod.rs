//! A lab, or one org of it, as an archive: taken while the lab runs, verified, and put back.
//!
//! An archive is a set of named parts and a manifest with the SHA-256 of each; as one file it is a
//! tar of them. `docs/backup.md` describes the format. What an archive holds is one moment of the
//! lab, the view of the database in which its records are read:
//!
//! 1. the records come first, in one transaction that only reads;
//! 2. then the repositories, whose refs are written as the records say they were ([`refs`]). Git
//!    removes no object that was named then: nothing prunes a repository, and no blob is removed,
//!    while an archive is taken ([`devlab_core::rules::retention::hold`]), and a commit that no ref
//!    holds any more is put into the bundle by its id.
//!
//! *Invariant:* nothing is used before its digest was compared with the manifest's.
//! *Invariant:* a part of an archive, or an archive that was cut off, is never taken for a whole
//! one: the manifest comes last and names every part.

mod bytes;
mod copy;
mod facts;
mod import;
mod lab;
mod manifest;
mod merges;
mod read;
mod receive;
mod records;
mod refs;
mod restore;
mod take;
mod tar;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use devlab_core::limits::PAGE_MAX;
use devlab_core::org::Project;
use devlab_core::tx::Page;
use devlab_core::{Oid, OrgId, Refusal, ServerId};
use devlab_forge::{BareRepo, Git};
use devlab_store::blobs::BlobStore;
use devlab_store::{Store, StoreExt};
use tempfile::TempDir;

use crate::error::Error;
pub use crate::folder::check as check_folder;
use crate::lab::Lab;
pub use crate::place::offer as offer_place;

pub use import::import_org;
pub use lab::{Asked, Body};
pub use manifest::{FORMAT, Manifest, Of, Part};
pub use read::Archive;
pub use receive::{PieceReader, Progress, receive};
pub use restore::{Restored, Step, restore};
pub use take::{Pieces, take};
pub use verify::{Counted, Problem, Report, verify};

/// Beginning of the names of folders that are only there while an archive is taken or read.
pub(crate) const SCRATCH: &str = ".archive-";

/// Where a lab keeps what an archive is made of.
#[derive(Clone)]
pub struct Estate {
    /// State and logs.
    pub store: Arc<dyn Store>,
    /// Sealed logs and artifacts.
    pub blobs: Arc<BlobStore>,
    /// git.
    pub git: Git,
    /// Folder of the repositories.
    pub repos: PathBuf,
    /// The server whose folder that is, if the lab may have others with repositories of their own.
    pub here: Option<ServerId>,
    /// The lab that runs there, which can copy what other servers have.
    pub lab: Option<Arc<Lab>>,
}

impl Estate {
    /// A folder on the disk of the repositories, which goes when it is dropped; what a process that
    /// is killed leaves goes at the next start.
    fn scratch(&self) -> Result<TempDir, Error> {
        let beside = self.repos.parent().unwrap_or(Path::new("/"));
        tempfile::Builder::new()
            .prefix(SCRATCH)
            .tempdir_in(beside)
            .map_err(io(format!("cannot make a folder in {}", beside.display())))
    }

    /// Projects, of one org or all, whose repositories other servers have.
    async fn elsewhere(&self, org: Option<OrgId>) -> Result<Vec<(Project, ServerId)>, Error> {
        let Some(here) = self.here else {
            return Ok(Vec::new());
        };
        let found = self.store.read(move |view| {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = Page {
                    after,
                    limit: PAGE_MAX,
                };
                let projects = view.projects(org, page)?;
                let Some(last) = projects.last() else {
                    return Ok(found);
                };
                after = Some(last.id.uuid());
                for project in projects {
                    if let Some(home) = project.home.server.filter(|home| *home != here) {
                        found.push((project, home));
                    }
                }
            }
        });
        Ok(found.await?)
    }
}

/// An object that the records of a repository need and that it does not have, with who needs it.
async fn lacking(repo: &BareRepo, project: &facts::Project) -> Result<Option<String>, Error> {
    let needed: Vec<(&Oid, String)> = project
        .named
        .iter()
        .filter(|(_, need)| need.required)
        .map(|(oid, need)| (oid, need.by.to_string()))
        .collect();
    let names: Vec<String> = needed.iter().map(|(oid, _)| oid.to_string()).collect();
    let found = repo.look_up(&names).await?;
    let missing = needed.iter().zip(found).find(|(_, found)| found.is_none());
    Ok(missing.map(|((oid, by), _)| format!("{oid}, {by}")))
}

/// Something is wrong with an archive.
fn bad(problem: impl Into<String>) -> Error {
    Error::Refused(Refusal::invalid("archive", problem))
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.into();
    move |source| Error::Io { what, source }
}

/// Runs work that waits for files on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|join| Err(io("a thread ended")(std::io::Error::other(join))))
}

//! Which lab a data folder belongs to.
//!
//! The id of a lab is a setting of its store, and in a file beside the repositories of each of its
//! servers. Without it a server that starts on another store than before (`DATABASE_URL` is wrong,
//! or missing) would take the lab in there for the one whose repositories it has.
//!
//! *Invariant:* no lab is opened on the repositories of another one, whether it is to run or is looked
//! at, copied or added to while it is stopped.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use devlab_core::rules::lab_id::{LAB_ID, lab_id};
use devlab_core::tx::Tx;
use devlab_core::{ProjectId, Refusal};
use devlab_store::{Store, StoreExt};

use crate::error::{Error, Result};

/// Name of the file.
const FILE: &str = "lab-id";

/// A repository that is whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) project: ProjectId,
    pub(crate) dir: PathBuf,
}

/// Takes the folder of these repositories for the lab of a store. A folder without repositories, or
/// of a lab that is older than its file, becomes its own.
///
/// # Errors
/// [`Refusal::Conflict`] for the folder of another lab; the file cannot be read or written; storage.
pub(crate) async fn take(store: &Arc<dyn Store>, repos: &Path) -> Result<()> {
    match check(store, repos).await? {
        true => Ok(()),
        false => name(store, repos).await,
    }
}

/// Makes sure that the folder of these repositories may be used with a store, and changes nothing.
/// Returns whether it is noted that they belong together.
///
/// # Errors
/// [`Refusal::Conflict`] for the folder of another lab; the file cannot be read; storage.
pub async fn check(store: &Arc<dyn Store>, repos: &Path) -> Result<bool> {
    let kept = read(&file(repos))?;
    let stored = store.read(|view| view.setting(LAB_ID)).await?;
    if kept.is_some() && kept == stored {
        return Ok(true);
    }
    let there = whole(repos)?;
    let is_own = match &kept {
        _ if there.is_empty() => true,
        Some(_) => false,
        None => knows_one(store, &there).await?,
    };
    if !is_own {
        return Err(foreign(store, repos, kept.is_some()).await);
    }
    Ok(false)
}

/// Gives a store's lab an id, if it has none, and notes it beside the repositories.
///
/// # Errors
/// The file cannot be written; storage.
async fn name(store: &Arc<dyn Store>, repos: &Path) -> Result<()> {
    write(&file(repos), &id_of(store).await?)
}

/// Id of a store's lab, which it gets if it has none.
///
/// # Errors
/// Storage only.
pub(crate) async fn id_of(store: &Arc<dyn Store>) -> Result<String> {
    match store.read(|view| view.setting(LAB_ID)).await? {
        Some(known) => Ok(known),
        None => Ok(store.write(lab_id).await?),
    }
}

/// Gives a store's lab this id, and notes it beside the repositories.
///
/// # Errors
/// The file cannot be written; storage.
pub(crate) async fn name_as(store: &Arc<dyn Store>, repos: &Path, id: &str) -> Result<()> {
    let given = id.to_owned();
    let named = move |tx: &mut dyn Tx| tx.put_setting(LAB_ID, &given);
    store.write(named).await?;
    write(&file(repos), id)
}

/// Folders in a folder.
pub(crate) fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.push(entry.path());
            }
        }
        Ok(found)
    };
    read().map_err(|source| Error::Io {
        what: format!("cannot read {}", dir.display()),
        source,
    })
}

/// The repositories of a folder, without what is only being made.
pub(crate) fn whole(repos: &Path) -> Result<Vec<Whole>> {
    let mut found = Vec::new();
    for org in folders(repos)? {
        for dir in folders(&org)? {
            let name = dir.file_name().unwrap_or_default().to_string_lossy();
            let project = name.split('.').next().and_then(|id| id.parse().ok());
            if let Some(project) = project {
                found.push(Whole { project, dir });
            }
        }
    }
    Ok(found)
}

fn file(repos: &Path) -> PathBuf {
    repos.parent().unwrap_or(repos).join(FILE)
}

async fn knows_one(store: &Arc<dyn Store>, there: &[Whole]) -> Result<bool> {
    for Whole { project, .. } in there {
        let id = *project;
        if store.read(move |view| view.project(id)).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The words for a folder of another lab.
async fn foreign(store: &Arc<dyn Store>, repos: &Path, is_named: bool) -> Error {
    let described = store.describe().await.unwrap_or_default();
    let place = described.into_iter().find(|(key, _)| key == "path");
    let place = place.map_or_else(|| "this database".to_owned(), |(_, place)| place);
    let (repos, file) = (repos.display(), file(repos));
    let otherwise = match is_named {
        true => format!(
            "if {place} is this lab's own and was put back by other means, remove {}",
            file.display()
        ),
        false => format!("to begin a new lab here, move {repos} away"),
    };
    let text = format!(
        "the repositories in {repos} do not belong to the lab in {place}: is DATABASE_URL what it \
         was when this data folder was last used, or missing now? `devlab restore` is the way to \
         move a lab to another database; {otherwise}"
    );
    Refusal::Conflict(text).into()
}

fn read(file: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io {
            what: format!("cannot read {}", file.display()),
            source,
        }),
    }
}

/// Writes the file, whole or not at all.
fn write(file: &Path, id: &str) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let write = || -> std::io::Result<()> {
        let mut fresh = tempfile::Builder::new()
            .prefix(".lab-id-")
            .tempfile_in(folder)?;
        writeln!(fresh, "{id}")?;
        fresh.as_file().sync_all()?;
        fresh.persist(file)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|source| Error::Io {
        what: format!("cannot write {}", file.display()),
        source,
    })
}

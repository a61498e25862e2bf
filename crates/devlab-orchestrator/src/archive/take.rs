//! Taking an archive, while the lab runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use devlab_core::rules::retention;
use devlab_core::{Oid, ProjectId, Timestamp};
use devlab_forge::BareRepo;
use devlab_store::StoreExt;
use devlab_store::dump::{self, Scope};
use tokio::sync::mpsc;

use super::copy::{Elsewhere, Wanted};
use super::facts::{Facts, Project};
use super::manifest::{FORMAT, MANIFEST, Manifest, Of, Part, bundle_name};
use super::records::{Hashing, Writer};
use super::{Estate, bad, blocking, io, lacking, refs, tar};
use crate::error::{Error, Result};

/// Pieces that wait to be sent.
const PIECES_WAITING_MAX: usize = 8;

/// The bytes of an archive as one file, as they are made. An error is the last one: what came
/// before is then no archive.
pub type Pieces = mpsc::Receiver<std::io::Result<Bytes>>;

/// Takes an archive. The work is done by the returned future; its pieces come while it is polled.
/// Dropping the pieces ends it.
pub fn take(
    estate: Estate,
    scope: Scope,
    now: Timestamp,
) -> (Pieces, impl Future<Output = Result<Manifest>> + Send) {
    let (to, pieces) = mpsc::channel(PIECES_WAITING_MAX);
    let work = async move {
        let gone = to.clone();
        let sender = tar::Sender::new(to);
        let taken = tokio::select! {
            biased;
            taken = holding(&estate, send(&estate, scope, now, &sender)) => taken,
            // A copy or a bundle of a large repository sends nothing for a while.
            () = gone.closed() => Err(bad("whoever asked for it has gone")),
        };
        if let Err(error) = &taken {
            sender.fail(error).await;
        }
        taken
    };
    (pieces, work)
}

/// Does work while nothing is removed that the records named when it began.
async fn holding<T>(estate: &Estate, work: impl Future<Output = Result<T>>) -> Result<T> {
    estate.store.write(|tx| retention::hold(tx)).await?;
    let renew = async {
        loop {
            tokio::time::sleep(retention::HOLD_TERM / 4).await;
            if let Err(error) = estate.store.write(|tx| retention::hold(tx)).await {
                return error;
            }
        }
    };
    tokio::select! {
        done = Box::pin(work) => done,
        // Without it the archive may miss something.
        error = renew => Err(error.into()),
    }
}

async fn send(estate: &Estate, scope: Scope, now: Timestamp, to: &tar::Sender) -> Result<Manifest> {
    let scratch = estate.scratch()?;
    drop(Elsewhere::of(estate, scope).await?);
    let (mut parts, facts) = records(estate, scope, scratch.path()).await?;
    // Again: what has moved before the records were read is where it is now, and what moves after
    // that takes all that they name along.
    let elsewhere = Elsewhere::of(estate, scope).await?;
    for part in &parts {
        let file = scratch.path().join(part.name.trim_start_matches("db/"));
        to.file(part, &file).await?;
        remove(&file).await?;
    }
    for (id, project) in &facts.projects {
        let (repo, copied) = match elsewhere
            .copy(*id, project, scratch.path(), Wanted::Whole)
            .await?
        {
            Some(copy) => (copy.repo.clone(), Some(copy)),
            None => (repo_of(estate, *id, project).await?, None),
        };
        let made = bundle(&repo, *id, project, &facts, scratch.path()).await?;
        if let Some(copy) = copied {
            copy.remove().await?;
        }
        if let Some(part) = made {
            let file = bundle_file(scratch.path(), *id);
            to.file(&part, &file).await?;
            remove(&file).await?;
            parts.push(part);
        }
    }
    for (blob, by) in &facts.blobs {
        let file = scratch.path().join("blob");
        let part = super::bytes::write(estate, blob, by, &file).await?;
        to.file(&part, &file).await?;
        remove(&file).await?;
        parts.push(part);
    }
    let manifest = Manifest {
        format: FORMAT,
        records: dump::FORMAT,
        devlab: env!("CARGO_PKG_VERSION").to_owned(),
        of: of(scope, &facts)?,
        taken_at: now,
        parts,
    };
    to.bytes(MANIFEST, manifest.to_file()?).await?;
    to.end().await?;
    Ok(manifest)
}

fn of(scope: Scope, facts: &Facts) -> Result<Of> {
    match scope {
        Scope::Lab => Ok(Of::Lab),
        Scope::Org(id) => {
            let org = facts.orgs.iter().find(|(known, _)| *known == id);
            let (_, name) = org.ok_or(devlab_core::Refusal::NotFound("org"))?;
            let name = name.clone();
            Ok(Of::Org { id, name })
        }
    }
}

/// Writes the records to files of a folder, and keeps what they say of repositories.
async fn records(estate: &Estate, scope: Scope, dir: &Path) -> Result<(Vec<Part>, Facts)> {
    let made = Arc::new(Mutex::new((Writer::new(dir), Facts::default())));
    let into = Arc::clone(&made);
    let sink = move |record: dump::Record<'_>| {
        let mut made = into.lock().unwrap_or_else(PoisonError::into_inner);
        let (writer, facts) = &mut *made;
        writer.write(record.kind, record.line)?;
        Ok(facts.add(record.kind, record.line)?)
    };
    estate.store.dump(scope, Box::new(sink)).await?;
    let made = Arc::into_inner(made).ok_or_else(|| bad("its records are still being written"))?;
    let (writer, facts) = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    let parts = writer
        .finish()
        .map_err(io("the records cannot be written"))?;
    Ok((parts, facts))
}

fn bundle_file(dir: &Path, project: ProjectId) -> PathBuf {
    dir.join(format!("{project}.bundle"))
}

/// Writes a project's repository to a file, as it was when the records were read; `None` for one
/// that is empty. Refuses one that lacks what its records need: nobody could restore it.
async fn bundle(
    repo: &BareRepo,
    id: ProjectId,
    project: &Project,
    facts: &Facts,
    dir: &Path,
) -> Result<Option<Part>> {
    let then = refs::refs_then(project, &facts.tasks, repo.all_refs().await?);
    if let Some(missing) = lacking(repo, project).await? {
        return Err(damaged(id, project, &format!("it lacks {missing}")));
    }
    if then.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = project.named.keys().map(ToString::to_string).collect();
    let found = repo.look_up(&names).await?;
    let mut there: Vec<Oid> = found
        .into_iter()
        .flatten()
        .filter(|object| object.kind == "commit")
        .map(|object| object.oid)
        .collect();
    there.sort();
    let file = bundle_file(dir, id);
    let written = repo.write_bundle(&then, &there, &file).await;
    written.map_err(|error| damaged(id, project, &error.to_string()))?;
    let name = bundle_name(project.org, id);
    blocking(move || {
        let what = format!("cannot read {}", file.display());
        let read = || -> std::io::Result<Part> {
            let mut from = Hashing::new(std::fs::File::open(&file)?);
            std::io::copy(&mut from, &mut std::io::sink())?;
            Ok(from.finish(name, None).1)
        };
        read().map(Some).map_err(io(what))
    })
    .await
}

pub(super) async fn repo_of(estate: &Estate, id: ProjectId, project: &Project) -> Result<BareRepo> {
    let dir = estate
        .repos
        .join(project.org.to_string())
        .join(format!("{id}.git"));
    Ok(BareRepo::open(&estate.git, &dir).await?)
}

fn damaged(id: ProjectId, project: &Project, how: &str) -> Error {
    Error::Refused(devlab_core::Refusal::Conflict(format!(
        "the repository of {} ({id}) cannot be read whole: {how}; `devlab verify` on its server \
         says what is missing",
        project.name
    )))
}

async fn remove(file: &Path) -> Result<()> {
    let removed = tokio::fs::remove_file(file).await;
    removed.map_err(io(format!("cannot remove {}", file.display())))
}

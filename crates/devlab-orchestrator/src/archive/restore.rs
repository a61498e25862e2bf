//! Putting a lab's archive into an estate that is empty.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use devlab_core::{Oid, ProjectId, RefName};
use devlab_forge::BareRepo;
use devlab_store::dump::{self, Counts, Loading, Scope, Source};

use super::facts::{Facts, Project};
use super::manifest::{Manifest, Of, bundle_name, records_name};
use super::read::Archive;
use super::records::new_file;
use super::verify::{Report, verify};
use super::{Estate, SCRATCH, bad, blocking, bytes, io, lacking};
use crate::error::Result;
use crate::folder;

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the archive said of itself.
    pub manifest: Manifest,
    /// How many records of each kind.
    pub records: Counts,
    /// What a look at the restored lab has found, or why nobody could look.
    pub report: Result<Report>,
}

/// What a restore is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Comparing every part with the manifest.
    Checking,
    /// Making the repository of the project of this name.
    Repository(&'a str),
    /// Putting sealed logs and artifacts where they belong.
    Blobs,
    /// Putting the records into the store.
    Records,
    /// Looking at what was restored.
    Looking,
}

/// Restores a whole lab, which gets the id `lab`: it is another one than the one that was there, and
/// than the one that the archive is of. The folder of the repositories is made; the store has to be empty, unless
/// it is to be replaced. Everything is verified before it is used, and looked at again afterwards.
/// `say` is told what is being done, and may end it: from [`Step::Records`] on the store may have
/// been changed.
///
/// # Errors
/// The archive is damaged or another kind's; the store is not empty; something cannot be written;
/// those of `say`.
pub async fn restore(
    estate: &Estate,
    archive: &Archive,
    lab: &str,
    replace: bool,
    say: &(dyn Fn(Step<'_>) -> Result<()> + Send + Sync),
) -> Result<Restored> {
    if let Of::Org { name, .. } = &archive.manifest().of {
        return Err(bad(format!(
            "it is that of the org {name}: `devlab org import` puts it beside other orgs"
        )));
    }
    say(Step::Checking)?;
    checked(archive).await?;
    let facts = facts(archive).await?;
    std::fs::create_dir_all(&estate.repos)
        .map_err(io(format!("cannot make {}", estate.repos.display())))?;
    for (id, project) in &facts.projects {
        say(Step::Repository(&project.name))?;
        repository(estate, archive, *id, project).await?;
    }
    say(Step::Blobs)?;
    bytes::put_all(estate, archive, &facts).await?;
    say(Step::Records)?;
    let how = Loading::Lab { replace };
    let records = load(estate, archive, &facts, how).await?;
    folder::name_as(&estate.store, &estate.repos, lab).await?;
    say(Step::Looking)?;
    let report = Box::pin(verify(estate)).await;
    Ok(Restored {
        manifest: archive.manifest().clone(),
        records,
        report,
    })
}

/// Compares every part of an archive with its manifest.
pub(super) async fn checked(archive: &Archive) -> Result<()> {
    let archive = archive.clone();
    blocking(move || archive.check(&mut |_, _| ())).await
}

/// What the records of an archive say of repositories. Their numbers are those of its manifest.
pub(super) async fn facts(archive: &Archive) -> Result<Facts> {
    let (archive, mut records) = (archive.clone(), archive.records());
    blocking(move || {
        let mut facts = Facts::default();
        for kind in dump::kinds_of(Scope::Lab) {
            let (mut line, mut count) = (String::new(), 0);
            while records
                .next(kind, &mut line)
                .map_err(|error| bad(format!("{}: {error}", records_name(kind))))?
            {
                let added = match kind {
                    dump::LOGS => facts.add_log(&line),
                    kind => facts.add(kind, &line),
                };
                added.map_err(|error| bad(format!("{}: {error}", records_name(kind))))?;
                line.clear();
                count += 1;
            }
            counted(&archive, kind, count)?;
        }
        match facts.dangling.first() {
            Some(wrong) => Err(bad(format!("its records do not fit together: {wrong}"))),
            None => Ok(facts),
        }
    })
    .await
}

/// Refuses records whose number is not what the manifest says.
fn counted(archive: &Archive, kind: &'static str, count: u64) -> Result<()> {
    let name = records_name(kind);
    let part = archive.manifest().part(&name);
    let said = part.and_then(|part| part.records).unwrap_or(0);
    match count == said {
        true => Ok(()),
        false => Err(bad(format!(
            "{name} has {count} records, and its manifest says {said}"
        ))),
    }
}

/// Puts the records of an archive, and the logs, into a store.
pub(super) async fn load(
    estate: &Estate,
    archive: &Archive,
    facts: &Facts,
    how: Loading,
) -> Result<Counts> {
    let logs = load_logs(estate, archive, facts);
    let records = Box::new(archive.records());
    let (logs, mut counts) = match how {
        // An org is there with all it has, or not at all.
        Loading::Org { .. } => (logs.await?, estate.store.load(how, records).await?),
        // To replace a lab removes its logs too.
        Loading::Lab { .. } => {
            let counts = estate.store.load(how, records).await?;
            (logs.await?, counts)
        }
    };
    counts.push((dump::LOGS, logs));
    Ok(counts)
}

async fn load_logs(estate: &Estate, archive: &Archive, facts: &Facts) -> Result<u64> {
    bytes::begin_logs(estate, facts).await?;
    let (store, mut logs) = (Arc::clone(&estate.store), archive.records());
    let runtime = tokio::runtime::Handle::current();
    blocking(move || Ok(runtime.block_on(dump::load_logs(store.as_ref(), &mut logs))?)).await
}

/// Makes a project's repository, whole or not at all.
pub(super) async fn repository(
    estate: &Estate,
    archive: &Archive,
    id: ProjectId,
    project: &Project,
) -> Result<PathBuf> {
    let dir = estate.repos.join(project.org.to_string());
    std::fs::create_dir_all(&dir).map_err(io(format!("cannot make {}", dir.display())))?;
    let scratch = tempfile::Builder::new()
        .prefix(SCRATCH)
        .tempdir_in(&dir)
        .map_err(io(format!("cannot make a folder in {}", dir.display())))?;
    let name = bundle_name(project.org, id);
    let bundle = extract(archive, &name, scratch.path()).await?;
    let dir = dir.join(format!("{id}.git"));
    let branch = &project.default_branch;
    let made = BareRepo::from_bundle(&estate.git, bundle.as_deref(), &dir, branch).await;
    let made = made.map_err(|error| bad(format!("{name}: {error}")))?;
    let missing = lacking(&made, project).await?;
    match missing {
        Some(what) => Err(bad(format!("{name} lacks {what}"))),
        None => Ok(dir),
    }
}

/// A part as a file, for git.
async fn extract(archive: &Archive, name: &str, scratch: &Path) -> Result<Option<PathBuf>> {
    let (archive, name, to) = (archive.clone(), name.to_owned(), scratch.join("bundle"));
    blocking(move || {
        let cannot = io(format!("cannot write {}", to.display()));
        let copy = || -> std::io::Result<Option<PathBuf>> {
            let Some(mut part) = archive.open_part(&name)? else {
                return Ok(None);
            };
            let mut file = new_file(&to)?;
            std::io::copy(&mut part, &mut file)?;
            Ok(Some(to))
        };
        copy().map_err(cannot)
    })
    .await
}

/// Where a repository says its branches are.
pub(super) fn head_of(refs: &[(RefName, Oid)], name: &RefName) -> Option<Oid> {
    let place = refs.binary_search_by(|(known, _)| known.cmp(name)).ok()?;
    Some(refs[place].1.clone())
}

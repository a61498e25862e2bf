//! Repositories that other servers have, copied for an archive or to be looked at.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use devlab_core::server::Server;
use devlab_core::{Oid, ProjectId, Refusal, ServerId};
use devlab_forge::BareRepo;
use devlab_store::dump::Scope;

use super::facts::Project;
use super::{Estate, io};
use crate::error::{Error, Result};
use crate::lab::Lab;
use crate::source::Source;

/// Commits that are asked for one by one, after a call for all of them has failed.
const ALONE_MAX: usize = 100;

/// The homes, other than this server, of what is copied.
pub(super) struct Elsewhere {
    homes: HashMap<ProjectId, Server>,
    /// `None` if there are none.
    lab: Option<Arc<Lab>>,
}

/// What a copy has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All that the records need.
    Whole,
    /// What its home has of that: what is missing is looked for later.
    Whatever,
}

/// A copy of a repository.
pub(super) struct Copied {
    pub(super) repo: BareRepo,
    dir: PathBuf,
}

impl Elsewhere {
    /// Looks for the homes of all that an archive is about, before anything of it is made.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] with the project and the server if one of them is not there, or no lab
    /// runs here that could ask it.
    pub(super) async fn of(estate: &Estate, scope: Scope) -> Result<Self> {
        let org = match scope {
            Scope::Lab => None,
            Scope::Org(org) => Some(org),
        };
        let mut homes = HashMap::new();
        for (project, home) in estate.elsewhere(org).await? {
            let name = &project.name;
            let Some(lab) = &estate.lab else {
                return Err(Refusal::Conflict(format!(
                    "the repository of {name} is on the disk of another server, {home}: start the \
                     server of this folder, which then copies it"
                ))
                .into());
            };
            let Some(server) = lab.peer(home).await? else {
                return Err(Refusal::Conflict(format!(
                    "the repository of {name} is on the disk of another server, {home}, which is \
                     not there: start it again, or take what another server has of it with `devlab \
                     project move {name} --to SERVER --lost`"
                ))
                .into());
            };
            homes.insert(project.id, server);
        }
        let lab = estate.lab.clone().filter(|_| !homes.is_empty());
        Ok(Self { homes, lab })
    }

    /// Looks for the homes of all that other servers have, and says where those are that are not
    /// there. None is found unless the lab runs here.
    pub(super) async fn there(estate: &Estate) -> Result<(Self, HashMap<ProjectId, ServerId>)> {
        let (mut homes, mut away) = (HashMap::new(), HashMap::new());
        for (project, home) in estate.elsewhere(None).await? {
            let server = match &estate.lab {
                Some(lab) => lab.peer(home).await?,
                None => None,
            };
            match server {
                Some(server) => drop(homes.insert(project.id, server)),
                None => drop(away.insert(project.id, home)),
            }
        }
        let lab = estate.lab.clone();
        Ok((Self { homes, lab }, away))
    }

    /// Whether another server has it, which is there.
    pub(super) fn has(&self, id: ProjectId) -> bool {
        self.homes.contains_key(&id)
    }

    /// Copies a repository into a folder; `None` for one that is here.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] with the project and the server if it does not give it whole.
    pub(super) async fn copy(
        &self,
        id: ProjectId,
        project: &Project,
        scratch: &Path,
        wanted: Wanted,
    ) -> Result<Option<Copied>> {
        let (Some(home), Some(lab)) = (self.homes.get(&id), &self.lab) else {
            return Ok(None);
        };
        let why = format!("a copy of {} to read it whole", project.name);
        let source = lab.source_at(home, project.org, &project.name, &why);
        let source = source.await?;
        let dir = scratch.join(format!("{id}.git"));
        let copied = fetched(lab, project, &source, &dir, wanted).await;
        source.leave().await;
        match copied {
            Ok(repo) => Ok(Some(Copied { repo, dir })),
            Err(Error::Git(error)) => Err(Refusal::Conflict(format!(
                "the repository of {} ({id}) cannot be copied from its server, {} ({}): {error}; \
                 see that the server is well, and repeat this",
                project.name, home.name, home.url
            ))
            .into()),
            Err(error) => Err(error),
        }
    }
}

impl Copied {
    /// Its room is for the next one.
    pub(super) async fn remove(self) -> Result<()> {
        let removed = tokio::fs::remove_dir_all(&self.dir).await;
        removed.map_err(io(format!("cannot remove {}", self.dir.display())))
    }
}

/// Everything that its refs hold, and what else the records need of it. Commits that were given up
/// and that no ref holds are left to their home, which may let go of them at any time.
async fn fetched(
    lab: &Lab,
    project: &Project,
    source: &Source,
    dir: &Path,
    wanted: Wanted,
) -> Result<BareRepo> {
    let repo = BareRepo::init(&lab.git, dir, &project.default_branch).await?;
    repo.mirror(&source.remote).await?;
    let needed = project.named.iter().filter(|(_, need)| need.required);
    let mut needed: Vec<&Oid> = needed.map(|(oid, _)| oid).collect();
    needed.sort();
    // By a process that ends: one that goes on reading would keep the copy's room.
    let names: Vec<String> = needed.iter().map(ToString::to_string).collect();
    let found = needed.into_iter().zip(repo.look_up(&names).await?);
    let missing = found.filter(|(_, found)| found.is_none());
    let missing: Vec<Oid> = missing.map(|(oid, _)| oid.clone()).collect();
    match repo.fetch_commits(&source.remote, &missing).await {
        Err(_) if wanted == Wanted::Whatever => {
            // One that is not there keeps back all of one call.
            for one in missing.iter().take(ALONE_MAX) {
                let got = repo.fetch_commits(&source.remote, std::slice::from_ref(one));
                if let Err(error) = got.await {
                    tracing::debug!(%error, commit = %one, "its home does not give a commit");
                }
            }
        }
        got => got?,
    }
    Ok(repo)
}

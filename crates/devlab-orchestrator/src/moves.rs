//! A repository moves to this server.
//!
//! 1. It is copied while work goes on.
//! 2. From then on nobody changes it: its home refuses pushes and its trains rest.
//! 3. What came in between is copied.
//! 4. Every commit that the store names is looked for in the copy.
//! 5. One transaction makes this server its home, under a new epoch. What the old home still does
//!    on its own disk changes nothing any more.
//!
//! If this stops half-way, the repository stays where it was.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use devlab_core::org::Project;
use devlab_core::rules::{review, servers, train};
use devlab_core::state::TaskKind;
use devlab_core::tx::{Page, Read, TaskFilter, Tx};
use devlab_core::{Oid, ProjectId, RefName, Refusal, ServerId, TaskId};
use devlab_forge::BareRepo;
use devlab_forge::refs::RefUpdate;
use devlab_store::StoreExt;

use crate::error::{Error, Result};
use crate::lab::Lab;
use crate::source::Source;

/// Tasks whose commits are looked for at a time.
const TASKS_PAGE: u32 = 500;
/// Most missing commits that a refusal names.
const NAMED_MAX: usize = 5;
/// Trains that are looked at for candidates to build again.
const TRAINS_MAX: u32 = 10_000;

/// A move to this server.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    /// The project.
    pub project: ProjectId,
    /// Its home is gone for good: what this server has of the repository has to do.
    pub is_lost: bool,
}

impl Lab {
    /// Which server a name or an id means.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is none, several, or takes no repositories.
    pub async fn server_named(&self, given: &str) -> Result<ServerId> {
        let (servers, now) = self.servers().await?;
        let (id, own) = (given.parse::<ServerId>().ok(), self.this_server().id);
        let named = servers.into_iter().map(|(server, _)| server);
        let named: Vec<_> = named
            .filter(|server| match id {
                Some(id) => server.id == id,
                None => server.name == given && (server.id == own || server.is_there(now)),
            })
            .collect();
        let problem = match named.as_slice() {
            [] => "no server of that name is there",
            [one] if !one.roles.has(devlab_core::server::ServerRole::Git) => {
                "that server does not have the role git"
            }
            [one] => return Ok(one.id),
            [..] => "several servers have that name: give an id",
        };
        Err(Refusal::invalid("to", problem).into())
    }

    /// Copies a repository here and lets nobody change it any more. The rest is [`arrive`] in the
    /// transaction that audits it; until that is over, [`Arriving`] is held.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if its home does not answer, or commits that the store names are
    /// missing here: the repository stays where it was.
    pub async fn move_here(self: &Arc<Self>, wanted: &Move) -> Result<Arriving> {
        let id = wanted.project;
        let mut arriving = Arriving::begin(self, id)?;
        let found = self.store().read(move |view| view.project(id)).await?;
        let project = found.ok_or(Refusal::NotFound("project"))?;
        if project.home.server == Some(self.this_server().id) {
            let text = "the repository is there already".to_owned();
            return Err(Refusal::Conflict(text).into());
        }
        let why = format!("a move of {} to another server", project.name);
        let source = self.source_of(&project, &why).await?;
        if wanted.is_lost && source.is_some() {
            let text = "its home is there: move it without saying that it is lost";
            return Err(Refusal::Conflict(text.to_owned()).into());
        }
        let copied = self
            .copy_and_begin(wanted, &project, source.as_ref(), &mut arriving)
            .await;
        if let Some(source) = source {
            source.leave().await;
        }
        match copied {
            Ok(()) => Ok(arriving),
            Err(error) => {
                arriving.call_off().await;
                Err(error)
            }
        }
    }

    async fn copy_and_begin(
        &self,
        wanted: &Move,
        project: &Project,
        source: Option<&Source>,
        arriving: &mut Arriving,
    ) -> Result<()> {
        let (id, own) = (project.id, self.this_server().id);
        let dir = self.repo_dir(project.org, id);
        let repo = match BareRepo::open(&self.git, &dir).await {
            Ok(repo) => repo,
            Err(_) => BareRepo::init(&self.git, &dir, &project.default_branch).await?,
        };
        copy(&repo, source, wanted.is_lost).await?;
        // Nothing has been stopped yet, however long this takes.
        self.expect_whole(&repo, project).await?;
        self.fault("move.after_copy")?;
        let begun = move |tx: &mut dyn Tx| servers::begin_move(tx, id, own);
        arriving.epoch = Some(self.store().write(begun).await?);
        self.fault("move.after_begin")?;
        copy(&repo, source, wanted.is_lost).await?;
        repo.set_head(&project.default_branch).await?;
        self.expect_whole(&repo, project).await?;
        self.fault("move.before_finish")
    }

    /// Refuses a copy without a commit that the store names, and brings branches to where the store
    /// has them.
    async fn expect_whole(&self, repo: &BareRepo, project: &Project) -> Result<()> {
        let mut missing = Vec::new();
        let mut after = None;
        let refs: HashMap<RefName, Oid> = repo.all_refs().await?.into_iter().collect();
        loop {
            let page = Page {
                after,
                limit: TASKS_PAGE,
            };
            let (id, branch) = (project.id, project.default_branch.clone());
            let named = self
                .store()
                .read(move |view| Named::read(view, id, &branch, page));
            let named = named.await?;
            missing.extend(repo.missing_objects(&named.commits).await?);
            if missing.is_empty() {
                for (branch, head) in &named.heads {
                    bring(repo, branch, refs.get(branch), head).await?;
                }
            }
            match named.last {
                Some(last) if missing.len() < NAMED_MAX => after = Some(last.uuid()),
                Some(_) | None => break,
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        missing.truncate(NAMED_MAX);
        let missing: Vec<_> = missing.iter().map(Oid::short).collect();
        Err(Refusal::Conflict(format!(
            "what this server has of the repository lacks commits that the lab has accepted ({}): \
             start its home again, or restore a backup",
            missing.join(", ")
        ))
        .into())
    }
}

/// A repository on its way here. No other move of it to this server begins meanwhile.
#[derive(Debug)]
pub struct Arriving {
    lab: Arc<Lab>,
    project: ProjectId,
    /// Once it has left its home.
    epoch: Option<u64>,
}

impl Arriving {
    fn begin(lab: &Arc<Lab>, project: ProjectId) -> Result<Self> {
        let mut all = lab
            .place
            .arriving
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !all.insert(project) {
            let text = "the repository is on its way to this server already".to_owned();
            return Err(Refusal::Conflict(text).into());
        }
        Ok(Self {
            lab: Arc::clone(lab),
            project,
            epoch: None,
        })
    }

    /// The epoch of the move.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch.unwrap_or_default()
    }

    /// The move does not come about, unless it has already.
    pub async fn call_off(self) {
        let (id, Some(epoch)) = (self.project, self.epoch) else {
            return;
        };
        let cancel = move |tx: &mut dyn Tx| servers::cancel_move(tx, id, Some(epoch));
        if let Err(error) = self.lab.store().write(cancel).await {
            tracing::error!(%error, project = %id, "a move that failed is not called off");
        }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let mut all = self
            .lab
            .place
            .arriving
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.remove(&self.project);
    }
}

/// Makes this server the home of a repository that has come to it.
///
/// # Errors
/// [`Refusal::NotHome`] if the move was called off meanwhile.
pub fn arrive(
    tx: &mut dyn Tx,
    wanted: &Move,
    own: ServerId,
    epoch: u64,
) -> devlab_core::Result<Project> {
    let project = servers::finish_move(tx, wanted.project, own, epoch)?;
    if wanted.is_lost {
        // What came is older than what the store knows.
        for target in tx.trains(own, TRAINS_MAX)? {
            if target.project == project.id {
                train::rebuild(tx, &target)?;
            }
        }
        review::tell_again(tx, project.id)?;
        // So may be the provenance that came with it.
        tx.put_all_unattested(project.id)?;
    }
    Ok(project)
}

/// Brings a copy up to date with the home.
async fn copy(repo: &BareRepo, source: Option<&Source>, is_lost: bool) -> Result<()> {
    let fetched = match source {
        Some(source) => repo.mirror(&source.remote).await.map_err(Error::from),
        None => Err(Refusal::Conflict("its home is not there".to_owned()).into()),
    };
    match fetched {
        Err(error) if is_lost => {
            tracing::warn!(%error, "the home is taken for lost: its copy here has to do");
            Ok(())
        }
        Err(error) => {
            tracing::warn!(%error, "the home of a repository cannot be copied from");
            let text = "its home does not answer: start it again and repeat this, or say that it is \
                        lost if it will not come back";
            Err(Refusal::Conflict(text.to_owned()).into())
        }
        Ok(()) => Ok(()),
    }
}

/// What a page of a project's tasks needs of its repository.
struct Named {
    commits: Vec<Oid>,
    /// Branches, and where they are.
    heads: Vec<(RefName, Oid)>,
    last: Option<TaskId>,
}

impl Named {
    fn read<R: Read + ?Sized>(
        view: &mut R,
        project: ProjectId,
        default: &RefName,
        page: Page,
    ) -> devlab_core::Result<Self> {
        let filter = TaskFilter {
            project: Some(project),
            archived: true,
            ..TaskFilter::default()
        };
        let tasks = view.tasks(&filter, page)?;
        // Of one page: where a branch was is read once.
        let mut branches: Vec<_> = match page.after {
            None => vec![default.clone()],
            Some(_) => Vec::new(),
        };
        let mut commits = Vec::new();
        for task in &tasks {
            commits.extend(task.published.clone());
            if task.kind == TaskKind::Composite {
                branches.push(RefName::of_composite(task.id));
            }
            // Of what has ended, only what landed has to be there.
            if !task.state.is_end() {
                let own = [&task.head, &task.prior, &task.merges];
                commits.extend(own.into_iter().flatten().cloned());
            }
        }
        let mut heads = Vec::new();
        for branch in branches {
            if let Some(head) = view.branch_head(project, &branch)? {
                commits.push(head.clone());
                heads.push((branch, head));
            }
        }
        commits.sort_unstable();
        commits.dedup();
        Ok(Self {
            commits,
            heads,
            last: tasks.last().map(|task| task.id),
        })
    }
}

/// Brings a branch to where the store has it, unless it is there or further.
async fn bring(repo: &BareRepo, branch: &RefName, actual: Option<&Oid>, head: &Oid) -> Result<()> {
    if let Some(actual) = actual
        && (actual == head || repo.is_ancestor(head, actual).await?)
    {
        return Ok(());
    }
    let moved = RefUpdate {
        name: branch.clone(),
        old: actual.cloned(),
        new: Some(head.clone()),
    };
    Ok(repo.update_refs(&[moved]).await?)
}

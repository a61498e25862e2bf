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

use std::sync::Arc;

use devlab_core::auth::Role;
use devlab_core::org::Project;
use devlab_core::rules::servers;
use devlab_core::task::Task;
use devlab_core::tx::{Page, Read, TaskFilter, Tx};
use devlab_core::{Oid, ProjectId, RefName, Refusal, ServerId};
use devlab_forge::BareRepo;
use devlab_forge::transfer::{Credential, Remote};
use devlab_store::StoreExt;

use crate::error::{Error, Result};
use crate::lab::Lab;
use crate::secrets::Secret;
use crate::tokens;

/// How long the token is good with which the copy is fetched.
const TOKEN_TTL: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Tasks whose commits are looked for at a time.
const TASKS_PAGE: u32 = 500;
/// Most missing commits that a refusal names.
const NAMED_MAX: usize = 5;

/// A move to this server.
#[derive(Debug, Clone)]
pub struct Move {
    /// The project.
    pub project: Project,
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

    /// Copies a repository here and lets nobody change it any more. The rest is
    /// [`servers::finish_move`] with the epoch that is returned, in the transaction that audits it.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if its home does not answer, or commits that the store names are
    /// missing here: the repository stays where it was.
    pub async fn move_here(&self, wanted: &Move) -> Result<u64> {
        let (id, own) = (wanted.project.id, self.this_server().id);
        let source = Source::of(self, &wanted.project).await?;
        let copied = self.copy_and_begin(wanted, source.as_ref()).await;
        if let Some(source) = source {
            self.revoke(source.token).await;
        }
        if copied.is_err() {
            let cancelled = self
                .store()
                .write(move |tx: &mut dyn Tx| servers::cancel_move(tx, id, own));
            if let Err(error) = cancelled.await {
                tracing::error!(%error, project = %id, "a move that failed is not called off");
            }
        }
        copied
    }

    async fn copy_and_begin(&self, wanted: &Move, source: Option<&Source>) -> Result<u64> {
        let project = &wanted.project;
        let (id, own) = (project.id, self.this_server().id);
        let dir = self.repo_dir(project.org, id);
        let repo = match BareRepo::open(&self.git, &dir).await {
            Ok(repo) => repo,
            Err(_) => BareRepo::init(&self.git, &dir, &project.default_branch).await?,
        };
        copy(&repo, source, wanted.is_lost).await?;
        self.fault("move.after_copy")?;
        let epoch = self
            .store()
            .write(move |tx: &mut dyn Tx| servers::begin_move(tx, id, own));
        let epoch = epoch.await?;
        self.fault("move.after_begin")?;
        copy(&repo, source, wanted.is_lost).await?;
        repo.set_head(&project.default_branch).await?;
        self.expect_whole(&repo, project).await?;
        self.fault("move.before_finish")?;
        Ok(epoch)
    }

    /// Refuses a copy without a commit that the store names.
    async fn expect_whole(&self, repo: &BareRepo, project: &Project) -> Result<()> {
        let mut missing = Vec::new();
        let mut after = None;
        loop {
            let page = Page {
                after,
                limit: TASKS_PAGE,
            };
            let (id, branch) = (project.id, project.default_branch.clone());
            let named = self
                .store()
                .read(move |view| named(view, id, &branch, page));
            let (tasks, commits) = named.await?;
            missing.extend(repo.missing_objects(&commits).await?);
            match tasks.last() {
                Some(last) if missing.len() < NAMED_MAX => after = Some(last.id.uuid()),
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

    async fn revoke(&self, secret: Secret) {
        let revoked = self.store().write(move |tx: &mut dyn Tx| {
            let Some(mut token) = tx.token_by_hash(&secret.hash())? else {
                return Ok(());
            };
            token.revoked_at = Some(tx.now());
            tx.put_token(&token)?;
            tx.effect(devlab_core::tx::Effect::Tokens);
            Ok(())
        });
        if let Err(error) = revoked.await {
            tracing::warn!(%error, "a token for a move stays valid until it ends");
        }
    }

    /// Ends a move whose transaction did not happen.
    pub async fn call_off_move(self: &Arc<Self>, project: ProjectId) {
        let own = self.this_server().id;
        let cancelled = self
            .store()
            .write(move |tx: &mut dyn Tx| servers::cancel_move(tx, project, own));
        if let Err(error) = cancelled.await {
            tracing::error!(%error, %project, "a move that failed is not called off");
        }
    }
}

/// The home that a repository is fetched from.
struct Source {
    remote: Remote,
    token: Secret,
}

impl Source {
    /// `None` if the home is not known, or was not heard of lately.
    async fn of(lab: &Lab, project: &Project) -> Result<Option<Self>> {
        let Some(home) = project.home.server else {
            return Ok(None);
        };
        let now = lab.store().read(|view| Ok(view.now())).await?;
        let home = lab.peer(home).await?.filter(|home| home.is_there(now));
        let Some(home) = home else {
            return Ok(None);
        };
        let (org, name) = (project.org, project.name.clone());
        let made = lab.store().write(move |tx: &mut dyn Tx| {
            let token = Secret::new(tx);
            let note = format!("a move of {name} to another server");
            tokens::insert(tx, &token, Role::Viewer, Some(org), &note, Some(TOKEN_TTL))?;
            let org = tx.org(org)?.ok_or(Refusal::NotFound("org"))?;
            Ok((token, org))
        });
        let (token, org) = made.await?;
        let url = format!(
            "{}/git/{}/{}.git",
            home.url.trim_end_matches('/'),
            org.name,
            project.name
        );
        let credential = Credential::basic("devlab", token.reveal());
        let remote = Remote::new(&url, Some(credential))?;
        Ok(Some(Self { remote, token }))
    }
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

/// Commits that a page of a project's tasks need, and the heads of its branches.
fn named<R: Read + ?Sized>(
    view: &mut R,
    project: ProjectId,
    branch: &RefName,
    page: Page,
) -> devlab_core::Result<(Vec<Task>, Vec<Oid>)> {
    let filter = TaskFilter {
        project: Some(project),
        archived: true,
        ..TaskFilter::default()
    };
    let tasks = view.tasks(&filter, page)?;
    let mut commits: Vec<Oid> = view.branch_head(project, branch)?.into_iter().collect();
    for task in &tasks {
        let own = [&task.head, &task.prior, &task.merges, &task.published];
        commits.extend(own.into_iter().flatten().cloned());
        commits.extend(view.branch_head(project, &RefName::of_composite(task.id))?);
    }
    commits.sort_unstable();
    commits.dedup();
    Ok((tasks, commits))
}

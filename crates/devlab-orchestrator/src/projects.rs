//! Projects: made, filled, read, and kept in line with where people work.

use std::path::Path;
use std::sync::Arc;

use devlab_core::event::{EventKind, NewEvent};
use devlab_core::name::Name;
use devlab_core::org::{Project, ProjectSettings};
use devlab_core::project_file::{self, PROJECT_FILE, PROJECT_FILE_BYTES_MAX};
use devlab_core::server::Home;
use devlab_core::train::Target;
use devlab_core::tx::{Effect, Page, Tx};
use devlab_core::{Oid, OrgId, ProjectId, RefName, Refusal, ServerId};
use devlab_forge::BareRepo;
use devlab_forge::import::import_https;
use devlab_forge::repo::STALE_LOCK_AGE;
use devlab_store::StoreExt;

use crate::archive;
use crate::error::{Error, Result};
use crate::folder::{self, Whole, folders};
use crate::lab::Lab;

/// Projects read at a time when branches are brought in line.
const RECONCILE_PAGE: u32 = 200;
/// Repositories that no project has and that are named when a server starts; the others are counted.
const UNKNOWN_NAMED_MAX: usize = 8;

/// A project to make.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Org.
    pub org: OrgId,
    /// Name.
    pub name: Name,
    /// Branch that goals go into.
    pub default_branch: RefName,
    /// Where people work on it.
    pub upstream: Option<String>,
    /// The server that has made its repository.
    pub home: ServerId,
}

/// Stores a project. Its repository has to be there before: a project is never without one.
///
/// # Errors
/// [`Refusal::NameTaken`].
pub fn insert(
    tx: &mut dyn Tx,
    id: ProjectId,
    new: &NewProject,
    head: Option<&Oid>,
) -> devlab_core::Result<Project> {
    if tx.project_by_name(new.org, &new.name)?.is_some() {
        return Err(Refusal::NameTaken {
            kind: "project",
            name: new.name.to_string(),
        }
        .into());
    }
    let project = Project {
        id,
        org: new.org,
        name: new.name.clone(),
        default_branch: new.default_branch.clone(),
        upstream: new.upstream.clone(),
        archived: false,
        home: Home {
            server: Some(new.home),
            epoch: 1,
            moving_to: None,
        },
        created_at: tx.now(),
    };
    tx.insert_project(&project)?;
    tx.set_branch_head(id, &new.default_branch, head)?;
    tx.append_event(&NewEvent {
        org: new.org,
        kind: EventKind::ProjectCreated,
        project: Some(id),
        task: None,
        attempt: None,
        data: serde_json::json!({ "name": new.name }),
    })?;
    Ok(project)
}

/// Whatever keeps an import from working is the address's fault, as far as the caller can tell; the
/// log has the rest.
fn not_imported(error: &devlab_forge::Error) -> Error {
    tracing::info!(%error, "an import was not done");
    Refusal::invalid("import_url", error.to_string()).into()
}

/// Whether a branch has a commit in its history. Nobody makes one go back: if it lacks what it had,
/// the folder is not the one that it was.
async fn contains(repo: &BareRepo, head: Option<&Oid>, commit: &Oid) -> Result<bool> {
    let Some(head) = head else { return Ok(false) };
    let missing = repo.missing_objects(std::slice::from_ref(commit)).await?;
    Ok(missing.is_empty() && repo.is_ancestor(commit, head).await?)
}

/// Whether a folder's name is that of a repository that was being made: `.ID.git.new`.
fn is_unfinished(name: &str) -> bool {
    let id = name.trim_start_matches('.').split('.').next();
    name.starts_with('.') && id.is_some_and(|id| id.parse::<ProjectId>().is_ok())
}

/// Removes what is only in the way; if that fails, the next start tries again.
fn discard(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir) {
        tracing::warn!(%error, dir = %dir.display(), "what was cut off stays behind");
    }
}

impl Lab {
    /// Makes the repository of a project that is about to be stored, empty or imported. Returns the
    /// project's id and the head of its default branch.
    ///
    /// # Errors
    /// The import is refused or fails, or the folder cannot be made.
    pub async fn make_repository(
        &self,
        new: &NewProject,
        import_url: Option<&str>,
    ) -> Result<(ProjectId, Option<Oid>)> {
        let id = self
            .store()
            .write(|tx| Ok(ProjectId::new(tx.now(), tx.random())))
            .await?;
        let dir = self.repo_dir(new.org, id);
        if let Some(parent) = dir.parent() {
            std::fs::create_dir_all(parent).map_err(|source| Error::Io {
                what: format!("cannot make the folder {}", parent.display()),
                source,
            })?;
        }
        let repo = match import_url {
            None => BareRepo::init(&self.git, &dir, &new.default_branch).await?,
            Some(url) => {
                let _one_of_few = self.imports.acquire().await;
                let limits = self.config.import_limits;
                let from = self.config.import_from;
                let repo = import_https(&self.git, url, &dir, limits, from).await;
                let repo = repo.map_err(|error| not_imported(&error))?;
                repo.set_head(&new.default_branch).await?;
                repo
            }
        };
        let head = repo.resolve(&new.default_branch).await?;
        if import_url.is_some() && head.is_none() {
            self.discard_repository(new.org, id);
            let branch = new
                .default_branch
                .branch_name()
                .unwrap_or_default()
                .to_owned();
            let problem = format!("what was imported has no branch {branch}");
            return Err(Refusal::invalid("default_branch", problem).into());
        }
        Ok((id, head))
    }

    /// Removes what was being made when a process was cut off, and says which repositories no project
    /// has. Those stay: somebody's work may be in them, and nowhere else. Only for a start: nothing
    /// else may make a project here meanwhile.
    pub(crate) async fn sweep_repositories(&self) -> Result<()> {
        self.sweep_scratch();
        for org in folders(self.repos())? {
            for dir in folders(&org)? {
                let name = dir.file_name().unwrap_or_default().to_string_lossy();
                if name.starts_with(archive::SCRATCH) || is_unfinished(&name) {
                    discard(&dir);
                }
            }
        }
        let mut unknown = Vec::new();
        for Whole { project, dir } in folder::whole(self.repos())? {
            // What is left of one that has moved is known: it is what `--lost` falls back on.
            let known = self
                .store()
                .read(move |view| Ok(view.project(project)?.is_some()));
            if !known.await? {
                unknown.push(dir.display().to_string());
            }
        }
        let count = unknown.len();
        unknown.truncate(UNKNOWN_NAMED_MAX);
        if count > 0 {
            tracing::warn!(
                count,
                dirs = unknown.join(", "),
                "no project has these repositories: they stay where they are; if nobody misses one, \
                 remove its folder"
            );
        }
        Ok(())
    }

    /// Removes what archives that were cut off have left beside the repositories.
    fn sweep_scratch(&self) {
        let beside = self.repos().parent().map(folders);
        for dir in beside.and_then(Result::ok).unwrap_or_default() {
            let name = dir.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(archive::SCRATCH) {
                discard(&dir);
            }
        }
    }

    /// Removes a repository that no project has, because storing the project failed.
    pub fn discard_repository(&self, org: OrgId, id: ProjectId) {
        let dir = self.repo_dir(org, id);
        if let Err(error) = std::fs::remove_dir_all(&dir) {
            tracing::warn!(%error, dir = %dir.display(), "a discarded repository stays behind");
        }
    }

    /// Settings of a project at a commit of its default branch.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if `.devlab/project.toml` has a mistake.
    pub async fn settings(&self, project: &Project, head: &Oid) -> Result<Arc<ProjectSettings>> {
        if let Some(settings) = self.cached_settings(project.id, head) {
            return Ok(settings);
        }
        let repo = self.repo(project).await?;
        let file = repo
            .read_file(head, PROJECT_FILE, PROJECT_FILE_BYTES_MAX)
            .await?;
        let settings = match file {
            None => ProjectSettings::default(),
            Some(bytes) => {
                let text = String::from_utf8(bytes)
                    .map_err(|_| Refusal::invalid(PROJECT_FILE, "is not UTF-8"))?;
                project_file::parse(&text)?
            }
        };
        let settings = Arc::new(settings);
        self.cache_settings(project.id, head.clone(), Arc::clone(&settings));
        Ok(settings)
    }

    /// Settings of a project at the head of its default branch; those of a project without commits
    /// are the defaults.
    ///
    /// # Errors
    /// As [`Lab::settings`].
    pub async fn settings_now(&self, project: &Project) -> Result<Arc<ProjectSettings>> {
        let (id, branch) = (project.id, project.default_branch.clone());
        let found = self.store().read(move |view| view.branch_head(id, &branch));
        match found.await? {
            Some(head) => self.settings(project, &head).await,
            None => Ok(Arc::default()),
        }
    }

    /// Where a new task of a project goes, with the settings that are fixed for it now.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] for a project without commits or an archived one.
    pub async fn project_place(&self, project: &Project) -> Result<(ProjectId, ProjectSettings)> {
        if project.archived {
            let text = "the project is archived: it takes no new work".to_owned();
            return Err(Refusal::Conflict(text).into());
        }
        let (id, branch) = (project.id, project.default_branch.clone());
        let head = self
            .store()
            .read(move |view| view.branch_head(id, &branch))
            .await?;
        let Some(head) = head else {
            return Err(Refusal::Conflict(format!(
                "the project's branch {} has no commit: push to it first",
                project.default_branch.branch_name().unwrap_or_default()
            ))
            .into());
        };
        let settings = self.settings(project, &head).await?;
        Ok((project.id, (*settings).clone()))
    }

    /// Reads every project's default branch from its repository: a process that died between a push
    /// and its record leaves them apart.
    pub(crate) async fn reconcile_branches(&self, is_start: bool) -> Result<()> {
        let mut after = None;
        loop {
            let page = Page {
                after,
                limit: RECONCILE_PAGE,
            };
            let projects = self
                .store()
                .read(move |view| view.projects(None, page))
                .await?;
            let Some(last) = projects.last() else {
                return Ok(());
            };
            after = Some(last.id.uuid());
            let here = |project: &Project| self.expect_here(project).is_ok();
            for project in projects.into_iter().filter(here) {
                let tidied = match is_start {
                    true => self.tidy(&project).await,
                    false => Ok(()),
                };
                let reconciled = self.reconcile_branch(&project).await;
                if let Err(error) = tidied.and(reconciled) {
                    tracing::error!(%error, project = %project.id, "its repository cannot be read");
                }
            }
        }
    }

    /// What only a start has to do for a repository: ends what processes that were killed have left.
    async fn tidy(&self, project: &Project) -> Result<()> {
        let repo = self.repo(project).await?;
        let locks = repo.clear_stale_locks(STALE_LOCK_AGE).await?;
        if locks > 0 {
            tracing::warn!(locks, project = %project.id, "removed locks of a git that was killed");
        }
        self.drop_old_keeps(&repo).await?;
        self.drop_old_upstreams(&repo).await?;
        self.drop_old_pushes(project, &repo).await
    }

    pub(crate) async fn reconcile_branch(&self, project: &Project) -> Result<()> {
        // What moves is left alone: it comes in line where it arrives.
        let (repo, held) = match self.held_repo(project).await {
            Err(Error::Refused(Refusal::NotHome)) => return Ok(()),
            held => held?,
        };
        let actual = repo.resolve(&project.default_branch).await?;
        let (id, branch) = (project.id, project.default_branch.clone());
        let known = self.store().read({
            let branch = branch.clone();
            move |view| view.branch_head(id, &branch)
        });
        let known = known.await?;
        if known == actual {
            return Ok(());
        }
        if let Some(known) = &known
            && !contains(&repo, actual.as_ref(), known).await?
        {
            let branch = project.default_branch.branch_name().unwrap_or_default();
            return Err(Refusal::Conflict(format!(
                "its branch {branch} lacks {}, which the lab has accepted: this is an older copy of \
                 the repository",
                known.short()
            ))
            .into());
        }
        let done = self.write_held(held, move |tx| {
            if tx.branch_head(id, &branch)? != known {
                // Somebody has just recorded a move: that is newer than what was read here.
                return Ok(());
            }
            tx.set_branch_head(id, &branch, actual.as_ref())?;
            tx.effect(Effect::Train(Target {
                project: id,
                branch: branch.clone(),
            }));
            Ok(())
        });
        done.await
    }
}

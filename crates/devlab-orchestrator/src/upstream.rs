//! Commits of the upstream come into a project: the branch moves to them, or a task merges them.

use devlab_core::auth::Principal;
use devlab_core::label::Labels;
use devlab_core::org::Project;
use devlab_core::rules::servers::{self, Held};
use devlab_core::rules::{agents, schedule};
use devlab_core::state::State;
use devlab_core::task::{Made, Task, TaskSpec};
use devlab_core::train::Target;
use devlab_core::tx::{Effect, Tx};
use devlab_core::{Oid, RefName, Refusal, TaskId};
use devlab_forge::commit::MergeOutcome;
use devlab_forge::refs::RefUpdate;
use devlab_forge::{BareRepo, publish};
use devlab_store::StoreExt;

use crate::error::{Error, Result};
use crate::lab::Lab;

/// How often a sync is begun whose branch moves under it.
const SYNC_TRIES: u32 = 3;
/// Most paths that a refused merge names.
const CONFLICTS_NAMED_MAX: usize = 10;
/// Folder of the branches that are pushed for a sync.
const PUSHED_REFS: &str = "refs/heads/upstream";
/// Folder of the refs of [`RefName::of_upstream`].
const UPSTREAM_REFS: &str = "refs/devlab/upstream";

/// What became of a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamSync {
    /// The project has the commit already.
    UpToDate,
    /// The default branch was moved to the commit.
    FastForwarded,
    /// A task merges and verifies it.
    Merging(TaskId),
}

/// What became of a sync, and where the default branch is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// What became of it.
    pub outcome: UpstreamSync,
    /// Head of the default branch.
    pub head: Oid,
}

/// A sync whose part in the repository is done.
#[derive(Debug, Clone)]
pub struct BegunSync {
    project: Project,
    held: Held,
    head: Oid,
    step: SyncStep,
}

#[derive(Debug, Clone)]
enum SyncStep {
    Nothing,
    /// The branch was moved from this commit.
    Moved(Option<Oid>),
    Merge(Box<Merge>),
}

#[derive(Debug, Clone)]
struct Merge {
    /// Id of the task, under which the commit is kept.
    task: TaskId,
    place: schedule::Place,
    spec: TaskSpec,
    made: Made,
    commit: Oid,
}

impl BegunSync {
    /// Stores what a sync came to.
    ///
    /// # Errors
    /// Those of [`schedule::adopt`]; [`Refusal::NotHome`] if the repository has moved; storage.
    pub fn record(&self, tx: &mut dyn Tx) -> devlab_core::Result<Synced> {
        servers::check(tx, &self.held)?;
        let outcome = match &self.step {
            SyncStep::Nothing => UpstreamSync::UpToDate,
            SyncStep::Moved(old) => {
                let (id, branch) = (self.project.id, self.project.default_branch.clone());
                // What is known may be ahead already, if a train was quicker.
                if tx.branch_head(id, &branch)? == *old {
                    tx.set_branch_head(id, &branch, Some(&self.head))?;
                }
                tx.effect(Effect::Train(Target {
                    project: id,
                    branch,
                }));
                UpstreamSync::FastForwarded
            }
            SyncStep::Merge(merge) => {
                let (task, commit) = (merge.task, &merge.commit);
                let (place, made) = (&merge.place, &merge.made);
                schedule::adopt(tx, task, place, &merge.spec, commit, made)?;
                UpstreamSync::Merging(task)
            }
        };
        Ok(Synced {
            outcome,
            head: self.head.clone(),
        })
    }
}

/// Whether an id is that of a commit of the repository, and not of a tree, a file or a tag.
async fn is_commit(repo: &BareRepo, id: &Oid) -> Result<bool> {
    let missing = repo.missing_objects(std::slice::from_ref(id)).await?;
    if !missing.is_empty() {
        return Ok(false);
    }
    match repo.log(None, id, 1).await {
        Ok(found) => Ok(found.first().is_some_and(|commit| commit.oid == *id)),
        Err(devlab_forge::Error::Failed { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a branch has a name as `devlab project sync` gives it: the branch, ten digits of the
/// commit, and eight random ones.
fn is_of_a_push(name: &RefName) -> bool {
    let digits = |text: &str, count| {
        text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut parts = name.as_str().rsplitn(3, '-');
    let (random, commit, branch) = (parts.next(), parts.next(), parts.next());
    branch.is_some()
        && random.is_some_and(|text| digits(text, 8))
        && commit.is_some_and(|text| digits(text, 10))
}

fn has_landed(task: &Task) -> bool {
    task.state == State::Done
}

impl Lab {
    /// Does the repository's part of bringing a commit of the upstream into a project. It has to be
    /// in the repository already. What is ahead of the default branch moves it; what has diverged
    /// is to be merged and verified by a task. The rest is [`BegunSync::record`], in the
    /// transaction that audits it.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the commit is not there; [`Refusal::Conflict`] if the branch moves
    /// again and again.
    pub async fn begin_sync(
        &self,
        who: &Principal,
        project: &Project,
        commit: &Oid,
    ) -> Result<BegunSync> {
        for _ in 1..SYNC_TRIES {
            if let Some(begun) = self.try_sync(who, project, commit).await? {
                return Ok(begun);
            }
        }
        let begun = self.try_sync(who, project, commit).await?;
        let moved = || Refusal::Conflict("the branch has moved meanwhile: try again".to_owned());
        Ok(begun.ok_or_else(moved)?)
    }

    /// `None` if the branch has moved meanwhile, such as by another sync of the same commit.
    async fn try_sync(
        &self,
        who: &Principal,
        project: &Project,
        commit: &Oid,
    ) -> Result<Option<BegunSync>> {
        // A sync or a push whose record failed has left them apart.
        self.reconcile_branch(project).await?;
        let (repo, held) = self.held_repo(project).await?;
        if !is_commit(&repo, commit).await? {
            return Err(Refusal::invalid(
                "commit",
                "is no commit of the repository: push it first",
            )
            .into());
        }
        let branch = &project.default_branch;
        let head = repo.resolve(branch).await?;
        let begun = |step, head: &Oid| {
            Some(BegunSync {
                project: project.clone(),
                held,
                head: head.clone(),
                step,
            })
        };
        if let Some(head) = &head
            && repo.is_ancestor(commit, head).await?
        {
            return Ok(begun(SyncStep::Nothing, head));
        }
        let is_ahead = match &head {
            Some(head) => repo.is_ancestor(head, commit).await?,
            None => true,
        };
        if is_ahead {
            match publish::publish(&repo, branch, head.as_ref(), commit).await {
                Ok(()) => {
                    self.fault("sync.after_ref")?;
                    return Ok(begun(SyncStep::Moved(head.clone()), commit));
                }
                Err(devlab_forge::Error::RefMoved { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        let step = self
            .begin_merge(who, project, &repo, head.as_ref(), commit)
            .await?;
        Ok(begun(step, head.as_ref().unwrap_or(commit)))
    }

    /// Keeps the commit for a task that is still to be made.
    async fn begin_merge(
        &self,
        who: &Principal,
        project: &Project,
        repo: &BareRepo,
        head: Option<&Oid>,
        commit: &Oid,
    ) -> Result<SyncStep> {
        let (id, settings) = self.project_place(project).await?;
        if let Some(head) = head {
            self.refuse_hopeless_merge(project, &settings.labels, repo, [head, commit])
                .await?;
        }
        let place = schedule::Place {
            org: project.org,
            project: Some((id, settings)),
            parent: None,
            depends_on: Vec::new(),
            draft: false,
        };
        let spec = TaskSpec {
            title: format!("Merge {} of the upstream", commit.short()),
            goal: format!("Brought in by {}. Keep both sides.", who.display()),
            ..TaskSpec::default()
        };
        self.drop_upstreams(repo, |task| task.is_some_and(has_landed))
            .await?;
        let new_id = self
            .store()
            .write(|tx| Ok(TaskId::new(tx.now(), tx.random())));
        let merge = Merge {
            task: new_id.await?,
            place,
            spec,
            made: Made::by(who.display()),
            commit: commit.clone(),
        };
        repo.update_refs(&[RefUpdate {
            name: RefName::of_upstream(merge.task),
            old: None,
            new: Some(merge.commit.clone()),
        }])
        .await?;
        Ok(SyncStep::Merge(Box::new(merge)))
    }

    /// Removes the branch that a commit was pushed to for its sync, if it is still there: the sync has
    /// ended. That it stays behind is no reason to fail.
    pub async fn drop_pushed(&self, project: &Project, branch: &RefName, commit: &Oid) {
        let dropped = async {
            let repo = self.repo(project).await?;
            let is_default = *branch == project.default_branch;
            if is_default || repo.resolve(branch).await?.as_ref() != Some(commit) {
                return Ok(());
            }
            let gone = RefUpdate {
                name: branch.clone(),
                old: Some(commit.clone()),
                new: None,
            };
            Ok::<_, Error>(repo.update_refs(&[gone]).await?)
        };
        if let Err(error) = dropped.await {
            tracing::warn!(%error, %branch, project = %project.id, "a pushed branch stays behind");
        }
    }

    /// A merge with conflicts is work for an agent that has a driver of its own. If nobody is there
    /// to do it, the person who brings the commit is.
    async fn refuse_hopeless_merge(
        &self,
        project: &Project,
        labels: &Labels,
        repo: &BareRepo,
        [head, commit]: [&Oid; 2],
    ) -> Result<()> {
        let merged = match repo.merge_tree(head, commit).await {
            Err(devlab_forge::Error::UnrelatedHistories { .. }) => {
                let problem = "has no history in common with the project's branch";
                return Err(Refusal::invalid("commit", problem).into());
            }
            merged => merged?,
        };
        let MergeOutcome::Conflict { paths, .. } = merged else {
            return Ok(());
        };
        let needed = labels.iter().chain([schedule::DEFAULT_DRIVER_LABEL]);
        let (org, needed) = (project.org, Labels::new(needed)?);
        let able = self.store().read(move |view| agents::able(view, org));
        if able.await?.iter().any(|(_, able)| able.satisfies(&needed)) {
            return Ok(());
        }
        let more = paths.len().saturating_sub(CONFLICTS_NAMED_MAX);
        let mut named = paths;
        named.truncate(CONFLICTS_NAMED_MAX);
        let rest = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(Refusal::Conflict(format!(
            "{} and {} of {} change the same lines of {}{rest}, and no agent with a driver of its \
             own is there to merge them",
            commit.short(),
            head.short(),
            project.default_branch.branch_name().unwrap_or_default(),
            named.join(", "),
        ))
        .into())
    }

    /// A commit of the upstream is kept until it has landed. A sync that was cut off has left its
    /// ref without a task; one that is under way has no task yet, so this is for a start only.
    pub(crate) async fn drop_old_upstreams(&self, repo: &BareRepo) -> Result<()> {
        self.drop_upstreams(repo, |task| task.is_none_or(has_landed))
            .await
    }

    /// Removes branches of pushes for a sync whose client went away in between. At a start no sync
    /// is under way; one that comes later finds its commit all the same.
    pub(crate) async fn drop_old_pushes(&self, project: &Project, repo: &BareRepo) -> Result<()> {
        for (name, at) in repo.list_refs(PUSHED_REFS).await? {
            if is_of_a_push(&name) && name != project.default_branch {
                let gone = RefUpdate {
                    name,
                    old: Some(at),
                    new: None,
                };
                repo.update_refs(&[gone]).await?;
            }
        }
        Ok(())
    }

    async fn drop_upstreams(
        &self,
        repo: &BareRepo,
        is_over: impl Fn(Option<&Task>) -> bool,
    ) -> Result<()> {
        for (name, at) in repo.list_refs(UPSTREAM_REFS).await? {
            let id = name.as_str().rsplit('/').next();
            let Some(id) = id.and_then(|id| id.parse::<TaskId>().ok()) else {
                continue;
            };
            let found = self.store().read(move |view| view.task(id)).await?;
            if is_over(found.as_ref()) {
                let gone = RefUpdate {
                    name,
                    old: Some(at),
                    new: None,
                };
                match repo.update_refs(&[gone]).await {
                    // Another sync has removed it meanwhile.
                    Err(devlab_forge::Error::RefMoved { .. }) => {}
                    done => done?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_pushes_are_taken_for_leftovers() {
        let is = |name: &str| is_of_a_push(&RefName::branch(name).unwrap());
        assert!(is("upstream/main-0123456789-89abcdef"));
        assert!(is("upstream/a-b-0123456789-89abcdef"));
        assert!(!is("upstream/main"));
        assert!(!is("upstream/release-2026-11"));
        assert!(!is("upstream/main-0123456789-89abcdeg"));
    }
}

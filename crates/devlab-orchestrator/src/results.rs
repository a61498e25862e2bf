//! Results of tasks, read from their repository: commits, diffs, logs.

use devlab_core::auth::Principal;
use devlab_core::org::Project;
use devlab_core::task::Task;
use devlab_core::train::DiffStat;
use devlab_core::{Oid, PatchId, Refusal, TaskId, Timestamp};
use devlab_forge::BareRepo;
use devlab_forge::inspect::{Diff, FileStat};

use crate::error::Result;
use crate::lab::Lab;
use crate::scope;

/// A commit, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitView {
    /// Id.
    pub id: String,
    /// Parents.
    pub parents: Vec<String>,
    /// Author's name.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// First line of the message.
    pub subject: String,
}

/// A result: where it begins, and where it ends.
struct Span {
    repo: BareRepo,
    base: Oid,
    head: Oid,
}

impl Lab {
    async fn span(&self, who: &Principal, id: TaskId) -> Result<Span> {
        let caller = who.clone();
        let found = self.read(move |view| {
            let task = scope::task(view, &caller, id)?;
            let project = match task.project {
                Some(project) => view.project(project)?,
                None => None,
            };
            let project = project.ok_or_else(|| {
                Refusal::Conflict(
                    "the task has no project, so its result is in no commit".to_owned(),
                )
            })?;
            let target = task.target(&project.default_branch);
            let target_head = view.branch_head(project.id, &target)?;
            Ok((task, project, target_head))
        });
        let (task, project, target_head) = found.await?;
        self.span_of(&task, &project, target_head).await
    }

    /// A published result is measured from the target before its merge, another one from where it
    /// leaves its target.
    async fn span_of(&self, task: &Task, project: &Project, target: Option<Oid>) -> Result<Span> {
        let repo = self.repo(project).await?;
        if let Some(merge) = &task.published {
            let log = repo.log(None, merge, 1).await?;
            let parents = log
                .into_iter()
                .next()
                .map(|commit| commit.parents)
                .unwrap_or_default();
            let base = parents
                .into_iter()
                .next()
                .ok_or(Refusal::NotFound("commit"))?;
            return Ok(Span {
                repo,
                base,
                head: merge.clone(),
            });
        }
        let head = task.head.clone().or_else(|| task.prior.clone());
        let none = || Refusal::Conflict("the task has no result yet".to_owned());
        let head = head.ok_or_else(none)?;
        let target = target.ok_or_else(none)?;
        let base = repo.merge_base(&target, &head).await?.unwrap_or(target);
        Ok(Span { repo, base, head })
    }

    /// Commits that a task's result adds to its target, newest first.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a task that the caller may not see; [`Refusal::Conflict`] for one
    /// that has no result yet.
    pub async fn task_commits(
        &self,
        who: &Principal,
        id: TaskId,
        max: usize,
    ) -> Result<Vec<CommitView>> {
        let span = self.span(who, id).await?;
        let commits = span.repo.log(Some(&span.base), &span.head, max).await?;
        let view = |commit: devlab_forge::inspect::CommitInfo| CommitView {
            id: commit.oid.to_string(),
            parents: commit.parents.iter().map(ToString::to_string).collect(),
            author: commit.author,
            at: Timestamp::from_millis(commit.time_secs.saturating_mul(1000)),
            subject: commit.subject,
        };
        Ok(commits.into_iter().map(view).collect())
    }

    /// What a task's result changes in its target, as a unified diff of at most `max` bytes.
    ///
    /// # Errors
    /// As [`Lab::task_commits`].
    pub async fn task_diff(&self, who: &Principal, id: TaskId, max: usize) -> Result<Vec<u8>> {
        let span = self.span(who, id).await?;
        Ok(whole(
            span.repo.diff(&span.base, &span.head, max).await?,
            max,
        ))
    }

    /// What a patch changes, as a unified diff of at most `max` bytes.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a patch that the caller may not see.
    pub async fn patch_diff(&self, who: &Principal, id: PatchId, max: usize) -> Result<Vec<u8>> {
        let caller = who.clone();
        let found = self.read(move |view| {
            let patch = scope::patch(view, &caller, id)?;
            let project = view.project(patch.project)?;
            Ok((patch, project.ok_or(Refusal::NotFound("project"))?))
        });
        let (patch, project) = found.await?;
        let repo = self.repo(&project).await?;
        let base = repo
            .merge_base(&patch.base, &patch.head)
            .await?
            .unwrap_or(patch.base);
        Ok(whole(repo.diff(&base, &patch.head, max).await?, max))
    }
}

fn whole(diff: Diff, max: usize) -> Vec<u8> {
    let mut bytes = diff.text.into_bytes();
    if diff.truncated {
        bytes.extend_from_slice(format!("\n# cut after {max} bytes\n").as_bytes());
    }
    bytes
}

/// Size of what lies between two commits.
pub(crate) async fn change_size(repo: &BareRepo, base: &Oid, head: &Oid) -> Result<DiffStat> {
    let files = repo.diff_stat(base, head).await?;
    let sum = |lines: &dyn Fn(&FileStat) -> u64| {
        u32::try_from(files.iter().map(lines).sum::<u64>()).unwrap_or(u32::MAX)
    };
    Ok(DiffStat {
        files: u32::try_from(files.len()).unwrap_or(u32::MAX),
        added: sum(&|file| file.added),
        removed: sum(&|file| file.removed),
    })
}

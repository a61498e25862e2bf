//! What is in a project's repository.

use devlab_core::auth::Principal;
use devlab_core::org::Project;
use devlab_core::{Oid, ProjectId, Refusal};
use devlab_forge::browse::Folder;

use crate::error::{Error, Result};
use crate::lab::Lab;
use crate::scope;

/// Most entries of a folder that are listed.
const ENTRIES_MAX: usize = 5_000;
/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

impl Lab {
    /// The entries of a folder, at a commit or at the head of the default branch, and that commit.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such project for the caller, commit or folder.
    pub async fn folder(
        &self,
        who: &Principal,
        id: ProjectId,
        commit: Option<Oid>,
        path: &str,
    ) -> Result<(Oid, Folder)> {
        let (project, commit) = self.place(who, id, commit).await?;
        let repo = self.repo(&project).await?;
        let found = repo.folder(&commit, path, ENTRIES_MAX).await;
        let found = found.map_err(of_caller)?;
        Ok((commit, found.ok_or(Refusal::NotFound("folder"))?))
    }

    /// The bytes of a file, at a commit or at the head of the default branch.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such project for the caller, commit or file;
    /// [`devlab_forge::Error::TooLarge`] above 4 MiB.
    pub async fn file(
        &self,
        who: &Principal,
        id: ProjectId,
        commit: Option<Oid>,
        path: &str,
    ) -> Result<Vec<u8>> {
        let (project, commit) = self.place(who, id, commit).await?;
        let repo = self.repo(&project).await?;
        let found = repo.read_file(&commit, path, FILE_BYTES_MAX).await;
        let found = found.map_err(of_caller)?;
        Ok(found.ok_or(Refusal::NotFound("file"))?)
    }

    async fn place(
        &self,
        who: &Principal,
        id: ProjectId,
        commit: Option<Oid>,
    ) -> Result<(Project, Oid)> {
        let who = who.clone();
        let found = self.read(move |view| {
            let project = scope::project(view, &who, id)?;
            let head = view.branch_head(id, &project.default_branch)?;
            Ok((project, head))
        });
        let (project, head) = found.await?;
        let commit = commit.or(head).ok_or(Refusal::NotFound("commit"))?;
        Ok((project, commit))
    }
}

/// The path is the caller's.
fn of_caller(error: devlab_forge::Error) -> Error {
    match error {
        devlab_forge::Error::Invalid { why, .. } => Refusal::invalid("path", why).into(),
        other => other.into(),
    }
}

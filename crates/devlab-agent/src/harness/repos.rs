//! The agent's copies of projects: one each, shared by all attempts, and perhaps by other agents.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use devlab_core::ProjectId;
use devlab_forge::Git;
use devlab_forge::worktree::Cache;

use crate::workspace::{Home, InUse};

/// A project's copy, kept from being collected.
pub(super) struct Repo {
    pub(super) cache: Cache,
    /// Held while this process fetches, so that only one of its attempts waits for other processes.
    pub(super) fetching: tokio::sync::Mutex<()>,
    _in_use: InUse,
}

/// Those that attempts use now.
#[derive(Default)]
pub(super) struct Repos {
    open: Mutex<HashMap<ProjectId, Arc<tokio::sync::Mutex<Weak<Repo>>>>>,
}

impl Repos {
    /// A project's copy, made if there is none.
    pub(super) async fn open(
        &self,
        home: &Arc<Home>,
        git: &Git,
        project: ProjectId,
    ) -> Result<Arc<Repo>, devlab_forge::Error> {
        let place = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(open.entry(project).or_default())
        };
        let mut place = place.lock().await;
        if let Some(repo) = place.upgrade() {
            return Ok(repo);
        }
        let locking = Arc::clone(home);
        let locked = tokio::task::spawn_blocking(move || locking.hold_repo(project)).await;
        let in_use = locked
            .unwrap_or_else(|join| Err(io::Error::other(join)))
            .map_err(|source| devlab_forge::Error::Io {
                what: "lock",
                path: home.repo(project),
                source,
            })?;
        let cache = Cache::ensure(git, &home.repo(project)).await?;
        let repo = Arc::new(Repo {
            cache,
            fetching: tokio::sync::Mutex::default(),
            _in_use: in_use,
        });
        *place = Arc::downgrade(&repo);
        Ok(repo)
    }
}

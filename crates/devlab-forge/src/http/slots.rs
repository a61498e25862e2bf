//! How many requests are served at the same time, and how many of them may be one org's.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of a server.
#[derive(Debug)]
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    of_one_max: usize,
    /// By the folder that the repositories of an org lie in. Only those that are in use are kept.
    owners: Mutex<HashMap<PathBuf, Arc<Semaphore>>>,
}

/// A place, for as long as it is kept.
#[derive(Debug)]
pub(crate) struct Slot {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Slots {
    pub(crate) fn new(all_max: usize, of_one_max: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all_max)),
            of_one_max,
            owners: Mutex::default(),
        }
    }

    /// A place for a repository, `None` if there is none within `wait`.
    pub(crate) async fn take(&self, repo: &Path, wait: Duration) -> Option<Slot> {
        let own = self.of(repo.parent().unwrap_or(repo));
        let taken = async {
            // The own share comes first, so that no more of one org than that wait for the rest.
            let own = own.acquire_owned().await.ok()?;
            let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Slot {
                _own: own,
                _all: all,
            })
        };
        tokio::time::timeout(wait, taken).await.ok().flatten()
    }

    fn of(&self, owner: &Path) -> Arc<Semaphore> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = owners.get(owner) {
            return Arc::clone(own);
        }
        // Places and those who wait for one hold theirs, and it is handed out under this lock only.
        owners.retain(|_, own| Arc::strong_count(own) > 1);
        let own = Arc::new(Semaphore::new(self.of_one_max));
        owners.insert(owner.to_owned(), Arc::clone(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_org_leaves_places_for_the_others_and_none_is_remembered_for_ever() {
        let slots = Slots::new(3, 2);
        let take = async |repo: &str| slots.take(Path::new(repo), Duration::ZERO).await;
        let held = [take("/one/a").await, take("/one/b").await];
        assert!(held.iter().all(Option::is_some));
        assert!(take("/one/c").await.is_none(), "its share is used up");
        let other = take("/two/a").await;
        assert!(other.is_some());
        assert!(take("/three/a").await.is_none(), "all are used up");
        drop((held, other));
        assert!(take("/four/a").await.is_some());
        assert_eq!(slots.owners.lock().unwrap().len(), 1);
    }
}

//! What the driver changes is told while it is at work, so that it is known who will be in whose way.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use devlab_core::{Oid, paths};
use tokio::time::{Instant, sleep};

use super::repos::Repo;
use super::work::{Stop, Work};

/// Looks in one term of the lease: as many as heartbeats, which carry what is seen.
const PER_LEASE: u32 = 3;
/// Shortest time between two looks.
const SHORTEST: Duration = Duration::from_secs(1);
/// Of this many parts of the time a look takes one at most: a large tree is looked at less often.
const SHARE: u32 = 20;

/// What is looked at: the project's copy, and the commit that the work starts from.
pub(super) type View = (Arc<Repo>, Oid);

impl Work {
    /// What there is to look at, if the task changes a repository.
    pub(super) async fn view(&mut self) -> Result<Option<View>, Stop> {
        if self.claim.repository.is_none() {
            return Ok(None);
        }
        let repo = self.repo().await?;
        Ok(Some((repo, self.base()?)))
    }

    /// Looks from time to time, until it is dropped.
    pub(super) async fn look_on(&self, view: Option<View>) -> Infallible {
        let Some((repo, base)) = view else {
            return pending().await;
        };
        let every = Duration::from_millis(self.claim.lease_ms) / PER_LEASE;
        let every = every.max(SHORTEST);
        let tree = self.driver_tree();
        let mut pause = every;
        loop {
            sleep(pause).await;
            let before = Instant::now();
            match repo.cache.touched(&tree, &base).await {
                Ok(changed) => self.saw(changed.iter().map(String::as_str)),
                // It is a hint, and the driver may be moving everything about just now.
                Err(error) => {
                    tracing::debug!(attempt = %self.claim.attempt, %error, "cannot see what changes");
                }
            }
            pause = every.max(before.elapsed() * SHARE);
        }
    }

    /// Has what the work has changed told with the next heartbeat.
    pub(super) fn saw<'p>(&self, changed: impl IntoIterator<Item = &'p str>) {
        let changed = Some(paths::observed(changed));
        self.touched.send_if_modified(|known| {
            let is_new = *known != changed;
            *known = changed;
            is_new
        });
    }
}

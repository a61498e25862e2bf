//! What all attempts of an agent share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use devlab_api::agent::{Claimed, Completion, GivenUp, Update};
use devlab_api::client::{Client, ClientError};
use devlab_core::{AgentId, AttemptId};
use devlab_forge::Git;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::AgentConfig;
use super::repos::Repos;
use super::signal::{Cause, Signal};
use crate::driver::CommandDriver;
use crate::workspace::{Home, InUse, remove_tree};

/// Attempts that run, and how to end each.
pub(super) type Held = BTreeMap<AttemptId, Arc<Signal>>;

pub(super) struct Shared {
    pub(super) config: AgentConfig,
    pub(super) client: Client,
    pub(super) agent: AgentId,
    pub(super) home: Arc<Home>,
    pub(super) git: Git,
    pub(super) driver: CommandDriver,
    pub(super) repos: Repos,
    pub(super) held: watch::Sender<Held>,
    /// Work that nobody waits for before the agent ends.
    pub(super) background: TaskTracker,
    /// Ends everything; journals stay.
    pub(super) halt: CancellationToken,
}

impl Shared {
    pub(super) fn hold(&self, attempt: AttemptId, signal: &Arc<Signal>) {
        self.held.send_modify(|held| {
            held.insert(attempt, Arc::clone(signal));
        });
    }

    pub(super) fn let_go(&self, attempt: AttemptId) {
        self.held.send_modify(|held| {
            held.remove(&attempt);
        });
    }

    pub(super) fn raise_all(&self, cause: Cause) {
        for signal in self.held.borrow().values() {
            signal.raise(cause);
        }
    }

    /// Removes an attempt's folder; the slow part of it in the background.
    pub(super) fn discard(self: &Arc<Self>, attempt: AttemptId, in_use: InUse) {
        let shared = Arc::clone(self);
        self.background.spawn_blocking(move || {
            let removed = shared
                .home
                .discard(attempt, &in_use)
                .and_then(|trash| remove_tree(&trash));
            if let Err(error) = removed {
                tracing::warn!(%attempt, %error, "cannot remove a workspace; it is collected later");
            }
        });
    }
}

/// A failure with its causes, in one line.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Whether the server says that an attempt is over.
pub(super) fn is_gone(error: &ClientError) -> bool {
    matches!(error.code(), Some("stale_attempt" | "task_cancelled"))
}

/// Whether the server says that it does not have the commit of a result.
pub(super) fn is_not_pushed(error: &ClientError) -> bool {
    error.code() == Some("not_pushed")
}

/// Whether the server says that it may put no bytes where it was told to.
pub(super) fn is_wrong_blobs(error: &ClientError) -> bool {
    error.code() == Some("wrong_blobs")
}

/// Where an address and a path below it meet.
pub(super) fn join_url(base: &str, path: &str) -> String {
    format!(
        "{}/{}",
        base.trim_end_matches('/'),
        path.trim_start_matches('/')
    )
}

/// Runs file work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|join| Err(std::io::Error::other(join)))
}

/// Makes a folder new and empty.
pub(super) fn fresh_folder(path: &Path) -> std::io::Result<()> {
    remove_tree(path)?;
    std::fs::create_dir_all(path)
}

/// Gives an attempt back that could not even be written down, once: if the server does not hear
/// it, the lease ends.
pub(super) async fn give_back(shared: &Shared, claim: &Claimed, reason: String) {
    let update = Update {
        task: claim.task,
        attempt: claim.attempt,
        phase: None,
        touched: None,
        complete: Some(Completion::GivenUp(GivenUp { reason })),
    };
    if let Err(error) = shared.client.update_attempt(&update).await {
        tracing::warn!(attempt = %claim.attempt, error = words(&error), "cannot give it back");
    }
}

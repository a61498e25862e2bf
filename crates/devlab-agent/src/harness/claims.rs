//! Asking for work: one question at a time, repeated until it is answered.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use devlab_api::agent::{Claim, Claimed};
use devlab_api::client::ClientError;
use devlab_core::limits::LONG_POLL_MAX;

use super::pause::Pause;
use super::shared::{Shared, words};

/// Where the id of the question is kept that is not answered yet.
const FILE: &str = "claim";
/// Longest id that is believed to be ours.
const ID_BYTES_MAX: usize = 64;

/// An answer with work in it.
pub(super) struct Given {
    pub(super) claim: Claimed,
    /// The question was asked by an earlier process; what it got may be over by now.
    pub(super) is_old: bool,
}

/// The agent's questions.
pub(super) struct Claims {
    shared: Arc<Shared>,
    file: PathBuf,
    /// Left by an earlier process: its answer may have been lost.
    old: Option<String>,
}

impl Claims {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let file = shared.home.root().join(FILE);
        let old = fs::read_to_string(&file)
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX);
        Self { shared, file, old }
    }

    /// Asks until there is work.
    ///
    /// # Errors
    /// The server will not answer this agent, however often it asks.
    pub(super) async fn next(mut self) -> (Self, Result<Given, ClientError>) {
        let mut pause = Pause::default();
        let (mut id, mut is_old) = self.question();
        loop {
            let claim = Claim {
                agent: self.shared.agent,
                claim_id: id.clone(),
                wait_secs: u32::try_from(LONG_POLL_MAX.as_secs()).unwrap_or(0),
            };
            match self.shared.client.claim(&claim).await {
                Ok(Some(claim)) => return (self, Ok(Given { claim, is_old })),
                Ok(None) => {
                    pause.reset();
                    (id, is_old) = self.question();
                }
                Err(error) if is_final(&error) => return (self, Err(error)),
                Err(error) => {
                    tracing::debug!(error = words(&error), "a claim was not answered");
                    pause.wait(error.retry_after()).await;
                }
            }
        }
    }

    /// The work is in a journal: the question need not be asked again.
    pub(super) fn answered(&self) {
        // What stays is asked again after a restart, and answered with an attempt that is known.
        fs::remove_file(&self.file).ok();
    }

    /// A new id, or the one of an earlier process. It need not survive a power cut: the lease of
    /// what was lost ends.
    fn question(&mut self) -> (String, bool) {
        if let Some(old) = self.old.take() {
            return (old, true);
        }
        let id = format!("{:032x}", rand::random::<u128>());
        if let Err(error) = self.keep(&id) {
            tracing::warn!(%error, "cannot write a claim down; a crash now would hold a slot until its lease ends");
        }
        (id, false)
    }

    fn keep(&self, id: &str) -> io::Result<()> {
        crate::durable::write_private(&self.file, id.as_bytes())
    }
}

/// Whether asking again is no use: the token or the agent is not known any more. Everything else
/// may pass, such as a limit of attempts that are still leased to an earlier process.
fn is_final(error: &ClientError) -> bool {
    match error {
        ClientError::Unauthorized(_) | ClientError::Config(_) | ClientError::Decode { .. } => true,
        ClientError::Problem { problem, .. } => matches!(problem.status, 403 | 404),
        ClientError::Foreign { .. } | ClientError::Transport { .. } => false,
    }
}

//! An attempt's log, on its way to the server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use devlab_api::client::{Client, ClientError};
use devlab_core::limits::LOG_CHUNK_BYTES_MAX;
use devlab_core::{AttemptId, TaskId};
use tokio_util::sync::CancellationToken;

use super::pause::Pause;
use super::shared::is_gone;
use super::signal::{Cause, Signal};
use crate::log::{Chunk, LogFile};

/// How long bytes may wait for more of them.
const GATHER: Duration = Duration::from_millis(200);

/// One attempt's upload.
pub(super) struct Upload {
    pub(super) client: Client,
    pub(super) task: TaskId,
    pub(super) attempt: AttemptId,
    pub(super) log: Arc<LogFile>,
    pub(super) signal: Arc<Signal>,
    /// No more bytes come: send what is left without waiting, and end.
    pub(super) closing: CancellationToken,
}

impl Upload {
    /// Sends until the log is closed and acknowledged, or the server refuses it for good.
    pub(super) async fn go_on(self) {
        let mut pause = Pause::default();
        let mut grown = self.log.watch();
        loop {
            let (length, acked) = (*grown.borrow_and_update(), self.log.acked());
            if acked >= length {
                if self.closing.is_cancelled() && self.at_end() {
                    break;
                }
                tokio::select! {
                    () = self.closing.cancelled(), if !self.closing.is_cancelled() => {}
                    changed = grown.changed() => if changed.is_err() { break },
                }
                continue;
            }
            let full = acked + LOG_CHUNK_BYTES_MAX as u64;
            let enough = async { drop(grown.wait_for(|length| *length >= full).await) };
            tokio::select! {
                () = self.closing.cancelled() => {}
                () = tokio::time::sleep(GATHER) => {}
                () = enough => {}
            }
            if self.send(&mut pause).await.is_err() {
                break;
            }
        }
        if let Err(error) = self.log.flush() {
            tracing::warn!(attempt = %self.attempt, %error, "cannot write down how much of a log was sent");
        }
    }

    /// Whether nothing came unheard.
    fn at_end(&self) -> bool {
        match self.log.refresh() {
            Ok(length) => self.log.acked() >= length,
            Err(_) => true,
        }
    }

    /// Sends one chunk; `Err` if there is no point in going on.
    async fn send(&self, pause: &mut Pause) -> Result<(), ()> {
        let chunk = match self.log.next_chunk() {
            Ok(Some(chunk)) => chunk,
            Ok(None) => {
                // Announced, but not there: somebody cut the file.
                pause.wait(None).await;
                return Ok(());
            }
            Err(error) => {
                tracing::error!(attempt = %self.attempt, %error, "cannot read the log; its rest is not sent");
                return Err(());
            }
        };
        let Chunk { offset, bytes } = chunk;
        let sent = self
            .client
            .append_log(self.task, self.attempt, offset, Bytes::from(bytes));
        match sent.await {
            Ok(logged) => {
                self.ack(logged.len);
                if logged.len > offset {
                    pause.reset();
                } else {
                    pause.wait(None).await;
                }
                Ok(())
            }
            Err(error) => self.refused(&error, pause).await,
        }
    }

    async fn refused(&self, error: &ClientError, pause: &mut Pause) -> Result<(), ()> {
        if is_gone(error) {
            self.signal.raise(Cause::Gone);
            return Err(());
        }
        if let Some(expected) = error.problem().and_then(|problem| problem.expected_offset) {
            tracing::warn!(attempt = %self.attempt, expected, "the server wants a part of the log again");
            self.ack(expected);
        } else if !error.is_retryable() {
            tracing::error!(attempt = %self.attempt, %error, "the server refuses the log; its rest is not sent");
            return Err(());
        }
        pause.wait(error.retry_after()).await;
        Ok(())
    }

    fn ack(&self, offset: u64) {
        if let Err(error) = self.log.ack(offset) {
            tracing::warn!(attempt = %self.attempt, %error, "cannot write down how much of a log was sent");
        }
    }
}

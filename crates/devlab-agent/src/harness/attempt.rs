//! An attempt from its claim to its acknowledgement, or from where its journal ends.

use std::sync::Arc;

use devlab_api::agent::{Claimed, Completion, Delivery, GivenUp, Update};
use devlab_core::attempt::{AttemptKind, Phase};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::pause::Pause;
use super::points;
use super::shared::{Shared, blocking, is_gone, is_not_pushed, words};
use super::signal::Cause;
use super::upload::Upload;
use super::work::{Stop, Work, last_bytes};
use crate::journal::{Entry, Journal, Step};
use crate::strays::ensure_gone;
use crate::workspace::InUse;

/// How often a commit that was pushed is pushed again, because the server does not have it.
const PUSHED_AGAIN_MAX: u32 = 3;
/// Longest reason that is sent, in bytes.
const REASON_BYTES_MAX: usize = 4 * 1024;

/// How an attempt left this agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The server knows what became of it, or does not want to.
    Over,
    /// The same, but the agent could not do its part: it should be careful with new work.
    Troubled,
    /// Its journal waits for the next start.
    Left,
}

/// Attends to an attempt whose folder is held by `in_use`. `ours` says that the server has just
/// said that it is ours; otherwise it is asked before anything is done.
pub(super) async fn attend(
    shared: Arc<Shared>,
    claim: Claimed,
    journal: Journal,
    in_use: InUse,
    ours: bool,
) -> Ended {
    let attempt = claim.attempt;
    let mut work = match Work::new(&shared, claim, journal) {
        Ok(work) => work,
        Err(error) => {
            tracing::error!(%attempt, %error, "cannot open the log of an attempt; it is left");
            return Ended::Left;
        }
    };
    shared.hold(attempt, &work.signal);
    if shared.halt.is_cancelled() {
        work.signal.raise(Cause::Halted);
    }
    let mut helpers = JoinSet::new();
    let beat = work.beat();
    let beating = helpers.spawn(beat.go_on(work.phase.subscribe(), work.touched.subscribe()));
    let closing = CancellationToken::new();
    let mut upload = JoinSet::new();
    upload.spawn(
        Upload {
            client: shared.client.clone(),
            task: work.claim.task,
            attempt,
            log: Arc::clone(&work.log),
            signal: Arc::clone(&work.signal),
            closing: closing.clone(),
        }
        .go_on(),
    );
    let ended = match work.outcome(ours).await {
        Ok(completion) => {
            let given_up = matches!(completion, Completion::GivenUp(_));
            let sent = async {
                tokio::join!(
                    work.decide(&completion),
                    log_is_sent(&work, &closing, &mut upload)
                );
                beating.abort();
                work.tell(completion).await
            };
            match sent.await {
                Ended::Over if given_up => Ended::Troubled,
                ended => ended,
            }
        }
        Err(Cause::Gone) => {
            tracing::info!(%attempt, "dropped: the server takes nothing from it any more");
            Ended::Over
        }
        Err(Cause::Drained | Cause::Halted) => Ended::Left,
    };
    shared.let_go(attempt);
    if ended != Ended::Left && !shared.config.keep_workspaces {
        // Only of an attempt that came to its end: nothing writes there any more.
        if ended == Ended::Over && work.step() == Step::Acked {
            work.keep_trees().await;
        }
        shared.discard(attempt, in_use);
    }
    ended
}

/// Waits until the server has the whole log, or refuses it, or the agent has to end.
async fn log_is_sent(work: &Work, closing: &CancellationToken, upload: &mut JoinSet<()>) {
    closing.cancel();
    tokio::select! {
        _ = upload.join_next() => {}
        () = work.shared.halt.cancelled() => {}
    }
}

impl Work {
    /// What the server is to be told; `Err` if nothing.
    async fn outcome(&mut self, ours: bool) -> Result<Completion, Cause> {
        let stopped = match self.advance(ours).await {
            Ok(completion) => return Ok(completion),
            Err(stop) => stop,
        };
        match stopped {
            Stop::Raised(Cause::Drained) => Ok(given_up("the agent is ending")),
            Stop::Raised(cause) => Err(cause),
            Stop::Failed(failure) => {
                self.say(&failure.reason);
                Ok(Completion::DriverFailed(failure))
            }
            Stop::Trouble(reason) => {
                tracing::error!(attempt = %self.claim.attempt, reason, "gave up");
                self.say(&format!("the agent gave up: {reason}"));
                Ok(given_up(&reason))
            }
        }
    }

    async fn advance(&mut self, ours: bool) -> Result<Completion, Stop> {
        if let Some(stored) = self.facts(|facts| facts.completion.clone()) {
            return serde_json::from_value(stored).map_err(|e| Stop::Trouble(e.to_string()));
        }
        if !ours {
            self.take_over().await?;
        }
        match self.claim.kind {
            AttemptKind::Work => self.do_task().await,
            AttemptKind::Verify => self.verify().await,
        }
    }

    /// Makes sure that nothing of an earlier process still writes, and that the server still
    /// wants this.
    async fn take_over(&mut self) -> Result<(), Stop> {
        let (step, supervisor) = self.facts(|facts| (facts.step, facts.supervisor));
        if let (Step::Driving | Step::Checking, Some(supervisor)) = (step, supervisor) {
            let (clock, mark) = (
                Arc::clone(&self.shared.config.clock),
                self.claim.attempt.to_string(),
            );
            blocking(move || {
                ensure_gone(supervisor, &mark, &*clock).map_err(std::io::Error::other)
            })
            .await?;
        }
        self.still_ours().await?;
        self.say(&format!("the agent was restarted; going on after {step:?}"));
        Ok(())
    }

    async fn do_task(&mut self) -> Result<Completion, Stop> {
        if self.step() < Step::DriverExited {
            self.prepare().await?;
            self.drive().await?;
        }
        let outcome = self.facts(|facts| facts.driver.clone());
        let outcome =
            outcome.ok_or_else(|| Stop::Trouble("the journal has no outcome".to_owned()))?;
        // Of a driver that failed too: they may show why.
        if self.step() < Step::Committed {
            self.keep_artifacts().await?;
        }
        if let Some(asked) = self.question(&outcome).await? {
            return Ok(asked);
        }
        if let Some(failure) = self.driver_failure(&outcome) {
            return Ok(failure);
        }
        if self.claim.repository.is_none() {
            return Ok(Completion::Delivered(Delivery {
                heard: self.heard().await?,
                ..Delivery::default()
            }));
        }
        self.repo().await?;
        let commit = self.commit().await?;
        // Both only read the commit.
        let (pushed, checked_out) = tokio::join!(self.push(&commit), self.check_out_clean(&commit));
        pushed?;
        self.pushed().await?;
        checked_out?;
        let receipts = self.check(&commit).await?;
        Ok(Completion::Delivered(Delivery {
            commit: Some(commit.to_string()),
            receipts,
            heard: self.heard().await?,
        }))
    }

    async fn verify(&mut self) -> Result<Completion, Stop> {
        let repo = self.repo().await?;
        self.fetch(&repo).await?;
        let commit = self.base()?;
        if self.step() < Step::Prepared {
            self.record(Entry::Prepared).await?;
        }
        self.check_out_clean(&commit).await?;
        self.reach(points::AFTER_PREPARE).await?;
        let receipts = self.check(&commit).await?;
        Ok(Completion::Delivered(Delivery {
            commit: Some(commit.to_string()),
            receipts,
            heard: 0,
        }))
    }

    /// Writes down what the server is to be told. It is told even if that fails: an agent that
    /// forgets it asks first after its restart, and hears that the attempt is over.
    async fn decide(&self, completion: &Completion) {
        if self.step() >= Step::Completed {
            return;
        }
        let written = match serde_json::to_value(completion) {
            Ok(value) => self.record(Entry::Completed(value)).await,
            Err(error) => Err(Stop::Trouble(error.to_string())),
        };
        if let Err(stop) = written {
            tracing::error!(attempt = %self.claim.attempt, ?stop, "cannot write the outcome down");
        }
    }

    /// Tells the server until it answers.
    async fn tell(&mut self, completion: Completion) -> Ended {
        self.phase.send_replace(Phase::Delivering);
        let mut pushed_again = 0;
        let update = Update {
            task: self.claim.task,
            attempt: self.claim.attempt,
            phase: None,
            touched: self.touched.borrow().clone(),
            complete: Some(completion),
        };
        let mut pause = Pause::default();
        loop {
            let answer = async {
                self.reach(points::BEFORE_COMPLETE)
                    .await
                    .map_err(|stop| tracing::warn!(?stop, "before the completion"))
                    .ok()?;
                Some(self.shared.client.update_attempt(&update).await)
            };
            let answer = tokio::select! {
                answer = answer => answer,
                () = self.shared.halt.cancelled() => return Ended::Left,
            };
            let wait = match answer {
                Some(Ok(_)) => break,
                Some(Err(error)) if error.is_retryable() => error.retry_after(),
                // Its repository has moved without the commit.
                Some(Err(error)) if is_not_pushed(&error) && pushed_again < PUSHED_AGAIN_MAX => {
                    pushed_again += 1;
                    let halt = self.shared.halt.clone();
                    let pushed = tokio::select! {
                        pushed = self.push_again() => pushed,
                        () = halt.cancelled() => return Ended::Left,
                    };
                    if let Err(stop) = pushed {
                        tracing::warn!(attempt = %self.claim.attempt, ?stop, "pushing again");
                    }
                    None
                }
                Some(Err(error)) => {
                    self.report(&error);
                    break;
                }
                None => None,
            };
            tokio::select! {
                () = pause.wait(wait) => {}
                () = self.shared.halt.cancelled() => return Ended::Left,
            }
        }
        self.acknowledge().await
    }

    fn report(&self, error: &devlab_api::client::ClientError) {
        let attempt = self.claim.attempt;
        if is_gone(error) {
            tracing::info!(%attempt, %error, "its outcome is not wanted any more");
        } else {
            tracing::error!(%attempt, error = words(error), "the server refuses the outcome");
        }
    }

    async fn acknowledge(&self) -> Ended {
        for point in [points::AFTER_COMPLETE, points::BEFORE_ACK] {
            if let Err(stop) = self.reach(point).await {
                tracing::warn!(attempt = %self.claim.attempt, ?stop, point, "after the completion");
            }
        }
        // Without it the server is told again after a restart, and answers the same.
        if let Err(stop) = self.record(Entry::Acked).await {
            tracing::warn!(attempt = %self.claim.attempt, ?stop, "cannot write the end down");
        }
        Ended::Over
    }
}

fn given_up(reason: &str) -> Completion {
    Completion::GivenUp(GivenUp {
        reason: last_bytes(reason, REASON_BYTES_MAX),
    })
}

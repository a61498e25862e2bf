//! What the server tells an agent: which attempts to stop, and whether to take new work.

use std::sync::Arc;
use std::time::Duration;

use devlab_api::agent::Message;
use devlab_core::AttemptId;
use tokio::sync::watch;

use super::pause::Pause;
use super::shared::{Held, Shared, blocking};
use super::signal::Cause;

/// How long the server may wait for something to say.
const WAIT_SECS: u32 = 30;
/// How soon an attempt is named that was claimed while the server was waiting. Together with the
/// grace of [`crate::driver`] it keeps a cancel under two seconds.
const NAME_WITHIN: Duration = Duration::from_millis(150);
/// Pause after an answer that would come again at once.
const SAME_ANSWER: Duration = Duration::from_secs(1);

/// Listens until it is dropped.
pub(super) async fn listen(shared: Arc<Shared>, draining: watch::Sender<bool>) {
    let mut held = shared.held.subscribe();
    let mut pause = Pause::default();
    loop {
        let named: Vec<(AttemptId, u32)> = held
            .borrow_and_update()
            .iter()
            .filter(|(_, signal)| signal.cause().is_none())
            .map(|(attempt, signal)| (*attempt, signal.mail.seen()))
            .collect();
        let call = shared.client.agent_control(shared.agent, &named, WAIT_SECS);
        let answer = tokio::select! {
            answer = call => answer,
            () = another(&mut held, &named) => continue,
        };
        let control = match answer {
            Ok(control) => control,
            Err(error) => {
                if !error.is_retryable() {
                    tracing::warn!(%error, "the control channel was refused");
                }
                pause.wait(error.retry_after()).await;
                continue;
            }
        };
        pause.reset();
        for attempt in &control.stop {
            if let Some(signal) = held.borrow().get(attempt) {
                tracing::info!(%attempt, "told to stop");
                signal.raise(Cause::Gone);
            }
        }
        if !pass_on(&held, control.messages).await {
            // The same messages would come again at once.
            tokio::time::sleep(SAME_ANSWER).await;
        }
        draining.send_if_modified(|now| std::mem::replace(now, control.drain) != control.drain);
        if control.drain {
            tokio::time::sleep(SAME_ANSWER).await;
        }
    }
}

/// Hands messages to the drivers that may hear them; `false` if one could not be written down.
async fn pass_on(held: &watch::Receiver<Held>, messages: Vec<Message>) -> bool {
    let mut all = true;
    for message in messages {
        let attempt = message.attempt;
        let Some(signal) = held.borrow().get(&attempt).map(Arc::clone) else {
            continue;
        };
        if let Err(error) = blocking(move || signal.mail.put(&message)).await {
            tracing::warn!(%attempt, %error, "cannot pass a message on; trying again");
            all = false;
        }
    }
    all
}

/// Waits for an attempt that the server was not told of.
async fn another(held: &mut watch::Receiver<Held>, named: &[(AttemptId, u32)]) {
    let is_new = |held: &Held| {
        let is_named = |id: &AttemptId| named.iter().any(|(known, _)| known == id);
        let mut held = held.iter();
        held.any(|(id, signal)| signal.cause().is_none() && !is_named(id))
    };
    if held.wait_for(is_new).await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(NAME_WITHIN).await;
}

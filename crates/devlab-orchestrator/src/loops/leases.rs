//! Ends leases that are over. After a start, and after a jump of the clock, every live lease gets a
//! full term first: it was not the agents' fault.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::rules::lease;
use devlab_store::StoreExt;
use tokio::sync::Notify;

use super::clock::JumpDetector;
use crate::error::Result;
use crate::lab::Lab;

/// Its name.
pub(super) const NAME: &str = "leases";
/// Leases ended in one transaction.
const BATCH: u32 = 200;
/// Longest rest: a jump of the clock is seen within it.
const REST_MAX: Duration = Duration::from_millis(250);

pub(super) async fn run(lab: Arc<Lab>) {
    let never = Notify::new();
    let mut detector = JumpDetector::new(lab.clock.as_ref());
    let mut grace = true;
    // While another server runs the loop, this one does not know what happens to the leases.
    let mut term = None;
    loop {
        let now = lab.place.duty(NAME);
        grace |= now != term;
        term = now;
        if term.is_none() {
            if !lab.rest(&never, REST_MAX).await {
                return;
            }
            continue;
        }
        if detector.jumped(lab.clock.as_ref()) {
            tracing::warn!("the clock has jumped: every lease gets a full term");
            grace = true;
        }
        let outcome = if grace {
            extend(&lab).await
        } else {
            expire(&lab).await
        };
        if outcome.is_ok() {
            grace = false;
        }
        lab.note(NAME, outcome);
        if !lab.rest(&never, REST_MAX).await {
            return;
        }
    }
}

async fn extend(lab: &Lab) -> Result<u64> {
    let term = lab.config.rules.lease_term;
    let extended = lab.write_on_duty(NAME, move |tx| {
        let until = tx.now().plus(term);
        tx.extend_leases(until)
    });
    Ok(extended.await?.unwrap_or(0))
}

async fn expire(lab: &Lab) -> Result<u64> {
    // Looking costs the writer nothing: most of the time no lease is over.
    let over = lab.store().read(|view| {
        let now = view.now();
        Ok(view.next_expiry()?.is_some_and(|at| at <= now))
    });
    if !over.await? {
        return Ok(0);
    }
    lab.fault("server.before_expire")?;
    let rules = lab.config.rules;
    let count = lab.write_on_duty(NAME, move |tx| lease::expire(tx, &rules, BATCH));
    Ok(u64::from(count.await?.unwrap_or(0)))
}

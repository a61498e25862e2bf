//! Queues tasks whose back-off has ended.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::rules::lease;
use devlab_store::StoreExt;

use crate::error::Result;
use crate::lab::Lab;

/// Its name.
pub(super) const NAME: &str = "due";
/// Tasks queued in one transaction.
const BATCH: u32 = 200;
/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(1);

pub(super) async fn run(lab: Arc<Lab>) {
    loop {
        let mut next = REST_MAX;
        if lab.place.duty(NAME).is_some() {
            let outcome = release(&lab).await;
            next = outcome.as_ref().map_or(REST_MAX, |(_, next)| *next);
            lab.note(NAME, outcome.map(|(count, _)| count));
        }
        if !lab.rest(&lab.wakes.due, next).await {
            return;
        }
    }
}

async fn release(lab: &Lab) -> Result<(u64, Duration)> {
    let next = lab
        .store()
        .read(|view| Ok((view.now(), view.next_due()?)))
        .await?;
    let (now, Some(at)) = next else {
        return Ok((0, REST_MAX));
    };
    if !lease::is_due(at, now) {
        return Ok((0, at.since(now).min(REST_MAX)));
    }
    let count = lab.write_on_duty(NAME, |tx| lease::release_due(tx, BATCH));
    let rest = count.await?.map(|count| (u64::from(count), Duration::ZERO));
    Ok(rest.unwrap_or((0, REST_MAX)))
}

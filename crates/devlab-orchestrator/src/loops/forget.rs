//! Forgets remembered answers that are over, and brings what is stored about branches in line with
//! the repositories, if a process died, or a disk was full, between a push and its record.

use std::sync::Arc;
use std::time::Duration;

use devlab_store::StoreExt;
use tokio::sync::Notify;

use crate::error::Result;
use crate::lab::Lab;

/// Answers forgotten in one transaction.
const BATCH: u32 = 500;
/// How often.
const PERIOD: Duration = Duration::from_secs(60);

pub(super) async fn run(lab: Arc<Lab>) {
    let never = Notify::new();
    loop {
        let outcome = forget(&lab).await;
        let more = lab.note("forget", outcome) >= u64::from(BATCH);
        let period = if more {
            Duration::from_millis(100)
        } else {
            PERIOD
        };
        if !lab.rest(&never, period).await {
            return;
        }
    }
}

async fn forget(lab: &Lab) -> Result<u64> {
    lab.reconcile_branches(false).await?;
    Ok(lab
        .store()
        .write(|tx| {
            let now = tx.now();
            tx.forget_expired(now, BATCH)
        })
        .await?)
}

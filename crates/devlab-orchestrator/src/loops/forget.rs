//! Forgets remembered answers that are over, and brings what is stored about branches in line with
//! the repositories, if a process died, or a disk was full, between a push and its record.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::rules::servers;
use devlab_core::server::ServerRole;
use devlab_store::StoreExt;
use tokio::sync::Notify;

use crate::error::Result;
use crate::lab::Lab;

/// Its name.
const NAME: &str = "forget";
/// Answers forgotten in one transaction.
const BATCH: u32 = 500;
/// How often.
const PERIOD: Duration = Duration::from_secs(60);

pub(super) async fn run(lab: Arc<Lab>) {
    let never = Notify::new();
    loop {
        let outcome = forget(&lab).await;
        lab.note(NAME, outcome);
        if !lab.rest(&never, PERIOD).await {
            return;
        }
    }
}

async fn forget(lab: &Lab) -> Result<u64> {
    if lab.has_role(ServerRole::Git) {
        lab.reconcile_branches(false).await?;
    }
    if !lab.has_role(ServerRole::Loops) {
        return Ok(0);
    }
    // One server forgets in each period, whichever comes first.
    let is_ours = lab.store().write(|tx| servers::fire(tx, NAME, PERIOD));
    let mut forgotten = 0;
    if is_ours.await? {
        loop {
            let now = lab.store().write(|tx| {
                let now = tx.now();
                tx.forget_expired(now, BATCH)
            });
            let now = now.await?;
            forgotten += now;
            if now < u64::from(BATCH) {
                break;
            }
        }
    }
    Ok(forgotten)
}

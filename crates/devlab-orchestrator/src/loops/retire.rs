//! Lets go of the bytes of goals that ended long ago, by the retention of their orgs.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::rules::servers;
use devlab_store::StoreExt;
use tokio::sync::Notify;

use crate::error::Result;
use crate::lab::Lab;

/// Its name.
const NAME: &str = "retire";
/// How often, by one server of the lab.
const PERIOD: Duration = Duration::from_secs(3600);
/// How often it is seen whether a period has begun, and how long after a start at first.
const LOOK: Duration = Duration::from_secs(600);
/// Goals read at a time.
const BATCH: u32 = 100;

pub(super) async fn run(lab: Arc<Lab>) {
    let never = Notify::new();
    // Not at once: a lab that has just started has better things to do.
    while lab.rest(&never, LOOK).await {
        let outcome = retire(&lab).await;
        if lab.note(NAME, outcome) > 0 {
            lab.collect_soon();
        }
    }
}

async fn retire(lab: &Lab) -> Result<u64> {
    let is_ours = lab.store().write(|tx| servers::fire(tx, NAME, PERIOD));
    if !is_ours.await? {
        return Ok(0);
    }
    let mut goals = 0;
    for org in lab.all_orgs().await? {
        let mut after = None;
        loop {
            let done = lab.retire_goals(org, after, BATCH).await?;
            if done.goals > 0 {
                let held = done.held;
                tracing::info!(
                    %org,
                    goals = done.goals,
                    logs = held.logs,
                    log_bytes = held.log_bytes,
                    artifacts = held.artifacts,
                    artifact_bytes = held.artifact_bytes,
                    "let go of what goals left that ended long ago"
                );
            }
            goals += done.goals;
            if lab.stop.is_cancelled() {
                return Ok(goals);
            }
            match done.last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
    }
    Ok(goals)
}

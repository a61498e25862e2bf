//! Says that this server is there, and keeps its leases of the loops that run in one place at a
//! time. When a server stops or falls silent, another one takes its loops.

use std::sync::Arc;

use devlab_core::Refusal;
use devlab_core::limits::SERVER_BEAT;
use devlab_core::rules::{lab_id, servers};
use devlab_core::server::ServerRole;
use devlab_store::StoreExt;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::ONE_PLACE;
use crate::error::{Error, Result};
use crate::lab::Lab;

pub(super) async fn run(lab: Arc<Lab>) {
    let never = Notify::new();
    loop {
        let outcome = beat(&lab).await;
        if let Err(Error::Refused(why @ Refusal::Conflict(_))) = &outcome {
            tracing::error!(%why, "this server stops: it, or its lab, is not the one that it was");
            lab.stop.cancel();
            return;
        }
        lab.note("presence", outcome);
        if !lab.rest(&never, SERVER_BEAT).await {
            break;
        }
    }
    let (id, run) = (lab.config.server.id, lab.place.run);
    let left = lab
        .store()
        .write(move |tx| servers::leave(tx, id, run, &ONE_PLACE));
    if let Err(error) = left.await {
        tracing::warn!(%error, "others learn only later that this server has stopped");
    }
}

pub(crate) async fn beat(lab: &Lab) -> Result<u64> {
    let (this, run) = (lab.config.server.clone(), lab.place.run);
    let own = lab.id.clone();
    let wanted: &[&'static str] = match lab.has_role(ServerRole::Loops) {
        true => &ONE_PLACE,
        false => &[],
    };
    // The term counts from before the question: the answer may take its time.
    let asked = Instant::now();
    let done = lab.store().write(move |tx| {
        // Away for long, it may have been forgotten; but not come into another lab.
        lab_id::is_still(tx, &own)?;
        let now = tx.now();
        servers::come_back(tx, this.record(run, now))?;
        let runs = servers::beat(tx, this.id, run, wanted)?;
        Ok((runs, tx.servers()?, tx.now()))
    });
    let (runs, peers, now) = done.await?;
    lab.place.on_duty(asked, &runs);
    lab.place.know(peers, now);
    Ok(u64::try_from(runs.len()).unwrap_or(0))
}

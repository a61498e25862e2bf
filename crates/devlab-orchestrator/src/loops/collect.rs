//! Removes blobs that nothing names any more, by the rules of [`devlab_core::rules::bytes`].
//!
//! Each removal is a mark in the store, the removal itself, and, no earlier than the mark says, the
//! end of the mark. A process that dies in between leaves a mark; whoever looks next finishes it.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::check::Sha256Hex;
use devlab_core::rules::{bytes, retention, servers};
use devlab_core::tx::Tx;
use devlab_store::StoreExt;
use futures::StreamExt;

use crate::error::Result;
use crate::lab::Lab;

/// Its name.
const NAME: &str = "collect";
/// How often all blobs are looked at, by one server of the lab, if nothing was let go of.
const PERIOD: Duration = Duration::from_secs(24 * 3600);
/// How often marks that have ended are looked for.
const LOOK: Duration = Duration::from_secs(60);
/// How long a blob is left alone after it was put, in milliseconds, whatever the records say: time to
/// notice that they are not those that it was put for.
const YOUNG_MS: i64 = 24 * 3600 * 1000;
/// Blobs looked at in one transaction.
const BATCH: usize = 200;
/// The same, as the store wants it.
const MARKS: u32 = 200;

pub(super) async fn run(lab: Arc<Lab>) {
    let mut is_asked = false;
    loop {
        let outcome = collect(&lab, is_asked).await;
        lab.note(NAME, outcome);
        tokio::select! {
            () = lab.stop.cancelled() => return,
            () = lab.wakes.collect.notified() => is_asked = true,
            () = tokio::time::sleep(LOOK) => is_asked = false,
        }
    }
}

impl Lab {
    /// What the loop does once when it is asked: removes every blob that nothing names and that was
    /// put a day ago or earlier. Returns how many.
    ///
    /// # Errors
    /// [`devlab_core::Refusal::WrongBlobs`] if the place is another lab's; those of the store and the
    /// place.
    pub async fn collect_blobs(&self) -> Result<u64> {
        Box::pin(collect(self, true)).await
    }
}

async fn collect(lab: &Lab, is_asked: bool) -> Result<u64> {
    let mut removed = finish(lab).await?;
    let is_time = lab.store().write(|tx| servers::fire(tx, NAME, PERIOD));
    if is_time.await? || is_asked {
        lab.ask_place().await?;
        lab.store()
            .write(|tx| {
                let now = tx.now();
                tx.forget_pins(now, MARKS)
            })
            .await?;
        removed += sweep(lab).await?;
    }
    Ok(removed)
}

/// Looks at every blob that there is.
async fn sweep(lab: &Lab) -> Result<u64> {
    let (mut removed, mut bytes) = (0, 0);
    let young = lab.clock.now().as_millis().saturating_sub(YOUNG_MS);
    let mut all = lab.blobs().list().ready_chunks(BATCH);
    while let Some(some) = all.next().await {
        let some = some
            .into_iter()
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let old = some
            .iter()
            .filter(|blob| blob.modified.as_millis() <= young);
        let seen: Vec<Sha256Hex> = old.map(|blob| blob.digest.clone()).collect();
        let loose = lab.store().read(move |view| {
            let mut loose = Vec::new();
            for blob in seen {
                if bytes::is_removable(view, &blob)? {
                    loose.push(blob);
                }
            }
            Ok(loose)
        });
        for blob in loose.await? {
            if lab.stop.is_cancelled() {
                return Ok(removed);
            }
            if remove(lab, &blob).await? {
                removed += 1;
                let gone = some.iter().find(|one| one.digest == blob);
                bytes += gone.map_or(0, |one| one.stored);
            }
        }
    }
    if removed > 0 {
        tracing::info!(blobs = removed, bytes, "removed blobs that nothing names");
    }
    Ok(removed)
}

/// Ends marks, and does what processes that died have left undone.
async fn finish(lab: &Lab) -> Result<u64> {
    let over = lab.store().read(|view| {
        let now = view.now();
        view.condemned_blobs(now, MARKS)
    });
    let mut removed = 0;
    for blob in over.await? {
        if lab.blobs().stat(&blob).await?.is_some() {
            removed += u64::from(remove(lab, &blob).await?);
        } else {
            lab.store()
                .write(move |tx| bytes::pardon(tx, &blob))
                .await?;
        }
    }
    Ok(removed)
}

/// Removes a blob, if nothing needs it.
async fn remove(lab: &Lab, blob: &Sha256Hex) -> Result<bool> {
    // Another lab may have taken the place over since the last one went.
    lab.ask_place().await?;
    let (wanted, began) = (blob.clone(), lab.clock.now());
    let condemned = lab.store().write(move |tx: &mut dyn Tx| {
        // An archive that is being taken may name what was let go of since it began.
        Ok(!retention::is_held(tx)? && bytes::condemn(tx, &wanted)?)
    });
    if !condemned.await? {
        return Ok(false);
    }
    lab.fault("collect.before_delete")?;
    // A process that was stopped meanwhile does not know what has happened since. Its mark is looked
    // at again when it has ended.
    let spent = lab.clock.now().since(began);
    let Some(left) = bytes::REMOVE_WITHIN.checked_sub(spent) else {
        return Ok(false);
    };
    match tokio::time::timeout(left, lab.blobs().delete(blob)).await {
        Ok(deleted) => deleted.map(|()| true).map_err(Into::into),
        Err(_) => Ok(false),
    }
}

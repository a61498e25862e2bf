//! The place of blobs, which belongs to one lab: what no record of it names is removed there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use devlab_core::Refusal;
use devlab_store::blobs::BlobStore;
use devlab_store::{Store, StoreExt};

use crate::error::Result;
use crate::lab::Lab;

/// How long the place's word counts for what is only put there.
const WORD_COUNTS: Duration = Duration::from_secs(60);

impl Lab {
    /// Makes sure that blobs may be put into the place: it is this lab's, or was so a moment ago and
    /// had its blobs.
    ///
    /// # Errors
    /// As [`Lab::ask_place`].
    pub(crate) async fn check_place(&self) -> Result<()> {
        let said = u64::try_from(self.place_said_at.load(Ordering::Relaxed));
        let now = self.clock.monotonic();
        let since = said.map(|said| now.saturating_sub(Duration::from_millis(said)));
        let has_ours = self.place_has_ours.load(Ordering::Relaxed);
        if has_ours && since.is_ok_and(|since| since < WORD_COUNTS) {
            return Ok(());
        }
        self.ask_place().await
    }

    /// Makes sure that the place is this lab's now, and has what its records name.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] that says what to do; the place of blobs.
    pub(crate) async fn ask_place(&self) -> Result<()> {
        let known = self.place_has_ours.load(Ordering::Relaxed);
        let has_ours = ask(self.store(), self.blobs(), &self.id, known).await?;
        self.place_has_ours.store(has_ours, Ordering::Relaxed);
        let now = i64::try_from(self.clock.monotonic().as_millis()).unwrap_or(i64::MAX);
        self.place_said_at.store(now, Ordering::Relaxed);
        Ok(())
    }
}

/// Makes sure that a place is that of the lab with this id and store. One that no lab has said to be
/// its own becomes this lab's, unless it has blobs and the lab knows of none. Returns whether a blob
/// that the lab's records name was seen there, now or, by `has_ours`, earlier.
///
/// # Errors
/// [`Refusal::Conflict`] that says what to do; the place of blobs.
pub(crate) async fn ask(
    store: &Arc<dyn Store>,
    blobs: &BlobStore,
    lab: &str,
    has_ours: bool,
) -> Result<bool> {
    let owner = blobs.owner().await?;
    if owner.as_ref().is_some_and(|owner| owner != lab) {
        return Err(of_another(blobs).into());
    }
    let has_ours = has_ours || finds_its_own(store, blobs).await?;
    if owner.is_none() {
        if !has_ours && !blobs.is_empty().await? {
            return Err(of_unknown(blobs).into());
        }
        if blobs.claim(lab).await? != lab {
            return Err(of_another(blobs).into());
        }
    }
    Ok(has_ours)
}

/// Whether a blob that a record names is in the place; `false` if none is named. Servers that share
/// a database have to share the place of blobs too.
async fn finds_its_own(store: &Arc<dyn Store>, blobs: &BlobStore) -> Result<bool> {
    let Some(blob) = store.read(|view| view.a_named_blob()).await? else {
        return Ok(false);
    };
    if blobs.stat(&blob).await?.is_none() {
        return Err(Refusal::Conflict(format!(
            "the bytes of this lab are not in {}: give all its servers the same DEVLAB_BLOBS, a \
             bucket or a folder that they share",
            blobs.place()
        ))
        .into());
    }
    Ok(true)
}

/// Makes sure that a lab may be restored into a place: it is nobody's and empty, or will be taken over
/// in the end, as a person has said. Nothing is changed here: the restore may fail.
///
/// # Errors
/// [`Refusal::Conflict`] that says what to do; the place of blobs.
pub async fn offer(blobs: &BlobStore, take_over: bool) -> Result<()> {
    let refused = match blobs.owner().await? {
        _ if take_over => return Ok(()),
        Some(_) => of_another(blobs),
        None if blobs.is_empty().await? => return Ok(()),
        None => of_unknown(blobs),
    };
    Err(refused.into())
}

const OWN: &str = "give DEVLAB_BLOBS a prefix, a bucket or a folder of this lab's own";

fn of_another(blobs: &BlobStore) -> Refusal {
    let place = blobs.place();
    Refusal::Conflict(format!(
        "{place} has the bytes of another lab: {OWN}; `devlab restore --take-blobs` is for a lab \
         that takes the place of one that does not go on"
    ))
}

fn of_unknown(blobs: &BlobStore) -> Refusal {
    let place = blobs.place();
    Refusal::Conflict(format!(
        "{place} has bytes that this lab does not know, which may be another lab's: {OWN}, or empty \
         this one if nobody needs it; `devlab restore --take-blobs` is for a lab that was there \
         before and does not go on"
    ))
}

//! The place of blobs, which belongs to one lab: what no record of it names is removed there.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use devlab_core::Refusal;
use devlab_core::server::ServerRole;
use devlab_store::blobs::{BlobErrorKind, BlobStore};
use devlab_store::{Store, StoreExt};

use crate::error::{Error, Result};
use crate::lab::Lab;

/// How long the place's word counts for what is only put there.
const WORD_COUNTS: Duration = Duration::from_secs(60);
/// Names that are looked for in the place before it counts as one that has none of the lab's: of one
/// alone the bytes may be lost.
const NAMES_ASKED: u32 = 3;
/// How long a start waits for what the place says. The loops ask again.
const START_WAITS: Duration = Duration::from_secs(5);

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
    /// [`Refusal::WrongBlobs`] that says what to do; the place of blobs.
    pub(crate) async fn ask_place(&self) -> Result<()> {
        let known = self.place_has_ours.load(Ordering::Relaxed);
        let asked = ask(self.store(), self.blobs(), &self.id, known).await;
        let refused = match &asked {
            Ok(_) => Some(None),
            Err(Error::Refused(why)) => Some(Some(why.to_string())),
            Err(_) => None,
        };
        if let Some(refused) = refused {
            *self.place_refused() = refused;
        }
        self.place_has_ours.store(asked?, Ordering::Relaxed);
        let now = i64::try_from(self.clock.monotonic().as_millis()).unwrap_or(i64::MAX);
        self.place_said_at.store(now, Ordering::Relaxed);
        Ok(())
    }

    fn place_refused(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        let refused = self.place_refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with the place of blobs, and what to do; `None` if the last call went well and
    /// it is this lab's.
    #[must_use]
    pub fn blobs_trouble(&self) -> Option<String> {
        let refused = self.place_refused().clone();
        refused.or_else(|| self.blobs().health().trouble)
    }

    /// Asks the place of blobs whose it is, as whoever starts a server wants to know. Returns what is
    /// wrong. A place that is slow to say is asked again by the loops.
    pub async fn look_at_blobs(&self) -> Option<String> {
        if !self.has_role(ServerRole::Loops) && !self.has_role(ServerRole::Api) {
            return None;
        }
        match tokio::time::timeout(START_WAITS, self.ask_place()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => self.blobs_trouble(),
        }
    }
}

/// Makes sure that a place is that of the lab with this id and store. One that no lab has said to be
/// its own becomes this lab's, unless it has blobs and the lab knows of none. Returns whether a blob
/// that the lab's records name was seen there, now or, by `has_ours`, earlier.
///
/// # Errors
/// [`Refusal::WrongBlobs`] that says what to do; the place of blobs.
pub(crate) async fn ask(
    store: &Arc<dyn Store>,
    blobs: &BlobStore,
    lab: &str,
    has_ours: bool,
) -> Result<bool> {
    let owner = blobs.owner().await?;
    if owner.as_ref().is_some_and(|owner| owner != lab) {
        return Err(of_another(blobs).await.into());
    }
    let has_ours = has_ours || finds_its_own(store, blobs).await?;
    if owner.is_none() {
        if !has_ours && !blobs.is_empty().await? {
            return Err(of_unknown(blobs).into());
        }
        if blobs.claim(lab).await? != lab {
            return Err(of_another(blobs).await.into());
        }
    }
    Ok(has_ours)
}

/// Whether a blob that a record names is in the place; `false` if none is named. Servers that share
/// a database have to share the place of blobs too.
async fn finds_its_own(store: &Arc<dyn Store>, blobs: &BlobStore) -> Result<bool> {
    let named = store.read(|view| view.named_blobs(NAMES_ASKED)).await?;
    if named.is_empty() {
        return Ok(false);
    }
    let mut damaged = None;
    for blob in &named {
        match blobs.stat(blob).await {
            Ok(Some(_)) => return Ok(true),
            Ok(None) => {}
            Err(error) if error.kind == BlobErrorKind::Damaged => damaged = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(damaged) = damaged {
        return Err(damaged.into());
    }
    Err(Refusal::WrongBlobs(format!(
        "the bytes of this lab are not in {}: give all its servers the same DEVLAB_BLOBS, a \
         bucket or a folder that they share",
        blobs.place()
    ))
    .into())
}

/// Makes sure that a lab may be restored into a place: it is nobody's and empty, or will be taken over
/// in the end, as a person has said. Nothing is changed here: the restore may fail.
///
/// # Errors
/// [`Refusal::WrongBlobs`] that says what to do; the place of blobs.
pub async fn offer(blobs: &BlobStore, take_over: bool) -> Result<()> {
    let refused = match blobs.owner().await? {
        _ if take_over => return Ok(()),
        Some(_) => of_another(blobs).await,
        None if blobs.is_empty().await? => return Ok(()),
        None => of_unknown(blobs),
    };
    Err(refused.into())
}

const OWN: &str = "give DEVLAB_BLOBS a prefix, a bucket or a folder of this lab's own";

/// The words for a place that a lab has said to be its own. One that left nothing there may never have
/// been more than a try.
async fn of_another(blobs: &BlobStore) -> Refusal {
    let (place, mark) = (blobs.place(), blobs.owner_name());
    let has_none = blobs.is_empty().await.unwrap_or(false);
    Refusal::WrongBlobs(match has_none {
        true => format!(
            "{place} is another lab's, by the object {mark}, though no blob is there: {OWN}, or \
             remove that object if that lab is gone"
        ),
        false => format!(
            "{place} has the bytes of another lab, by the object {mark}: {OWN}; \
             `devlab restore --take-blobs` is for a lab that takes the place of one that does not \
             go on"
        ),
    })
}

fn of_unknown(blobs: &BlobStore) -> Refusal {
    let place = blobs.place();
    Refusal::WrongBlobs(format!(
        "{place} has bytes that this lab does not know, which may be another lab's: {OWN}, or empty \
         this one if nobody needs it; `devlab restore --take-blobs` is for a lab that was there \
         before and does not go on"
    ))
}

//! Blobs: who may put them, name them, and remove them.
//!
//! A blob is put outside any transaction, so these rules keep a removal from meeting a put:
//!
//! 1. [`pin`] before the put: refused while the blob is being removed.
//! 2. The put, which may find the blob there and do nothing.
//! 3. [`seal`] or [`keep`] after it names the blob, if it is still pinned or named.
//!
//! [`condemn`] marks a blob for removal only if nothing names and nobody pins it; then its bytes
//! are removed, within [`REMOVE_WITHIN`], and no earlier than [`CONDEMN_TERM`] after the last
//! [`condemn`] [`pardon`] ends it: a process that was stopped for a while with the removal in its
//! hands does not do it after somebody has put the blob again. So whatever is named is there,
//! wherever any of the steps is cut, however often they are repeated, and whoever else does them at
//! the same time.
//!
//! *Invariant:* a blob that a stored log or artifact names is never condemned.

use std::time::Duration;

use crate::bytes::{Artifact, BlobMark, KeptLog};
use crate::check::Sha256Hex;
use crate::error::{Refusal, Result};
use crate::id::AttemptId;
use crate::time::Timestamp;
use crate::tx::{Read, Tx};

/// How long a put may take; longer ones are begun again.
pub const PIN_TERM: Duration = Duration::from_secs(6 * 3600);

/// How long after it was condemned a blob may be removed; later it is condemned again first.
pub const REMOVE_WITHIN: Duration = Duration::from_secs(120);
/// How long a blob stays condemned at least: longer than [`REMOVE_WITHIN`] and a call of the place.
pub const CONDEMN_TERM: Duration = Duration::from_secs(600);

/// The bytes of a log, as they were put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Their hash.
    pub blob: Sha256Hex,
    /// Length, in bytes.
    pub len: u64,
    /// Number of lines.
    pub lines: u64,
}

/// Says that a blob is going to be put and named. Returns when it was said: who names the blob
/// later has to know it.
///
/// # Errors
/// [`Refusal::Conflict`] while it is being removed: a later try puts it anew.
pub fn pin(tx: &mut dyn Tx, blob: &Sha256Hex) -> Result<Timestamp> {
    let now = tx.now();
    let (mut since, mut until) = (now, now.plus(PIN_TERM));
    match tx.blob_mark(blob)? {
        Some(BlobMark::Condemned(_)) => {
            let why = "these bytes are just being removed; send them again in some minutes";
            return Err(Refusal::Conflict(why.to_owned()).into());
        }
        Some(BlobMark::Pinned {
            since: known,
            until: end,
        }) if end > now => {
            since = known.min(since);
            until = end.max(until);
        }
        Some(BlobMark::Pinned { .. }) | None => {}
    }
    tx.set_blob_mark(blob, Some(BlobMark::Pinned { since, until }))?;
    Ok(now)
}

/// Whether the bytes of a blob that was pinned at a time, and put after that, are sure to be there
/// still: something names it, or it has been pinned ever since.
fn is_safe(tx: &mut dyn Tx, blob: &Sha256Hex, pinned_at: Timestamp) -> Result<bool> {
    let now = tx.now();
    match tx.blob_mark(blob)? {
        Some(BlobMark::Condemned(_)) => Ok(false),
        Some(BlobMark::Pinned { since, until }) if since <= pinned_at && until > now => Ok(true),
        Some(BlobMark::Pinned { .. }) | None => tx.names_blob(blob),
    }
}

/// Records that a log's bytes are in a blob. `false` if that changes nothing: the attempt may still
/// write, or more of its log was recorded already, or is gone.
///
/// # Errors
/// [`Refusal::Conflict`] if the put took too long and has to be repeated.
pub fn seal(
    tx: &mut dyn Tx,
    attempt: AttemptId,
    sealed: &Sealed,
    pinned_at: Timestamp,
) -> Result<bool> {
    let Some(stored) = tx.attempt(attempt)? else {
        return Ok(false);
    };
    if stored.state.may_write() {
        return Ok(false);
    }
    let known = tx.kept_log(attempt)?;
    if known.is_some_and(|known| known.gone || known.len > sealed.len) {
        return Ok(false);
    }
    name(tx, &sealed.blob, pinned_at)?;
    let at = tx.now();
    tx.put_kept_log(&KeptLog {
        attempt,
        blob: Some(sealed.blob.clone()),
        len: sealed.len,
        lines: sealed.lines,
        at,
        gone: false,
    })?;
    Ok(true)
}

/// Checks that a blob is there, before something is stored that names it.
fn name(tx: &mut dyn Tx, blob: &Sha256Hex, pinned_at: Timestamp) -> Result<()> {
    if !is_safe(tx, blob, pinned_at)? {
        return Err(Refusal::Conflict("the bytes came too slowly; send them again".into()).into());
    }
    // From here on its name keeps it.
    tx.set_blob_mark(blob, None)
}

/// Stores an artifact, whose bytes were put.
///
/// # Errors
/// As [`seal`].
pub fn keep(tx: &mut dyn Tx, artifact: &Artifact, pinned_at: Timestamp) -> Result<()> {
    if let Some(blob) = &artifact.blob {
        name(tx, blob, pinned_at)?;
    }
    tx.put_artifact(artifact)
}

/// Marks a blob for removal if nothing needs it, or once more; `false` if something does. Its bytes
/// have to be removed within [`REMOVE_WITHIN`]. Of one that something names, a mark that is over
/// ends: it is of other records, such as those that a restore has replaced.
///
/// # Errors
/// Storage only.
pub fn condemn(tx: &mut dyn Tx, blob: &Sha256Hex) -> Result<bool> {
    if !is_removable(tx, blob)? {
        pardon(tx, blob)?;
        return Ok(false);
    }
    let until = tx.now().plus(CONDEMN_TERM);
    tx.set_blob_mark(blob, Some(BlobMark::Condemned(until)))?;
    Ok(true)
}

/// Whether nothing needs a blob.
///
/// # Errors
/// Storage only.
pub fn is_removable<R: Read + ?Sized>(view: &mut R, blob: &Sha256Hex) -> Result<bool> {
    let now = view.now();
    if let Some(BlobMark::Pinned { until, .. }) = view.blob_mark(blob)?
        && until > now
    {
        return Ok(false);
    }
    Ok(!view.names_blob(blob)?)
}

/// Ends a removal, after the bytes are gone. `false` if somebody may still be about to remove them.
///
/// # Errors
/// Storage only.
pub fn pardon(tx: &mut dyn Tx, blob: &Sha256Hex) -> Result<bool> {
    match tx.blob_mark(blob)? {
        Some(BlobMark::Condemned(until)) if until <= tx.now() => {
            tx.set_blob_mark(blob, None)?;
            Ok(true)
        }
        Some(BlobMark::Condemned(_) | BlobMark::Pinned { .. }) | None => Ok(false),
    }
}

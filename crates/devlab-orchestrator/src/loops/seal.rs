//! Seals the logs of attempts that are over: their bytes go from the store into a blob.
//!
//! Each step can be cut and repeated, by this server or another: the blob has the name of its
//! content, [`devlab_core::rules::bytes`] keeps it from being removed meanwhile, and the chunks are
//! dropped only once the record of the blob is durable. Readers look at the chunks first, then at
//! the record, so they find the bytes in one of the two at any moment.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::bytes::Bytes;
use devlab_core::bytes::KeptLog;
use devlab_core::check::Sha256Hasher;
use devlab_core::rules::bytes::{self, Sealed};
use devlab_core::{AttemptId, Timestamp};
use devlab_store::{Settled, StoreExt};
use futures::stream::{self, Stream, StreamExt};
use tokio::sync::Notify;

use crate::error::{Error, Result};
use crate::lab::Lab;

/// How often at most, and at least; in between it is how long a log rests before it is sealed.
const PERIOD_RANGE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(30));
/// How long what a cut upload left stays, in milliseconds: no upload takes a day.
const CUT_KEPT_MS: i64 = 24 * 3600 * 1000;
/// Logs looked at in one step.
const BATCH: u32 = 256;
/// Logs sealed at one time.
const AT_ONCE: usize = 4;
/// Bytes read from a log at a time.
const PIECE_BYTES: usize = 1024 * 1024;

pub(super) async fn run(lab: Arc<Lab>) {
    let never = Notify::new();
    let period = lab.config.bytes.seal_after;
    let period = period.clamp(PERIOD_RANGE.0, PERIOD_RANGE.1);
    sweep(&lab).await;
    loop {
        let outcome = lab.seal_logs().await;
        lab.note("seal", outcome);
        if !lab.rest(&never, period).await {
            return;
        }
    }
}

impl Lab {
    /// What the loop does once: seals every log whose attempt has been over for long enough. Returns
    /// how many.
    ///
    /// # Errors
    /// Those of the last log that could not be sealed.
    pub async fn seal_logs(&self) -> Result<u64> {
        Box::pin(seal_all(self)).await
    }
}

/// Removes what uploads left that were cut long before this start.
async fn sweep(lab: &Lab) {
    let before = lab.clock.now().as_millis().saturating_sub(CUT_KEPT_MS);
    match lab.blobs().sweep(Timestamp::from_millis(before)).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "removed parts of uploads that were cut"),
        Err(error) => tracing::warn!(%error, "cannot remove parts of uploads that were cut"),
    }
}

/// Looks once at every open log. One that cannot be sealed does not hold up the others.
async fn seal_all(lab: &Lab) -> Result<u64> {
    lab.check_place().await?;
    let (mut count, mut failed, mut after) = (0, None, None);
    loop {
        let open = lab.store().open_logs(after, BATCH).await?;
        let Some((last, _)) = open.last() else {
            break;
        };
        after = Some(*last);
        let is_last = open.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        let mut sealing = stream::iter(open)
            .map(|(attempt, len)| async move { (attempt, seal(lab, attempt, len).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((attempt, outcome)) = sealing.next().await {
            match outcome {
                Ok(sealed) => count += u64::from(sealed),
                Err(error) => {
                    tracing::warn!(%error, %attempt, "its log could not be sealed; trying again");
                    failed = Some(error);
                }
            }
        }
        if is_last || lab.stop.is_cancelled() {
            break;
        }
    }
    failed.map_or(Ok(count), Err)
}

/// What there is to do with an open log.
enum Next {
    /// Its attempt is not over, or not for long enough.
    Wait,
    /// Its bytes have to be put first.
    Put,
    /// What is before this place is somewhere else, or gone.
    DropTo(u64),
}

/// Seals one log that is `len` bytes long. Returns whether it did.
async fn seal(lab: &Lab, attempt: AttemptId, len: u64) -> Result<bool> {
    let drop_to = match next(lab, attempt, len).await? {
        Next::Wait => return Ok(false),
        Next::DropTo(place) => place,
        Next::Put => match put(lab, attempt, len).await? {
            true => len,
            false => return Ok(false),
        },
    };
    lab.fault("seal.before_drop")?;
    if drop_to > 0 {
        // Another lab may have taken the place over since it was put there.
        lab.ask_place().await?;
    }
    loop {
        match lab.store().settle_log(attempt, len, drop_to).await? {
            Settled::More => {}
            Settled::Done => break,
            // The next look begins with its new end.
            Settled::Grown => return Ok(false),
        }
    }
    lab.fault("seal.after_drop")?;
    Ok(true)
}

async fn next(lab: &Lab, attempt: AttemptId, len: u64) -> Result<Next> {
    let config = lab.config.bytes;
    let found = lab.store().read(move |view| {
        let Some(stored) = view.attempt(attempt)? else {
            return Ok(Next::Wait);
        };
        let over = stored.ended_at.unwrap_or(stored.lease_until);
        if stored.state.may_write() || over.plus(config.seal_after) > view.now() {
            return Ok(Next::Wait);
        }
        Ok(match view.kept_log(attempt)? {
            Some(KeptLog { gone: true, .. }) => Next::DropTo(len),
            Some(kept) if kept.len >= len => Next::DropTo(len),
            Some(_) => Next::Put,
            None if len < config.seal_from => Next::DropTo(0),
            None => Next::Put,
        })
    });
    Ok(found.await?)
}

/// Puts a log's bytes, and records it. `false` if that is not wanted any more.
async fn put(lab: &Lab, attempt: AttemptId, len: u64) -> Result<bool> {
    let sealed = measure(lab, attempt, len).await?;
    let blob = sealed.blob.clone();
    let pinned_at = lab.store().write(move |tx| bytes::pin(tx, &blob)).await?;
    lab.fault("seal.before_put")?;
    let source: Pin<Box<_>> = Box::pin(pieces(lab, attempt, len));
    let source = source.map(|piece| piece.map_err(std::io::Error::other));
    lab.blobs().put(&sealed.blob, source).await?;
    lab.fault("seal.after_put")?;
    let done = lab
        .store()
        .write(move |tx| bytes::seal(tx, attempt, &sealed, pinned_at))
        .await?;
    lab.fault("seal.after_record")?;
    Ok(done)
}

/// Hash and lines of the first `len` bytes of a log.
async fn measure(lab: &Lab, attempt: AttemptId, len: u64) -> Result<Sealed> {
    let (mut hasher, mut lines, mut last) = (Sha256Hasher::default(), 0, b'\n');
    let mut pieces: Pin<Box<_>> = Box::pin(pieces(lab, attempt, len));
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        hasher.update(&piece);
        lines += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
        last = piece.last().copied().unwrap_or(last);
    }
    Ok(Sealed {
        blob: hasher.finish(),
        len,
        lines: lines + u64::from(last != b'\n'),
    })
}

/// The first `len` bytes of a log.
fn pieces(lab: &Lab, attempt: AttemptId, len: u64) -> impl Stream<Item = Result<Bytes>> + Send {
    stream::try_unfold(0_u64, move |at| async move {
        let left = usize::try_from(len - at).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok::<_, Error>(None);
        }
        let (bytes, _) = lab.read_log(attempt, at, left.min(PIECE_BYTES)).await?;
        let next = at + bytes.len() as u64;
        Ok(Some((Bytes::from(bytes), next)))
    })
}

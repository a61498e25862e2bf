//! Blobs, in and out of archives.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use devlab_core::check::Sha256Hex;
use devlab_core::limits::LOG_CHUNK_BYTES_MAX;
use devlab_store::blobs::BlobErrorKind;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::facts::Facts;
use super::manifest::{Part, blob_name};
use super::read::Archive;
use super::records::{Hashing, new_file};
use super::{Estate, bad, blocking, io};
use crate::error::{Error, Result};

/// How much content is compressed.
const LEVEL: i32 = 3;
/// Bytes that are read at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait to be taken.
const PIECES_WAITING_MAX: usize = 4;

/// Writes the content of a blob to a file, as a part.
pub(super) async fn write(estate: &Estate, blob: &Sha256Hex, by: &str, to: &Path) -> Result<Part> {
    let raw = to.with_extension("raw");
    let writing = || io(format!("cannot write {}", raw.display()));
    let mut file = tokio::fs::File::create(&raw).await.map_err(writing())?;
    let mut content = estate.blobs.stream(blob);
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(|error| gone(blob, by, error))?;
        file.write_all(&piece).await.map_err(writing())?;
    }
    file.flush().await.map_err(writing())?;
    let (name, to) = (blob_name(blob), to.to_owned());
    blocking(move || {
        let compress = || -> std::io::Result<Part> {
            let mut from = std::fs::File::open(&raw)?;
            let mut into = zstd::Encoder::new(Hashing::new(new_file(&to)?), LEVEL)?;
            std::io::copy(&mut from, &mut into)?;
            std::fs::remove_file(&raw)?;
            Ok(into.finish()?.finish(name, None).1)
        };
        compress().map_err(io(format!("cannot write {}", to.display())))
    })
    .await
}

fn gone(blob: &Sha256Hex, by: &str, error: devlab_store::blobs::BlobError) -> Error {
    if error.kind != BlobErrorKind::Missing {
        return error.into();
    }
    Error::Refused(devlab_core::Refusal::Conflict(format!(
        "the bytes of {by} ({blob}) are gone: if retention has just removed them, try again; \
         otherwise `devlab verify` says what else is missing"
    )))
}

/// Puts the blobs that records name where they belong. What is there already is left.
pub(super) async fn put_all(estate: &Estate, archive: &Archive, facts: &Facts) -> Result<()> {
    for (blob, by) in &facts.blobs {
        let content = content(archive, blob)
            .await?
            .ok_or_else(|| bad(format!("{} is missing: {by}", blob_name(blob))))?;
        let put = estate.blobs.put(blob, content).await;
        put.map_err(|error| match error.kind {
            BlobErrorKind::Mismatch | BlobErrorKind::Source => {
                bad(format!("{}: {error}", blob_name(blob)))
            }
            _ => error.into(),
        })?;
    }
    Ok(())
}

/// Logs whose beginning is in a blob and whose end is not get their beginning back: the rest is
/// appended to it.
pub(super) async fn begin_logs(estate: &Estate, facts: &Facts) -> Result<()> {
    for (attempt, start) in &facts.late {
        let blob = facts.kept.get(attempt).ok_or_else(|| {
            bad(format!(
                "the log of {attempt} begins at {start}, and nothing has what is before"
            ))
        })?;
        let mut at = 0;
        while at < *start {
            let left = usize::try_from(start - at).unwrap_or(LOG_CHUNK_BYTES_MAX);
            let max = left.min(LOG_CHUNK_BYTES_MAX);
            let (bytes, _) = estate.blobs.read(blob, at, max).await?;
            if bytes.is_empty() {
                return Err(bad(format!("the log of {attempt} has a gap at {at}")));
            }
            let next = at + bytes.len() as u64;
            estate.store.append_log(*attempt, at, bytes).await?;
            at = next;
        }
    }
    Ok(())
}

/// The content of a blob in an archive; `None` if it is not there.
async fn content(
    archive: &Archive,
    blob: &Sha256Hex,
) -> Result<Option<BoxStream<'static, std::io::Result<Bytes>>>> {
    let (archive, name) = (archive.clone(), blob_name(blob));
    let opened = blocking(move || {
        let part = archive.open_part(&name);
        let part = part.map_err(io(format!("cannot read {name}")))?;
        let decoder = part.map(zstd::Decoder::new).transpose();
        decoder.map_err(io(format!("cannot read {name}")))
    });
    let Some(mut from) = opened.await? else {
        return Ok(None);
    };
    let (to, pieces) = mpsc::channel(PIECES_WAITING_MAX);
    drop(tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let read = from.read(&mut piece).map(|len| piece.truncate(len));
            let is_over = read.is_err() || piece.is_empty();
            if is_over && read.is_ok() {
                return;
            }
            // Nobody may want the rest.
            let sent = to.blocking_send(read.map(|()| Bytes::from(piece)));
            if is_over || sent.is_err() {
                return;
            }
        }
    }));
    let pieces = futures::stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    // Who takes it may ask again after its end.
    Ok(Some(pieces.fuse().boxed()))
}

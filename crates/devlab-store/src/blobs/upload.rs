//! Puts a blob: content in, frames out, in parts if there are many.

use bytes::Bytes;
use devlab_core::check::{Sha256Hasher, Sha256Hex};
use futures::{Stream, StreamExt};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

use super::error::{BlobError, BlobErrorKind};
use super::frames::{Encoded, Encoder, FRAME_BYTES};
use super::{Blob, BlobStore, PART_BYTES, Result, blocking};

impl BlobStore {
    /// Stores content that is not there.
    pub(super) async fn upload<S>(&self, digest: &Sha256Hex, source: S) -> Result<Blob>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
    {
        // Asked again after its end, some sources panic.
        let mut source = source.fuse();
        let path = self.path(digest);
        let mut parts: Option<Box<dyn MultipartUpload>> = None;
        let outcome = async {
            let mut sent = 0_u64;
            let mut encoder = Encoder::new().map_err(of_encoder)?;
            while let Some(bytes) = next(&mut source).await? {
                encoder = encode(encoder, bytes).await?;
                while encoder.made.len() >= PART_BYTES {
                    let later = encoder.made.split_off(PART_BYTES);
                    let part = std::mem::replace(&mut encoder.made, later);
                    sent += part.len() as u64;
                    let parts = match &mut parts {
                        Some(parts) => parts,
                        none => none.insert(self.objects.put_multipart(&path).await?),
                    };
                    parts.put_part(PutPayload::from(part)).await?;
                }
            }
            let encoded = blocking(move || encoder.finish())
                .await?
                .map_err(of_encoder)?;
            if encoded.digest != *digest {
                return Err(mismatch(encoded.len, &encoded.digest));
            }
            let Encoded { len, made, .. } = encoded;
            let stored = sent + made.len() as u64;
            match &mut parts {
                Some(parts) => {
                    parts.put_part(PutPayload::from(made)).await?;
                    let completed = parts.complete().await;
                    // An answer that was lost is asked for again, and then the upload is over; and one
                    // that was given by a server which died before it had done so is not believed.
                    if let Err(missing) = self.find(digest).await {
                        return Err(completed.map_or_else(BlobError::from, |_| missing));
                    }
                }
                None => drop(self.objects.put(&path, PutPayload::from(made)).await?),
            }
            self.forget(digest);
            let digest = digest.clone();
            Ok(Blob {
                digest,
                len,
                stored,
            })
        }
        .await;
        if let (Err(_), Some(mut parts)) = (&outcome, parts) {
            // What stays of it is not to be seen by anybody, and is swept later.
            drop(parts.abort().await);
        }
        outcome
    }
}

/// Reads content whose blob is there, which has to be the same.
pub(super) async fn compare<S>(digest: &Sha256Hex, source: S) -> Result<()>
where
    S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
{
    let mut source = source.fuse();
    let (mut hasher, mut len) = (Sha256Hasher::default(), 0);
    while let Some(bytes) = next(&mut source).await? {
        len += bytes.len() as u64;
        let hashed = blocking(move || {
            hasher.update(&bytes);
            hasher
        });
        hasher = hashed.await?;
    }
    let came = hasher.finish();
    if came != *digest {
        return Err(mismatch(len, &came));
    }
    Ok(())
}

/// Other bytes came than those that were announced.
fn mismatch(len: u64, digest: &Sha256Hex) -> BlobError {
    let what = format!("{len} bytes with SHA-256 {digest}");
    BlobError::new(BlobErrorKind::Mismatch, what)
}

/// Content for at least one frame, unless it ends before.
async fn next<S>(source: &mut S) -> Result<Option<Vec<u8>>>
where
    S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
{
    let mut bytes = Vec::new();
    while bytes.len() < FRAME_BYTES {
        match source.next().await {
            Some(Ok(more)) => bytes.extend_from_slice(&more),
            Some(Err(error)) => {
                return Err(BlobError::new(BlobErrorKind::Source, error.to_string()));
            }
            None => break,
        }
    }
    Ok((!bytes.is_empty()).then_some(bytes))
}

async fn encode(mut encoder: Encoder, bytes: Vec<u8>) -> Result<Encoder> {
    let encoded = blocking(move || encoder.write(&bytes).map(|()| encoder));
    encoded.await?.map_err(of_encoder)
}

fn of_encoder(error: std::io::Error) -> BlobError {
    BlobError::new(BlobErrorKind::Other, format!("cannot compress: {error}"))
}

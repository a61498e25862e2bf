//! Bytes that are too many for a database: logs of attempts that are over, and artifacts.
//!
//! A [`BlobStore`] keeps blobs under the SHA-256 of their content, compressed, in a folder or at an
//! S3-compatible server. It knows nothing of what names them: references are in the database, and
//! the rules of [`devlab_core::rules::bytes`] say when a blob may be removed.
//!
//! *Invariant:* a blob is there whole or not at all, and once [`BlobStore::put`] has returned it
//! survives a loss of power (a folder) or what the server promises (S3).
//! *Invariant:* no content is handed out that does not pass its checksum.
//! *Invariant:* to put what is there takes the same bytes, and ends in the same errors, as to put what
//! is not: nobody learns of content by its hash.

mod error;
mod folder;
mod frames;
mod owner;
mod s3;
mod upload;

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use devlab_core::Timestamp;
use devlab_core::check::{Sha256Hasher, Sha256Hex};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

pub use error::{BlobError, BlobErrorKind};
pub use s3::{S3Keys, S3Options, S3Patience};

use frames::Index;

/// Result of a call of a [`BlobStore`].
pub type Result<T> = std::result::Result<T, BlobError>;

/// Largest piece that [`BlobStore::read`] gives at once, in bytes.
pub const READ_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Piece in which [`BlobStore::stream`] reads, in bytes.
const STREAM_BYTES: u64 = 2 * 1024 * 1024;
/// Stored bytes that are sent at once; a blob that has more goes up in parts of this length. S3
/// takes parts from 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// End of what is stored that is fetched to find the table of frames: holds that of a log of the
/// largest size.
const TAIL_BYTES: u64 = 64 * 1024;
/// Most tables of frames that are kept in memory.
const INDEXES_MAX: usize = 256;
/// Names the folder of blobs by their hash.
const HASH: &str = "sha256";
/// What [`BlobStore::probe`] writes.
const PROBE: &str = "probe";

/// Where blobs are kept.
#[derive(Debug, Clone)]
pub enum BlobPlace {
    /// A folder.
    Folder(PathBuf),
    /// A bucket.
    S3(Box<S3Options>),
}

/// A blob that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Hash of the content.
    pub digest: Sha256Hex,
    /// Length of the content, in bytes.
    pub len: u64,
    /// Length of what is stored, in bytes.
    pub stored: u64,
}

/// A blob in a list, which does not open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Hash of the content.
    pub digest: Sha256Hex,
    /// Length of what is stored, in bytes.
    pub stored: u64,
    /// When it was put, by the clock of the place.
    pub modified: Timestamp,
}

/// How the place of blobs has done since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlobHealth {
    /// Calls that went well.
    pub good: u64,
    /// Calls that failed, by the fault of the place.
    pub failed: u64,
    /// What is wrong; `None` if the last call went well.
    pub trouble: Option<String>,
}

/// Blobs in one place.
pub struct BlobStore {
    objects: Arc<dyn ObjectStore>,
    /// Begins the name of every object.
    prefix: Path,
    place: String,
    /// Set if the place is a folder.
    folder: Option<PathBuf>,
    indexes: Mutex<HashMap<Sha256Hex, (Arc<Index>, u64)>>,
    good: AtomicU64,
    failed: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl std::fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobStore({})", self.place)
    }
}

impl BlobPlace {
    /// The place, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Folder(dir) => dir.display().to_string(),
            Self::S3(options) => options.describe(),
        }
    }
}

impl BlobStore {
    /// Opens a place. A folder is made if it is not there; a server is not asked yet.
    ///
    /// # Errors
    /// `Config` if the description is wrong; `Denied` or `Full` if the folder cannot be made.
    pub fn open(place: &BlobPlace) -> Result<Arc<Self>> {
        let (objects, prefix, folder): (Arc<dyn ObjectStore>, _, _) = match place {
            BlobPlace::Folder(dir) => (Arc::new(folder::open(dir)?), "", Some(dir.clone())),
            BlobPlace::S3(options) => (Arc::new(options.client()?), options.prefix.as_str(), None),
        };
        Ok(Arc::new(Self {
            objects,
            prefix: Path::from(prefix),
            place: place.describe(),
            folder,
            indexes: Mutex::default(),
            good: AtomicU64::default(),
            failed: AtomicU64::default(),
            trouble: Mutex::default(),
        }))
    }

    /// The place, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// How the place has done since the start.
    #[must_use]
    pub fn health(&self) -> BlobHealth {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        BlobHealth {
            good: self.good.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            trouble: trouble.clone(),
        }
    }

    /// Counts how a call went. What the caller, or a blob's absence, is to blame for is no trouble
    /// of the place.
    fn note<T>(&self, outcome: Result<T>) -> Result<T> {
        let trouble = match &outcome {
            Ok(_) => None,
            Err(error) => match error.kind {
                BlobErrorKind::Missing
                | BlobErrorKind::Mismatch
                | BlobErrorKind::Source
                | BlobErrorKind::Config => return outcome,
                BlobErrorKind::Damaged
                | BlobErrorKind::Full
                | BlobErrorKind::Denied
                | BlobErrorKind::Unreachable
                | BlobErrorKind::Other => Some(error.to_string()),
            },
        };
        let count = if trouble.is_none() {
            &self.good
        } else {
            &self.failed
        };
        count.fetch_add(1, Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        outcome
    }

    /// Name of a blob's object: two digits first, so that no folder has too many.
    fn path(&self, digest: &Sha256Hex) -> Path {
        let name = digest.to_string();
        let short = name.get(..2).unwrap_or_default().to_owned();
        self.prefix.clone().join(HASH).join(short).join(name)
    }

    /// Stores the content that comes, under its hash, which has to be known. Content that is there
    /// already is read and compared all the same, and not stored again.
    ///
    /// # Errors
    /// `Mismatch` if the content has another hash: nothing is stored then. `Source` if `source`
    /// fails. Else what the place says.
    pub async fn put<S>(&self, digest: &Sha256Hex, source: S) -> Result<Blob>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
    {
        let outcome = match self.find(digest).await {
            Ok(blob) => upload::compare(digest, source).await.map(|()| blob),
            // What is damaged is put again.
            Err(error) if matches!(error.kind, BlobErrorKind::Missing | BlobErrorKind::Damaged) => {
                self.upload(digest, source).await
            }
            Err(error) => Err(error),
        };
        self.note(outcome.map_err(|error| error.about(digest)))
    }

    /// Stores bytes; see [`Self::put`].
    ///
    /// # Errors
    /// What the place says.
    pub async fn put_bytes(&self, bytes: Bytes) -> Result<Blob> {
        let digest = Sha256Hex::of(&bytes);
        self.put(&digest, stream::iter([Ok(bytes)])).await
    }

    /// A blob, if it is there. Reads its table of frames, not its content.
    ///
    /// # Errors
    /// `Damaged`; what the place says.
    pub async fn stat(&self, digest: &Sha256Hex) -> Result<Option<Blob>> {
        match self.note(self.find(digest).await) {
            Ok(blob) => Ok(Some(blob)),
            Err(error) if error.kind == BlobErrorKind::Missing => Ok(None),
            Err(error) => Err(error.about(digest)),
        }
    }

    async fn find(&self, digest: &Sha256Hex) -> Result<Blob> {
        // Asks the place, whatever is remembered of it.
        let (index, stored) = self.fetch_index(digest).await?;
        Ok(Blob {
            digest: digest.clone(),
            len: index.len(),
            stored,
        })
    }

    /// Reads at most `max` bytes (and at most [`READ_BYTES_MAX`]) of a blob from an offset. Returns
    /// them and the blob's length. Fetches only the frames that hold them, each of which has a
    /// checksum.
    ///
    /// # Errors
    /// `Missing`, `Damaged`; what the place says.
    pub async fn read(
        &self,
        digest: &Sha256Hex,
        offset: u64,
        max: usize,
    ) -> Result<(Vec<u8>, u64)> {
        let outcome = self.range(digest, offset, max.min(READ_BYTES_MAX)).await;
        if outcome.is_err() {
            self.forget(digest);
        }
        self.note(outcome.map_err(|error| error.about(digest)))
    }

    async fn range(&self, digest: &Sha256Hex, offset: u64, max: usize) -> Result<(Vec<u8>, u64)> {
        let known = self
            .indexes()
            .get(digest)
            .map(|(index, _)| Arc::clone(index));
        let index = match known {
            Some(index) => index,
            None => self.fetch_index(digest).await?.0,
        };
        let len = index.len();
        let content = offset..len.min(offset.saturating_add(max as u64));
        if content.is_empty() {
            return Ok((Vec::new(), len));
        }
        let piece = index.piece(&content);
        let stored = self.fetch(digest, piece.stored.clone()).await?;
        let bytes = blocking(move || index.content(&piece, &stored, &content)).await??;
        Ok((bytes, len))
    }

    /// A blob's whole content, piece by piece. Ends with `Damaged` if its hash is not the blob's;
    /// a caller has to see the end of it before it trusts what it got.
    pub fn stream(self: &Arc<Self>, digest: &Sha256Hex) -> BoxStream<'static, Result<Bytes>> {
        let state = (
            Arc::clone(self),
            digest.clone(),
            0_u64,
            Some(Sha256Hasher::default()),
        );
        let pieces = stream::try_unfold(state, |(blobs, digest, at, hasher)| async move {
            let Some(mut hasher) = hasher else {
                return Ok(None);
            };
            let max = usize::try_from(STREAM_BYTES).unwrap_or(usize::MAX);
            let (bytes, _) = blobs.read(&digest, at, max).await?;
            if bytes.is_empty() {
                if hasher.finish() != digest {
                    return Err(BlobError::damaged("its content has another hash").about(&digest));
                }
                return Ok(Some((Bytes::new(), (blobs, digest, at, None))));
            }
            hasher.update(&bytes);
            let next = at + bytes.len() as u64;
            Ok(Some((
                Bytes::from(bytes),
                (blobs, digest, next, Some(hasher)),
            )))
        });
        pieces.boxed()
    }

    /// Reads a blob whole and compares its hash.
    ///
    /// # Errors
    /// `Missing`, `Damaged`; what the place says.
    pub async fn verify(self: &Arc<Self>, digest: &Sha256Hex) -> Result<Blob> {
        self.forget(digest);
        self.stream(digest)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        self.find(digest).await.map_err(|error| error.about(digest))
    }

    /// All blobs, in no particular order. What is put or removed meanwhile may be missing.
    pub fn list(&self) -> BoxStream<'static, Result<Listed>> {
        let all = self.objects.list(Some(&self.prefix.clone().join(HASH)));
        let all = all.map_err(BlobError::from);
        // Whatever else lies there is not ours.
        all.try_filter_map(|meta| async move { Ok(listed(&meta)) })
            .boxed()
    }

    /// Removes a blob; one that is not there is no error.
    ///
    /// # Errors
    /// What the place says.
    pub async fn delete(&self, digest: &Sha256Hex) -> Result<()> {
        self.forget(digest);
        let outcome = match self.objects.delete(&self.path(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(BlobError::from(error).about(digest)),
        };
        self.note(outcome)
    }

    /// Writes, reads and removes something, to see whether the place works.
    ///
    /// # Errors
    /// What the place says.
    pub async fn probe(&self) -> Result<()> {
        let path = self.prefix.clone().join(PROBE);
        let outcome = self.try_place(&path).await;
        self.note(outcome.map_err(|error| error.about(&self.place)))
    }

    async fn try_place(&self, path: &Path) -> Result<()> {
        use object_store::Error::NotFound;
        match self.objects.put(path, PROBE.into()).await {
            Ok(_) => {}
            // What is missing when something is put is the bucket.
            Err(error @ NotFound { .. }) => {
                return Err(BlobError::new(BlobErrorKind::Config, error.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
        let back = async { self.objects.get(path).await?.bytes().await };
        match back.await {
            Ok(back) if back == PROBE => {}
            Ok(_) => return Err(BlobError::damaged("it gives back other bytes than it got")),
            // Two that try at the same time may meet.
            Err(NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        match self.objects.delete(path).await {
            Ok(()) | Err(NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what uploads left that were cut before this time; returns how many. Only a folder
    /// shows them: a bucket should have a rule that ends incomplete uploads.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn sweep(&self, before: Timestamp) -> Result<u64> {
        match self.folder.clone() {
            Some(dir) => blocking(move || folder::sweep(&dir.join(HASH), before)).await?,
            None => Ok(0),
        }
    }

    fn indexes(&self) -> std::sync::MutexGuard<'_, HashMap<Sha256Hex, (Arc<Index>, u64)>> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, digest: &Sha256Hex) {
        self.indexes().remove(digest);
    }

    /// A blob's table of frames and the length of what is stored, from the place.
    async fn fetch_index(&self, digest: &Sha256Hex) -> Result<(Arc<Index>, u64)> {
        let options = GetOptions {
            range: Some(GetRange::Suffix(TAIL_BYTES)),
            ..GetOptions::default()
        };
        let found = self.objects.get_opts(&self.path(digest), options).await?;
        let stored = found.meta.size;
        let mut tail = found.bytes().await?;
        let needed = Index::table_bytes(&tail).map_err(BlobError::damaged)?;
        if needed > tail.len() as u64 {
            let from = stored
                .checked_sub(needed)
                .ok_or_else(|| BlobError::damaged("its table is longer than what is stored"))?;
            tail = self.fetch(digest, from..stored).await?;
        }
        let index = Index::parse(&tail, stored).map_err(BlobError::damaged)?;
        let index = Arc::new(index);
        let mut indexes = self.indexes();
        if indexes.len() >= INDEXES_MAX {
            indexes.clear();
        }
        indexes.insert(digest.clone(), (Arc::clone(&index), stored));
        Ok((index, stored))
    }

    async fn fetch(&self, digest: &Sha256Hex, range: Range<u64>) -> Result<Bytes> {
        Ok(self.objects.get_range(&self.path(digest), range).await?)
    }
}

fn listed(meta: &ObjectMeta) -> Option<Listed> {
    Some(Listed {
        digest: meta.location.filename()?.parse().ok()?,
        stored: meta.size,
        modified: Timestamp::from_millis(meta.last_modified.timestamp_millis()),
    })
}

/// Work of the processor, or on files, that would hold up others.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|join| BlobError::new(BlobErrorKind::Other, join.to_string()))
}

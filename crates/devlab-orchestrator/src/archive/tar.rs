//! Parts as a tar that is made while it is sent.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use super::io as failed;
use super::manifest::Part;
use crate::error::Result;

/// Blocks of a tar.
const BLOCK: usize = 512;
/// Bytes that are sent at a time.
const PIECE_BYTES: usize = 128 << 10;

/// Name of what stands in the place of a manifest if there is none: why.
pub(super) const ERROR: &str = "error.txt";

/// Sends a tar. Whoever reads slowly makes it wait.
pub(super) struct Sender {
    to: mpsc::Sender<io::Result<Bytes>>,
    /// Whether a part has begun and not ended.
    in_part: AtomicBool,
}

impl Sender {
    pub(super) fn new(to: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self {
            to,
            in_part: AtomicBool::new(false),
        }
    }

    async fn send(&self, bytes: impl Into<Bytes>) -> Result<()> {
        let gone = || failed("sending an archive")(io::ErrorKind::BrokenPipe.into());
        self.to.send(Ok(bytes.into())).await.map_err(|_| gone())
    }

    /// Sends a file as a part. It must not change meanwhile.
    pub(super) async fn file(&self, part: &Part, file: &Path) -> Result<()> {
        let reading = || failed(format!("cannot read {}", file.display()));
        self.begin(&part.name, part.bytes).await?;
        let mut left = part.bytes;
        let mut from = tokio::fs::File::open(file).await.map_err(reading())?;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(PIECE_BYTES);
            let mut piece = vec![0; wanted.min(PIECE_BYTES)];
            from.read_exact(&mut piece).await.map_err(reading())?;
            left -= piece.len() as u64;
            self.send(piece).await?;
        }
        self.pad(part.bytes).await
    }

    /// Sends a file as it is.
    pub(super) async fn raw(&self, file: &Path) -> Result<()> {
        let reading = || failed(format!("cannot read {}", file.display()));
        let mut from = tokio::fs::File::open(file).await.map_err(reading())?;
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let len = from.read(&mut piece).await.map_err(reading())?;
            if len == 0 {
                return Ok(());
            }
            piece.truncate(len);
            self.send(piece).await?;
        }
    }

    /// Sends bytes as a part.
    pub(super) async fn bytes(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let len = bytes.len() as u64;
        self.begin(name, len).await?;
        self.send(bytes).await?;
        self.pad(len).await
    }

    async fn begin(&self, name: &str, len: u64) -> Result<()> {
        self.in_part.store(true, Ordering::Relaxed);
        self.send(header(name, len)?).await
    }

    async fn pad(&self, len: u64) -> Result<()> {
        let over = usize::try_from(len % BLOCK as u64).unwrap_or(0);
        if over > 0 {
            self.send(vec![0; BLOCK - over]).await?;
        }
        self.in_part.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Ends it.
    pub(super) async fn end(&self) -> Result<()> {
        self.send(vec![0; 2 * BLOCK]).await
    }

    /// Tells the reader that there will be no manifest, and why.
    pub(super) async fn fail(&self, error: &crate::error::Error) {
        let words = error.to_string();
        let told = match self.in_part.load(Ordering::Relaxed) {
            // Nothing can be said in the middle of a part.
            true => Err(io::Error::other(words)),
            false => match self.bytes(ERROR, words.into_bytes()).await {
                Ok(()) => return,
                Err(error) => Err(io::Error::other(error.to_string())),
            },
        };
        // Who reads may have gone, which may be what has failed.
        drop(self.to.send(told).await);
    }
}

fn header(name: &str, len: u64) -> Result<Vec<u8>> {
    let mut header = ::tar::Header::new_gnu();
    header.set_path(name).map_err(failed(name))?;
    header.set_size(len);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(::tar::EntryType::Regular);
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

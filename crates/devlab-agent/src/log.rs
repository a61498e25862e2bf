//! An attempt's log on the agent's disk: a byte stream that only grows, and the offset up to which
//! the server has acknowledged it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use devlab_core::limits::LOG_CHUNK_BYTES_MAX;
use tokio::sync::watch;

use crate::durable;

/// The stream, in its folder.
const STREAM_FILE: &str = "output";
/// The acknowledged offset, in its folder.
const ACKED_FILE: &str = "acked";
/// How far the acknowledged offset may be ahead of its file. After a restart so many bytes are sent
/// again at most, and the server ignores them.
const ACK_STEP_BYTES: u64 = 1024 * 1024;

/// One log. Several writers may append at once, the supervisor of a driver among them: each append
/// is one piece of the stream.
#[derive(Debug)]
pub struct LogFile {
    folder: PathBuf,
    file: File,
    length: watch::Sender<u64>,
    acked: Mutex<Acked>,
}

#[derive(Debug)]
struct Acked {
    offset: u64,
    on_disk: u64,
}

/// A piece of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where it starts.
    pub offset: u64,
    /// The bytes; never empty, at most [`LOG_CHUNK_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

impl LogFile {
    /// Opens the log in `folder`, which must exist, or starts it.
    ///
    /// If the machine lost power, the file may be shorter than what was acknowledged. It is then
    /// extended to that length, so that offsets stay true; those bytes are never read again.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(STREAM_FILE);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        // Lost or torn, it is 0: everything is sent again.
        let acked: u64 = fs::read_to_string(folder.join(ACKED_FILE))
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        let length = file.metadata()?.len();
        if length < acked {
            tracing::warn!(folder = %folder.display(), length, acked, "a log lost its end");
            file.set_len(acked)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            file,
            length: watch::Sender::new(length.max(acked)),
            acked: Mutex::new(Acked {
                offset: acked,
                on_disk: acked,
            }),
        })
    }

    /// The stream's file, for a supervisor to append to.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(STREAM_FILE)
    }

    /// Appends bytes and returns the offset at which they start.
    ///
    /// # Errors
    /// What the file system says. A part may have been written; it stays, and the next append
    /// follows it.
    pub fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        // In append mode the position after a write is where that write ended, whoever else
        // appends; the lock keeps writes through this handle from moving it in between.
        let acked = self.lock();
        let mut file = &self.file;
        let written = file.write_all(bytes);
        let end = file.stream_position()?;
        drop(acked);
        self.grown(end);
        written?;
        Ok(end.saturating_sub(bytes.len() as u64))
    }

    /// Says that the file is at least so long now.
    pub fn grown(&self, length: u64) {
        self.length.send_if_modified(|known| {
            let more = *known < length;
            *known = length.max(*known);
            more
        });
    }

    /// How long the stream is known to be.
    #[must_use]
    pub fn length(&self) -> u64 {
        *self.length.borrow()
    }

    /// Looks at the file for bytes that a supervisor wrote unheard.
    ///
    /// # Errors
    /// What the file system says.
    pub fn refresh(&self) -> io::Result<u64> {
        self.grown(self.file.metadata()?.len());
        Ok(self.length())
    }

    /// Tells of every growth.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.length.subscribe()
    }

    /// Reads at most `bytes_max` bytes from an offset; fewer, or none, at the end.
    ///
    /// # Errors
    /// What the file system says.
    pub fn read(&self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let left = self.length().saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(bytes_max);
        let mut bytes = vec![0_u8; wanted];
        let mut filled = 0;
        while filled < wanted {
            match self
                .file
                .read_at(&mut bytes[filled..], offset + filled as u64)
            {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// The last `bytes_max` bytes, for feedback on a failure.
    ///
    /// # Errors
    /// What the file system says.
    pub fn tail(&self, bytes_max: usize) -> io::Result<Vec<u8>> {
        self.read(self.length().saturating_sub(bytes_max as u64), bytes_max)
    }

    /// The next piece to send, if there is one.
    ///
    /// # Errors
    /// What the file system says.
    pub fn next_chunk(&self) -> io::Result<Option<Chunk>> {
        let offset = self.acked();
        let bytes = self.read(offset, LOG_CHUNK_BYTES_MAX)?;
        Ok((!bytes.is_empty()).then_some(Chunk { offset, bytes }))
    }

    /// Up to where the server has it.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.lock().offset
    }

    /// The server has everything before `offset`. Goes back, too: a server that was restored from
    /// a backup may want bytes again, and they are still here.
    ///
    /// # Errors
    /// What the file system says. The offset counts all the same, until a restart.
    pub fn ack(&self, offset: u64) -> io::Result<()> {
        let mut acked = self.lock();
        acked.offset = offset.min(self.length());
        if acked.offset.abs_diff(acked.on_disk) < ACK_STEP_BYTES && acked.offset > acked.on_disk {
            return Ok(());
        }
        self.store(&mut acked)
    }

    /// Writes the acknowledged offset down; at the end of an attempt.
    ///
    /// # Errors
    /// What the file system says.
    pub fn flush(&self) -> io::Result<()> {
        self.store(&mut self.lock())
    }

    fn store(&self, acked: &mut Acked) -> io::Result<()> {
        if acked.on_disk != acked.offset {
            durable::replace(
                &self.folder.join(ACKED_FILE),
                acked.offset.to_string().as_bytes(),
            )?;
            acked.on_disk = acked.offset;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Acked> {
        self.acked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_hold_with_two_writers() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::open(folder.path()).unwrap();
        let mut other = OpenOptions::new().append(true).open(log.path()).unwrap();
        assert_eq!(log.append(b"one").unwrap(), 0);
        other.write_all(b"two!").unwrap();
        assert_eq!(log.append(b"three").unwrap(), 7);
        assert_eq!(log.read(3, 100).unwrap(), b"two!three");
        assert_eq!(log.tail(5).unwrap(), b"three");
    }

    #[test]
    fn chunks_are_bounded_and_go_on_after_the_acknowledged_offset() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::open(folder.path()).unwrap();
        assert_eq!(log.next_chunk().unwrap(), None);
        log.append(&vec![b'x'; LOG_CHUNK_BYTES_MAX + 1]).unwrap();
        let chunk = log.next_chunk().unwrap().unwrap();
        assert_eq!((chunk.offset, chunk.bytes.len()), (0, LOG_CHUNK_BYTES_MAX));
        log.ack(LOG_CHUNK_BYTES_MAX as u64).unwrap();
        let chunk = log.next_chunk().unwrap().unwrap();
        assert_eq!(
            (chunk.offset, chunk.bytes.len()),
            (LOG_CHUNK_BYTES_MAX as u64, 1)
        );
        log.ack(chunk.offset + 1).unwrap();
        log.flush().unwrap();
        drop(log);
        assert_eq!(
            LogFile::open(folder.path()).unwrap().next_chunk().unwrap(),
            None
        );
    }

    #[test]
    fn a_log_that_lost_its_end_keeps_its_offsets() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::open(folder.path()).unwrap();
        log.append(b"0123456789").unwrap();
        log.ack(8).unwrap();
        log.flush().unwrap();
        log.file.set_len(5).unwrap();
        drop(log);
        let log = LogFile::open(folder.path()).unwrap();
        assert_eq!(log.append(b"next").unwrap(), 8);
        assert_eq!(log.next_chunk().unwrap().unwrap().bytes, b"next");
    }

    #[test]
    fn a_torn_acknowledgement_only_costs_a_repetition() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::open(folder.path()).unwrap();
        log.append(b"abc").unwrap();
        fs::write(folder.path().join(ACKED_FILE), b"\xff\x00").unwrap();
        drop(log);
        let chunk = LogFile::open(folder.path())
            .unwrap()
            .next_chunk()
            .unwrap()
            .unwrap();
        assert_eq!((chunk.offset, chunk.bytes), (0, b"abc".to_vec()));
    }
}

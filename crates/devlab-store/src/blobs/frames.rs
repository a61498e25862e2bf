//! The form in which a blob is stored: the Zstandard Seekable Format.
//!
//! The content is cut into pieces of [`FRAME_BYTES`], each an independent zstd frame with a checksum
//! of its content, followed by a table of the frames in a skippable frame. Any zstd decompresses the
//! whole; a reader of a range needs the table and the frames of that range. The format is described
//! in `contrib/seekable_format` of the zstd project.

use std::io;

use devlab_core::check::{Sha256Hasher, Sha256Hex};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use super::error::BlobError;

/// Content of one frame, in bytes: what a reader of one byte has to fetch and decompress.
pub(super) const FRAME_BYTES: usize = 256 * 1024;
/// Largest table of frames that is read, in bytes: that of a blob of 256 GiB.
pub(super) const TABLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Level of compression: the one that zstd takes by itself.
const LEVEL: i32 = 3;
/// Begins the skippable frame that holds the table.
const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
/// Ends the table.
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;
/// Magic number and length of a skippable frame.
const HEADER_BYTES: u64 = 8;
/// Number of frames, flags, magic number.
const FOOTER_BYTES: usize = 9;
/// Compressed and decompressed length of a frame.
const ENTRY_BYTES: u64 = 8;
/// Flag of a table that has a checksum in each entry; frames carry their own here.
const ENTRY_CHECKSUMS: u8 = 0x80;

/// Turns content into frames.
pub(super) struct Encoder {
    compressor: Compressor<'static>,
    hasher: Sha256Hasher,
    /// Content that does not fill a frame yet.
    rest: Vec<u8>,
    /// Compressed and decompressed length of each frame so far.
    table: Vec<(u32, u32)>,
    /// What is made and not taken yet.
    pub(super) made: Vec<u8>,
    len: u64,
}

/// What an encoder has seen.
pub(super) struct Encoded {
    /// Hash of the content.
    pub(super) digest: Sha256Hex,
    /// Length of the content, in bytes.
    pub(super) len: u64,
    /// The last bytes to store.
    pub(super) made: Vec<u8>,
}

impl Encoder {
    pub(super) fn new() -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self {
            compressor,
            hasher: Sha256Hasher::default(),
            rest: Vec::new(),
            table: Vec::new(),
            made: Vec::new(),
            len: 0,
        })
    }

    /// Takes more content.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = FRAME_BYTES - self.rest.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() == FRAME_BYTES {
                self.frame()?;
            }
        }
        Ok(())
    }

    fn frame(&mut self) -> io::Result<()> {
        let made = self.compressor.compress(&self.rest)?;
        let length = |n: usize| u32::try_from(n).map_err(io::Error::other);
        self.table
            .push((length(made.len())?, length(self.rest.len())?));
        self.made.extend_from_slice(&made);
        self.rest.clear();
        Ok(())
    }

    /// Ends the content.
    pub(super) fn finish(mut self) -> io::Result<Encoded> {
        if !self.rest.is_empty() {
            self.frame()?;
        }
        let body = self.table.len() as u64 * ENTRY_BYTES + FOOTER_BYTES as u64;
        let body = u32::try_from(body).map_err(io::Error::other)?;
        let frames = u32::try_from(self.table.len()).map_err(io::Error::other)?;
        let out = &mut self.made;
        out.extend_from_slice(&SKIPPABLE_MAGIC.to_le_bytes());
        out.extend_from_slice(&body.to_le_bytes());
        for (stored, content) in &self.table {
            out.extend_from_slice(&stored.to_le_bytes());
            out.extend_from_slice(&content.to_le_bytes());
        }
        out.extend_from_slice(&frames.to_le_bytes());
        out.push(0);
        out.extend_from_slice(&SEEKABLE_MAGIC.to_le_bytes());
        Ok(Encoded {
            digest: self.hasher.finish(),
            len: self.len,
            made: self.made,
        })
    }
}

/// Where the frames of a stored blob are.
#[derive(Debug)]
pub(super) struct Index {
    /// Where each frame ends, in what is stored and in the content.
    ends: Vec<(u64, u64)>,
}

/// A piece of what is stored, and how it becomes content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// First frame.
    first: usize,
    /// Frame after the last one.
    end: usize,
    /// Its bytes in what is stored.
    pub(super) stored: std::ops::Range<u64>,
}

impl Index {
    /// How many bytes at the end of what is stored hold the table; `tail` is its end, at least
    /// [`FOOTER_BYTES`] long.
    pub(super) fn table_bytes(tail: &[u8]) -> Result<u64, &'static str> {
        let footer = tail
            .len()
            .checked_sub(FOOTER_BYTES)
            .and_then(|at| tail.get(at..))
            .ok_or("it is too short")?;
        if number(footer, 5)? != SEEKABLE_MAGIC {
            return Err("it does not end with a table of frames");
        }
        if footer.get(4) != Some(&0) {
            return Err(match footer.get(4) {
                Some(flags) if flags & ENTRY_CHECKSUMS != 0 => "its table has checksums",
                _ => "its table has unknown flags",
            });
        }
        let frames = u64::from(number(footer, 0)?);
        let bytes = HEADER_BYTES + frames * ENTRY_BYTES + FOOTER_BYTES as u64;
        if bytes > TABLE_BYTES_MAX {
            return Err("its table is too large");
        }
        Ok(bytes)
    }

    /// Reads the table, which is the end of `tail`; `stored` bytes are stored in all.
    pub(super) fn parse(tail: &[u8], stored: u64) -> Result<Self, &'static str> {
        let bytes = Self::table_bytes(tail)?;
        let table = usize::try_from(bytes)
            .ok()
            .and_then(|bytes| tail.len().checked_sub(bytes))
            .and_then(|at| tail.get(at..))
            .ok_or("its table is cut")?;
        if number(table, 0)? != SKIPPABLE_MAGIC {
            return Err("its table does not begin where it should");
        }
        if u64::from(number(table, 4)?) + HEADER_BYTES != bytes {
            return Err("its table has another length than it says");
        }
        let entries = &table[8..table.len() - FOOTER_BYTES];
        let mut ends = Vec::with_capacity(entries.len() / 8);
        let mut at = (0_u64, 0_u64);
        for entry in entries.chunks_exact(8) {
            let content = number(entry, 4)?;
            if content == 0 || content as usize > FRAME_BYTES {
                return Err("a frame has an impossible length");
            }
            at.0 += u64::from(number(entry, 0)?);
            at.1 += u64::from(content);
            ends.push(at);
        }
        if at.0 + bytes != stored {
            return Err("its length is not that of its frames");
        }
        Ok(Self { ends })
    }

    /// Length of the content, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.ends.last().map_or(0, |(_, content)| *content)
    }

    /// What has to be fetched for a range of the content that is not empty and ends in it.
    pub(super) fn piece(&self, content: &std::ops::Range<u64>) -> Piece {
        let first = self.ends.partition_point(|(_, end)| *end <= content.start);
        let last = self.ends.partition_point(|(_, end)| *end < content.end);
        let end = (last + 1).min(self.ends.len());
        let stored = self.start(first).0..self.start(end).0;
        Piece { first, end, stored }
    }

    fn start(&self, frame: usize) -> (u64, u64) {
        frame
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or((0, 0))
    }

    /// The content of a range, from the stored bytes of its [`Piece`].
    ///
    /// # Errors
    /// A frame is not what it was: each carries a checksum of its content.
    pub(super) fn content(
        &self,
        piece: &Piece,
        stored: &[u8],
        content: &std::ops::Range<u64>,
    ) -> Result<Vec<u8>, BlobError> {
        let mut decompressor =
            Decompressor::new().map_err(|e| BlobError::damaged(e.to_string()))?;
        let mut bytes = Vec::new();
        for frame in piece.first..piece.end {
            let (from, to) = (self.start(frame), self.start(frame + 1));
            let place = |at: u64| usize::try_from(at - piece.stored.start).unwrap_or(usize::MAX);
            let frame_bytes = stored
                .get(place(from.0)..place(to.0))
                .ok_or_else(|| BlobError::damaged("less is stored than its table says"))?;
            let length = usize::try_from(to.1 - from.1).unwrap_or(usize::MAX);
            let made = decompressor
                .decompress(frame_bytes, length)
                .map_err(|e| BlobError::damaged(format!("frame {frame}: {e}")))?;
            if made.len() != length {
                return Err(BlobError::damaged(format!(
                    "frame {frame} has {} bytes, its table says {length}",
                    made.len()
                )));
            }
            let within = |at: u64| usize::try_from(at.clamp(from.1, to.1) - from.1).unwrap_or(0);
            bytes.extend_from_slice(&made[within(content.start)..within(content.end)]);
        }
        Ok(bytes)
    }
}

/// A little-endian number in a table.
fn number(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map(u32::from_le_bytes).ok_or("its table is cut")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(content: &[u8]) -> Encoded {
        let mut encoder = Encoder::new().unwrap();
        // Uneven pieces, as a network brings them.
        for piece in content.chunks(100_003) {
            encoder.write(piece).unwrap();
        }
        encoder.finish().unwrap()
    }

    fn content(len: usize) -> Vec<u8> {
        let words =
            (0_u32..).flat_map(|n| format!("{} line {n}\n", n.wrapping_mul(77_003)).into_bytes());
        words.take(len).collect()
    }

    fn read(index: &Index, stored: &[u8], range: std::ops::Range<u64>) -> Vec<u8> {
        let piece = index.piece(&range);
        let place = |at: u64| usize::try_from(at).unwrap();
        let fetched = &stored[place(piece.stored.start)..place(piece.stored.end)];
        index.content(&piece, fetched, &range).unwrap()
    }

    #[test]
    fn every_range_comes_back_and_fetches_only_its_frames() {
        let whole = content(3 * FRAME_BYTES + 77);
        let encoded = encode(&whole);
        assert_eq!(encoded.digest, Sha256Hex::of(&whole));
        let stored = &encoded.made;
        assert!(stored.len() < whole.len() / 2, "{}", stored.len());
        let index = Index::parse(stored, stored.len() as u64).unwrap();
        assert_eq!(index.len(), whole.len() as u64);
        let frame = FRAME_BYTES as u64;
        for (range, frames) in [
            (0..1, 1),
            (0..frame, 1),
            (frame - 1..frame + 1, 2),
            (frame..2 * frame, 1),
            (3 * frame..3 * frame + 77, 1),
            (5..3 * frame + 77, 4),
        ] {
            let piece = index.piece(&range);
            assert_eq!(piece.end - piece.first, frames, "{range:?}");
            let place = |at: u64| usize::try_from(at).unwrap();
            let expected = &whole[place(range.start)..place(range.end)];
            assert!(read(&index, stored, range.clone()) == expected, "{range:?}");
        }
    }

    #[test]
    fn any_zstd_reads_the_whole() {
        let whole = content(FRAME_BYTES + 5);
        let plain = zstd::stream::decode_all(encode(&whole).made.as_slice()).unwrap();
        assert!(plain == whole);
    }

    #[test]
    fn nothing_is_a_blob_too() {
        let encoded = encode(b"");
        let index = Index::parse(&encoded.made, encoded.made.len() as u64).unwrap();
        assert_eq!(index.len(), 0);
        assert_eq!(encoded.digest, Sha256Hex::of(b""));
    }

    #[test]
    fn no_flipped_byte_goes_unnoticed() {
        let whole = content(2 * FRAME_BYTES);
        let encoded = encode(&whole);
        let stored = encoded.made;
        let all = 0..whole.len() as u64;
        for at in (0..stored.len())
            .step_by(997)
            .chain(stored.len() - 40..stored.len())
        {
            let mut bad = stored.clone();
            bad[at] ^= 0x10;
            let Ok(index) = Index::parse(&bad, bad.len() as u64) else {
                continue;
            };
            if index.len() != whole.len() as u64 {
                continue;
            }
            let piece = index.piece(&all);
            let place = |at: u64| usize::try_from(at).unwrap();
            let fetched = &bad[place(piece.stored.start)..place(piece.stored.end)];
            let read = index.content(&piece, fetched, &all);
            assert!(read.is_err_and(|error| error.is_damage()), "byte {at}");
        }
        assert!(Index::parse(&stored[..stored.len() - 1], stored.len() as u64 - 1).is_err());
        assert!(Index::parse(&stored[1..], stored.len() as u64 - 1).is_err());
        assert!(Index::parse(b"", 0).is_err());
    }
}

//! Blobs, in every kind of place.

mod fake_s3;
mod folder;
mod s3;
mod suite;

use bytes::Bytes;
use devlab_core::check::Sha256Hex;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// Text that compresses like a log; no two of its pieces are equal.
pub(crate) fn text(len: usize) -> Vec<u8> {
    let lines = (0_u32..).flat_map(|n| {
        let mixed = n.wrapping_mul(2_654_435_761);
        format!("{n:08} test case_{mixed:08x} ... ok\n").into_bytes()
    });
    lines.take(len).collect()
}

/// Bytes that do not compress.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(len).collect()
}

/// Content in uneven pieces.
pub(crate) fn pieces(content: &[u8]) -> BoxStream<'static, std::io::Result<Bytes>> {
    let pieces: Vec<_> = content
        .chunks(300_007)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces).boxed()
}

pub(crate) fn digest(content: &[u8]) -> Sha256Hex {
    Sha256Hex::of(content)
}

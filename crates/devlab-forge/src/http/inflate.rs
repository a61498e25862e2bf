//! Unpacking a compressed request, so that its commands can be read.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::write::GzDecoder;
use futures::stream::{self, StreamExt};

use crate::http::cgi::Body;

/// Piece of input that is unpacked at a time: bounds what one step can grow to (about 1000 times).
const STEP_BYTES: usize = 4 << 10;

struct Inflating {
    from: Body,
    pending: Bytes,
    decoder: Option<GzDecoder<Vec<u8>>>,
}

/// The body that a gzip body stands for.
pub(crate) fn gunzip(body: Body) -> Body {
    let start = Inflating {
        from: body,
        pending: Bytes::new(),
        decoder: Some(GzDecoder::new(Vec::new())),
    };
    stream::try_unfold(start, step).boxed()
}

async fn step(mut state: Inflating) -> io::Result<Option<(Bytes, Inflating)>> {
    loop {
        let Some(mut decoder) = state.decoder.take() else {
            return Ok(None);
        };
        if state.pending.is_empty() {
            match state.from.next().await.transpose()? {
                Some(chunk) => state.pending = chunk,
                None => return Ok(Some((decoder.finish()?.into(), state))),
            }
        }
        let piece = state.pending.split_to(STEP_BYTES.min(state.pending.len()));
        decoder.write_all(&piece)?;
        let out = std::mem::take(decoder.get_mut());
        state.decoder = Some(decoder);
        if !out.is_empty() {
            return Ok(Some((out.into(), state)));
        }
    }
}

//! Files that commands send: plans and graphs.

use std::io::Read;
use std::path::Path;

use crate::failure::Failure;

/// Largest file that is sent, in bytes: the server's own limit of a request.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file, or with `-` standard input.
///
/// # Errors
/// It cannot be read: a name that leads nowhere is a mistake in the command line.
pub(in crate::client) fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(BYTES_MAX).read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file);
        opened.and_then(|opened| opened.take(BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    Ok(text)
}

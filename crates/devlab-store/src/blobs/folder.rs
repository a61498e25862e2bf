//! A place of blobs in a folder.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use devlab_core::Timestamp;
use object_store::local::LocalFileSystem;

use super::error::{BlobError, BlobErrorKind};

/// Opens the folder, making it for its user only if it is not there. What is put is on the disk
/// when the call returns.
pub(super) fn open(dir: &Path) -> Result<LocalFileSystem, BlobError> {
    let failed = |error: io::Error| {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull => BlobErrorKind::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                BlobErrorKind::Denied
            }
            _ => BlobErrorKind::Config,
        };
        BlobError::new(kind, format!("the folder {}: {error}", dir.display()))
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed)?;
    let files = LocalFileSystem::new_with_prefix(dir)?;
    Ok(files.with_fsync(true))
}

/// Removes files of uploads that were cut: a blob's file has its hash for a name, one under way a
/// `#` and a number after it.
pub(super) fn sweep(dir: &Path, before: Timestamp) -> Result<u64, BlobError> {
    let failed = |error: io::Error| {
        BlobError::new(BlobErrorKind::Other, format!("{}: {error}", dir.display()))
    };
    let entries = |dir: &Path| match fs::read_dir(dir) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let millis = u64::try_from(before.as_millis()).unwrap_or(0);
    let before = UNIX_EPOCH + Duration::from_millis(millis);
    let mut count = 0;
    for folder in entries(dir).map_err(failed)? {
        if !folder.file_type().map_err(failed)?.is_dir() {
            continue;
        }
        for file in entries(&folder.path()).map_err(failed)? {
            let name = file.file_name();
            let is_cut = name.to_str().is_some_and(|name| name.contains('#'));
            // One that has just been finished has another name now.
            let Some(at) = file.metadata().ok().and_then(|file| file.modified().ok()) else {
                continue;
            };
            if is_cut && at < before && fs::remove_file(file.path()).is_ok() {
                count += 1;
            }
        }
    }
    Ok(count)
}

//! Deleting what a driver left behind.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How often deletion starts again, when folders were read-only or grew meanwhile.
const TRIES: u32 = 5;

/// Deletes a folder and everything in it, never following a symbolic link. Folders that their
/// owner made unwritable are made writable; what vanishes or appears meanwhile is no problem.
///
/// # Errors
/// What the file system says in the end.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // It may be something inside that vanished first.
                if fs::symlink_metadata(path).is_err() {
                    return Ok(());
                }
                if tries == TRIES {
                    return Err(error);
                }
            }
            Err(error) if error.kind() == ErrorKind::NotADirectory => return fs::remove_file(path),
            Err(error) if tries == TRIES => return Err(error),
            Err(error) => {
                if error.kind() == ErrorKind::PermissionDenied {
                    make_writable(path);
                }
            }
        }
    }
}

fn make_writable(root: &Path) {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        // What does not work here shows when deletion is tried again.
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).ok();
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        // The type of the entry itself: a link to a folder is none.
        folders.extend(
            entries
                .flatten()
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
}

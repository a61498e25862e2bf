//! Opening stores.

use std::path::Path;
use std::sync::Arc;

use devlab_core::{StorageError, SystemClock};
use devlab_store::Store;
use devlab_store::sqlite::{SqliteOptions, SqliteStore};

pub(crate) fn options(dir: &Path) -> SqliteOptions {
    SqliteOptions::new(dir, Arc::new(SystemClock::new()), Arc::new(|_: &[_]| {}))
}

pub(crate) fn open(dir: &Path) -> Result<Arc<dyn Store>, StorageError> {
    SqliteStore::open(options(dir)).map(|store| store as Arc<dyn Store>)
}

/// The error of a store that must not open.
pub(crate) fn refusal(dir: &Path) -> StorageError {
    match open(dir) {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

//! What a use case can end with besides its result.

use devlab_core::{Refusal, ServerId, StorageError};

/// Result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// A use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not do it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The place of blobs could not do it.
    #[error(transparent)]
    Blob(#[from] devlab_store::blobs::BlobError),
    /// A repository could not do it.
    #[error(transparent)]
    Git(#[from] devlab_forge::Error),
    /// A file of the lab could not be read or written.
    #[error("{what}")]
    Io {
        /// What was done to which file.
        what: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another server has what this is about: nothing was done here.
    #[error("another server has the project's repository")]
    Elsewhere {
        /// That server; `None` if it is not known yet.
        home: Option<ServerId>,
    },
    /// A fault that a test injected.
    #[error("injected fault")]
    Injected(#[source] std::io::Error),
}

impl From<devlab_core::Error> for Error {
    fn from(error: devlab_core::Error) -> Self {
        match error {
            devlab_core::Error::Refused(refusal) => Self::Refused(refusal),
            devlab_core::Error::Storage(error) => Self::Storage(error),
        }
    }
}

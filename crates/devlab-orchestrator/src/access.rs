//! What a git client may do in a repository.

use devlab_forge::http::{FetchPolicy, ReceivePolicy};

/// What a git client may do in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitAccess {
    /// What it may fetch.
    pub fetch: FetchPolicy,
    /// What it may push.
    pub receive: ReceivePolicy,
}

//! Typed input of handlers. What does not fit is answered with a problem document.

mod body;
mod caller;
mod idempotency;
mod path;

pub(crate) use body::read as read_body;
pub use body::{Json, RawBody};
pub use caller::{Caller, LastEventId};
pub use idempotency::{Idempotency, Mutation};
pub use path::{Noun, Path, PathId, Query};

//! The routes, by what they are about.

pub mod docs;
pub mod meta;

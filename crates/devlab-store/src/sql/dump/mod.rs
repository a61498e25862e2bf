//! Reading and writing whole tables as records; see [`crate::dump`].

mod forms;
pub(crate) mod kinds;
mod load;
mod schema;
mod table;
mod write;

pub(crate) use forms::{Form, Value};
pub(crate) use kinds::Table;
pub(crate) use load::load;
pub(crate) use schema::complete;
pub(crate) use write::tables;

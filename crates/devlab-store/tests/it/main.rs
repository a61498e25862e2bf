//! Tests of the stores.

mod conformance;

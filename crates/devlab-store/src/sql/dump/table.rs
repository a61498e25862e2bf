//! What a kind of record is, and what of the schema is none.

use super::forms::{Form, Value};

/// A table and its kind.
pub(crate) struct Table {
    /// Name of the kind, and of the table.
    pub(crate) kind: &'static str,
    /// Its columns, which are the keys of its records, in this order.
    pub(crate) columns: &'static [(&'static str, Form)],
    /// The columns that order it.
    pub(crate) order: &'static str,
    /// Which rows belong to org `?1`; `None`: they are the lab's own.
    pub(crate) of_org: Option<&'static str>,
    /// Whether several orgs may have the same row.
    pub(crate) shared: bool,
}

/// Columns that came after the first version of the records, by kind; see [`crate::dump::FORMAT`].
/// With what stands for them in records that lack them.
pub(crate) const CAME_LATER: &[(&str, &str, Value)] = &[
    ("tasks", "choice", Value::Null),
    ("tasks", "chosen", Value::Null),
    ("tasks", "held_by", Value::Null),
    ("tasks", "holds", Value::Flag(false)),
    ("task_specs", "paths", Value::Null),
    ("task_specs", "touched", Value::Null),
    ("task_specs", "made", Value::Null),
    ("tasks", "asked", Value::Null),
    ("attempts", "terms", Value::Null),
];

/// Tables without a kind, and why.
pub(crate) const NOT_DUMPED: &[(&str, &str)] = &[
    ("done_counts", "kept by triggers on tasks"),
    ("turn", "its numbers are the kind `counters`"),
    ("writers", "tells processes of one database apart"),
    ("blob_marks", "are of puts and removals under way"),
    ("servers", "are those of one installation"),
    ("loops", "are run by those servers"),
    ("refinery_schema_history", "belongs to the schema"),
    ("log_heads", "follows from the kind `logs`"),
    ("log_chunks", "is the kind `logs`"),
];

/// Columns that no record has, and why.
pub(crate) const NOT_IN_RECORDS: &[(&str, &str, &str)] = &[
    ("projects", "home", "is the server that restores it"),
    ("projects", "home_epoch", "begins anew with that server"),
    ("projects", "moving_to", "is a server of one installation"),
];

/// Rows that no record has, by a condition, and why.
pub(crate) const ROWS_NOT_IN_RECORDS: &[(&str, &str, &str)] = &[(
    "settings",
    "key <> 'lab_id'",
    "what is restored is another lab, see `devlab_core::rules::lab_id`",
)];

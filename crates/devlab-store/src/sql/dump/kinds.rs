//! Every table of the schema, as a kind of record.
//!
//! A migration that adds a table or a column adds it here too: a dump fails on what it does not
//! know. What need not be dumped is named in [`NOT_DUMPED`], with the reason.

use devlab_core::ask::AskKind;
use devlab_core::attempt::{AttemptKind, AttemptState, Failure, Phase};
use devlab_core::auth::Role;
use devlab_core::check::Isolation;
use devlab_core::event::EventKind;
use devlab_core::id::kind;
use devlab_core::patch::{PatchState, Verdict};
use devlab_core::plan::PlanState;
use devlab_core::state::{StateName, TaskKind};
use devlab_core::task::Proof;
use devlab_core::train::CandidateState;

use super::forms::{ANY_ID, Form, LEVEL, Space, TRIES, WAITS, id, word};

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

const INT: Form = Form::Int;
const TIME: Form = Form::Time;
const FLAG: Form = Form::Flag;
const TEXT: Form = Form::Text;
const JSON: Form = Form::Json;

const fn seq(space: Space) -> (&'static str, Form) {
    ("seq", Form::Seq(space))
}

/// All of them, in the order in which they are dumped and loaded: what is referred to comes first.
pub(crate) const TABLES: &[Table] = &[
    Table {
        kind: "orgs",
        columns: &[
            ("id", id::<kind::Org>()),
            ("name", TEXT),
            ("created_at", TIME),
        ],
        order: "id",
        of_org: Some("id = ?1"),
        shared: false,
    },
    Table {
        kind: "projects",
        columns: &[
            ("id", id::<kind::Project>()),
            ("org", id::<kind::Org>()),
            ("name", TEXT),
            ("default_branch", TEXT),
            ("upstream", TEXT),
            ("archived", FLAG),
            ("created_at", TIME),
        ],
        order: "id",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "branch_heads",
        columns: &[
            ("project", id::<kind::Project>()),
            ("branch", TEXT),
            ("head", TEXT),
        ],
        order: "project, branch",
        of_org: Some("project IN (SELECT id FROM projects WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "check_sets",
        columns: &[("hash", TEXT), ("body", JSON)],
        order: "hash",
        of_org: Some(
            "hash IN (SELECT check_set FROM tasks WHERE org = ?1 \
            UNION SELECT check_set FROM candidates WHERE org = ?1 \
            UNION SELECT r.check_set FROM receipts r JOIN tasks t ON t.id = r.task WHERE t.org = ?1)",
        ),
        shared: true,
    },
    Table {
        kind: "policies",
        columns: &[
            ("level", ANY_ID),
            ("number", INT),
            ("kind", LEVEL),
            ("org", id::<kind::Org>()),
            ("policy", JSON),
            ("set_by", TEXT),
            ("why", TEXT),
            ("at", TIME),
            ("latest", INT),
        ],
        order: "level, number",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "terms",
        columns: &[("hash", TEXT), ("body", JSON)],
        order: "hash",
        of_org: Some("hash IN (SELECT terms FROM tasks WHERE org = ?1)"),
        shared: true,
    },
    Table {
        kind: "limits",
        columns: &[
            ("org", id::<kind::Org>()),
            ("name", TEXT),
            ("used", INT),
            ("most", INT),
        ],
        order: "org, name",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "tasks",
        columns: &[
            seq(Space::Task),
            ("id", id::<kind::Task>()),
            ("org", id::<kind::Org>()),
            ("project", id::<kind::Project>()),
            ("parent", id::<kind::Task>()),
            ("goal", id::<kind::Task>()),
            ("depth", INT),
            ("kind", word::<TaskKind>()),
            ("state", word::<StateName>()),
            ("waits", WAITS),
            ("unmet", INT),
            ("priority", INT),
            ("path", INT),
            ("requires", TEXT),
            ("attempts", INT),
            ("live", id::<kind::Attempt>()),
            ("lost", id::<kind::Attempt>()),
            ("tries", TRIES),
            ("not_before", TIME),
            ("open_children", INT),
            ("started", FLAG),
            ("head", TEXT),
            ("prior", TEXT),
            ("merges", TEXT),
            ("published", TEXT),
            ("review", FLAG),
            ("accepted", TEXT),
            ("side_effects", FLAG),
            ("proof", word::<Proof>()),
            ("check_set", TEXT),
            ("terms", TEXT),
            ("lane", TEXT),
            ("told", FLAG),
            ("archived", FLAG),
            ("created_at", TIME),
            ("updated_at", TIME),
        ],
        order: "seq",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "task_specs",
        columns: &[
            seq(Space::Task),
            ("title", TEXT),
            ("goal", TEXT),
            ("driver", JSON),
            ("checks", JSON),
            ("artifacts", JSON),
        ],
        order: "seq",
        of_org: Some("seq IN (SELECT seq FROM tasks WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "edges",
        columns: &[
            ("dependent", id::<kind::Task>()),
            ("dependency", id::<kind::Task>()),
        ],
        order: "dependent, dependency",
        of_org: Some(
            "dependent IN (SELECT id FROM tasks WHERE org = ?1) \
            AND dependency IN (SELECT id FROM tasks WHERE org = ?1)",
        ),
        shared: false,
    },
    Table {
        kind: "feedback",
        columns: &[
            seq(Space::Feedback),
            ("task", id::<kind::Task>()),
            ("body", JSON),
        ],
        order: "seq",
        of_org: Some("task IN (SELECT id FROM tasks WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "asks",
        columns: &[
            ("task", id::<kind::Task>()),
            ("number", INT),
            ("kind", word::<AskKind>()),
            ("attempt", id::<kind::Attempt>()),
            ("head", TEXT),
            ("words", TEXT),
            ("asked_at", TIME),
            ("answer", TEXT),
            ("answered_by", TEXT),
            ("answered_at", TIME),
        ],
        order: "task, number",
        of_org: Some("task IN (SELECT id FROM tasks WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "plans",
        columns: &[
            ("task", id::<kind::Task>()),
            ("number", INT),
            ("org", id::<kind::Org>()),
            ("parent", INT),
            ("state", word::<PlanState>()),
            ("origin", JSON),
            ("tasks", INT),
            ("proposed_by", TEXT),
            ("proposed_at", TIME),
            ("decision", JSON),
            ("plan", JSON),
            ("made", JSON),
        ],
        order: "task, number",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "ready",
        columns: &[
            ("org", id::<kind::Org>()),
            ("requires", TEXT),
            ("neg_priority", INT),
            ("verify_first", INT),
            ("neg_path", INT),
            seq(Space::Task),
            ("work", ANY_ID),
        ],
        order: "org, requires, neg_priority, verify_first, neg_path, seq, work",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "due",
        columns: &[("task", id::<kind::Task>()), ("at", TIME)],
        order: "task",
        of_org: Some("task IN (SELECT id FROM tasks WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "agents",
        columns: &[
            ("id", id::<kind::Agent>()),
            ("org", id::<kind::Org>()),
            ("name", TEXT),
            ("labels", TEXT),
            ("capacity", INT),
            ("runtime", TEXT),
            ("draining", FLAG),
            ("lane", TEXT),
            ("created_at", TIME),
            ("seen_at", TIME),
        ],
        order: "id",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "attempts",
        columns: &[
            seq(Space::Attempt),
            ("id", id::<kind::Attempt>()),
            ("org", id::<kind::Org>()),
            ("task", id::<kind::Task>()),
            ("number", INT),
            ("kind", word::<AttemptKind>()),
            ("candidate", id::<kind::Candidate>()),
            ("agent", id::<kind::Agent>()),
            ("claim_id", TEXT),
            ("state", word::<AttemptState>()),
            ("phase", word::<Phase>()),
            ("lease_until", TIME),
            ("base", TEXT),
            ("prior", TEXT),
            ("merges", TEXT),
            ("result", TEXT),
            ("failure", word::<Failure>()),
            ("lane", TEXT),
            ("created_at", TIME),
            ("ended_at", TIME),
        ],
        order: "seq",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "train_entries",
        columns: &[
            seq(Space::TrainEntry),
            ("task", id::<kind::Task>()),
            ("project", id::<kind::Project>()),
            ("branch", TEXT),
            ("head", TEXT),
            ("batch_max", INT),
            ("candidate", id::<kind::Candidate>()),
        ],
        order: "seq",
        of_org: Some("task IN (SELECT id FROM tasks WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "candidates",
        columns: &[
            seq(Space::Candidate),
            ("id", id::<kind::Candidate>()),
            ("org", id::<kind::Org>()),
            ("project", id::<kind::Project>()),
            ("branch", TEXT),
            ("state", word::<CandidateState>()),
            ("entries", JSON),
            ("base", TEXT),
            ("tip", TEXT),
            ("tree", TEXT),
            ("check_set", TEXT),
            ("live", id::<kind::Attempt>()),
            ("lost", id::<kind::Attempt>()),
            ("attempts", INT),
            ("stamp", TIME),
            ("updated_at", TIME),
        ],
        order: "seq",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "candidate_tasks",
        columns: &[
            ("task", id::<kind::Task>()),
            ("candidate", id::<kind::Candidate>()),
        ],
        order: "task, candidate",
        of_org: Some("task IN (SELECT id FROM tasks WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "receipts",
        columns: &[
            seq(Space::Receipt),
            ("id", id::<kind::Receipt>()),
            ("project", id::<kind::Project>()),
            ("task", id::<kind::Task>()),
            ("attempt", id::<kind::Attempt>()),
            ("agent", id::<kind::Agent>()),
            ("candidate", id::<kind::Candidate>()),
            ("name", TEXT),
            ("command", TEXT),
            ("check_hash", TEXT),
            ("check_set", TEXT),
            ("git_commit", TEXT),
            ("tree", TEXT),
            ("exit_code", INT),
            ("passed", FLAG),
            ("duration_ms", INT),
            ("log_offset", INT),
            ("log_len", INT),
            ("isolation", word::<Isolation>()),
            ("at", TIME),
        ],
        order: "seq",
        of_org: Some("task IN (SELECT id FROM tasks WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "kept_logs",
        columns: &[
            ("attempt", id::<kind::Attempt>()),
            ("blob", TEXT),
            ("len", INT),
            ("lines", INT),
            ("at", TIME),
            ("gone", FLAG),
        ],
        order: "attempt",
        of_org: Some("attempt IN (SELECT id FROM attempts WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "artifacts",
        columns: &[
            ("id", id::<kind::Artifact>()),
            ("org", id::<kind::Org>()),
            ("task", id::<kind::Task>()),
            ("attempt", id::<kind::Attempt>()),
            ("path", TEXT),
            ("blob", TEXT),
            ("len", INT),
            ("created_at", TIME),
        ],
        order: "id",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "retired_goals",
        columns: &[("goal", id::<kind::Task>()), ("at", TIME)],
        order: "goal",
        of_org: Some("goal IN (SELECT id FROM tasks WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "patches",
        columns: &[
            ("id", id::<kind::Patch>()),
            ("org", id::<kind::Org>()),
            ("project", id::<kind::Project>()),
            ("task", id::<kind::Task>()),
            ("title", TEXT),
            ("description", TEXT),
            ("target", TEXT),
            ("base", TEXT),
            ("head", TEXT),
            ("files", INT),
            ("added", INT),
            ("removed", INT),
            ("state", word::<PatchState>()),
            ("created_at", TIME),
            ("updated_at", TIME),
            ("told", FLAG),
            ("told_remarks", INT),
        ],
        order: "id",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "patch_comments",
        columns: &[
            ("patch", id::<kind::Patch>()),
            ("number", INT),
            ("author", TEXT),
            ("head", TEXT),
            ("body", TEXT),
            ("verdict", word::<Verdict>()),
            ("at", TIME),
        ],
        order: "patch, number",
        of_org: Some("patch IN (SELECT id FROM patches WHERE org = ?1)"),
        shared: false,
    },
    Table {
        kind: "events",
        columns: &[
            seq(Space::Event),
            ("org", id::<kind::Org>()),
            ("at", TIME),
            ("kind", word::<EventKind>()),
            ("project", id::<kind::Project>()),
            ("task", id::<kind::Task>()),
            ("attempt", id::<kind::Attempt>()),
            ("data", JSON),
        ],
        order: "seq",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "audit",
        columns: &[
            seq(Space::Audit),
            ("org", id::<kind::Org>()),
            ("at", TIME),
            ("actor", TEXT),
            ("action", TEXT),
            ("target", TEXT),
            ("request_id", TEXT),
        ],
        order: "seq",
        of_org: Some("org = ?1"),
        shared: false,
    },
    Table {
        kind: "tokens",
        columns: &[
            ("id", id::<kind::Token>()),
            ("hash", TEXT),
            ("role", word::<Role>()),
            ("org", id::<kind::Org>()),
            ("note", TEXT),
            ("expires_at", TIME),
            ("revoked_at", TIME),
            ("created_at", TIME),
        ],
        order: "id",
        of_org: None,
        shared: false,
    },
    Table {
        kind: "remembered",
        columns: &[
            ("key", TEXT),
            ("body", TEXT),
            ("status", INT),
            ("answer", TEXT),
            ("expires_at", TIME),
        ],
        order: "key",
        of_org: None,
        shared: false,
    },
    Table {
        kind: "settings",
        columns: &[("key", TEXT), ("value", TEXT)],
        order: "key",
        of_org: None,
        shared: false,
    },
];

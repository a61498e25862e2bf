//! Wire types of policies from entities.

use devlab_api::policy as wire;
use devlab_core::limit::{LimitKey, Scope, Slots};
use devlab_core::policy::{Field, Level, PolicyRevision, Source};

/// What a level is called on the wire.
fn kind(level: Level) -> &'static str {
    match level {
        Level::Org(_) => "org",
        Level::Project(_) => "project",
        Level::Goal(_) => "goal",
    }
}

/// A level by its name.
#[must_use]
pub fn level(level: Level, name: String) -> wire::PolicyLevel {
    wire::PolicyLevel {
        kind: kind(level).to_owned(),
        id: match level {
            Level::Org(id) => id.to_string(),
            Level::Project(id) => id.to_string(),
            Level::Goal(id) => id.to_string(),
        },
        name,
    }
}

/// A policy as somebody set it.
#[must_use]
pub fn revision(revision: PolicyRevision) -> wire::PolicyRevision {
    wire::PolicyRevision {
        number: revision.number,
        policy: revision.policy.into(),
        by: revision.by,
        why: revision.why,
        at: revision.at,
    }
}

/// A field, and who says it.
#[must_use]
pub fn field(field: Field) -> wire::PolicyField {
    let (from, number) = match field.from {
        Source::Default => ("default", None),
        Source::Policy(level, number) => (kind(level), Some(number)),
    };
    wire::PolicyField {
        name: field.name,
        value: field.value,
        from: from.to_owned(),
        number,
    }
}

/// A limit that is in force.
#[must_use]
pub fn limit(key: LimitKey, slots: Slots) -> Option<wire::PolicyLimit> {
    let (from, runtime) = match key.scope {
        Scope::Org => ("org", None),
        Scope::Project(_) => ("project", None),
        Scope::Goal(_) => ("goal", None),
        Scope::Runtime(name) => ("runtime", Some(name)),
    };
    Some(wire::PolicyLimit {
        from: from.to_owned(),
        of: key.label.or(runtime),
        used: slots.used,
        most: slots.most?,
    })
}

//! Limits on how much runs at one time, and the counters that keep them.
//!
//! A limit stands on a scope (an org, a project, a goal, a runtime), and counts all attempts of the
//! scope or those of tasks that need a label. Each has a counter. A task carries the limits that its
//! attempts count under as a [`Lane`]; ready work is queued by its labels and its lane, so that a
//! claim passes over what is full without looking at what is queued there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::Refusal;
use crate::id::{ProjectId, TaskId};
use crate::label::Labels;
use crate::limits::LABEL_BYTES_MAX;

/// What a limit is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole org.
    Org,
    /// A project of it.
    Project(ProjectId),
    /// A goal of it, with everything below.
    Goal(TaskId),
    /// The org's agents in a runtime.
    Runtime(String),
}

/// One limit: a scope, and the label that a task must need to count, if it is for one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitKey {
    /// What it is for.
    pub scope: Scope,
    /// Only tasks that need this label count.
    pub label: Option<String>,
}

/// Whether a text can be a label, or the name of a runtime that a limit is for.
pub(crate) fn is_word(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"._-/=".contains(&b);
    !text.is_empty() && text.len() <= LABEL_BYTES_MAX && text.bytes().all(letter)
}

impl LimitKey {
    /// The limit of a whole scope.
    #[must_use]
    pub fn of(scope: Scope) -> Self {
        Self { scope, label: None }
    }

    /// Whether an attempt at a task counts under it. Runtimes are the agents' matter.
    #[must_use]
    pub fn counts(&self, project: Option<ProjectId>, goal: TaskId, requires: &Labels) -> bool {
        let in_scope = match &self.scope {
            Scope::Org => true,
            Scope::Project(of) => project == Some(*of),
            Scope::Goal(of) => goal == *of,
            Scope::Runtime(_) => false,
        };
        let needs = |label: &String| requires.iter().any(|needed| needed == label);
        in_scope && self.label.as_ref().is_none_or(needs)
    }

    /// Whether everything that counts under this also counts under `wider`, for two limits of one
    /// task: a slot that becomes free here is free there too.
    #[must_use]
    pub fn is_within(&self, wider: &Self) -> bool {
        let scope = match (&self.scope, &wider.scope) {
            (Scope::Runtime(_), _) | (_, Scope::Runtime(_)) => self.scope == wider.scope,
            (_, Scope::Org)
            | (Scope::Project(_) | Scope::Goal(_), Scope::Project(_))
            | (Scope::Goal(_), Scope::Goal(_)) => true,
            (Scope::Org | Scope::Project(_), Scope::Goal(_)) | (Scope::Org, Scope::Project(_)) => {
                false
            }
        };
        scope && (wider.label.is_none() || wider.label == self.label)
    }
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Org => f.write_str("org")?,
            Scope::Project(id) => id.fmt(f)?,
            Scope::Goal(id) => id.fmt(f)?,
            Scope::Runtime(name) => write!(f, "runtime:{name}")?,
        }
        match &self.label {
            Some(label) => write!(f, "+{label}"),
            None => Ok(()),
        }
    }
}

impl FromStr for LimitKey {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let wrong = || Refusal::invalid("limit", "is not the name of a limit");
        let (scope, label) = match text.split_once('+') {
            Some((scope, label)) if is_word(label) => (scope, Some(label.to_owned())),
            Some(_) => return Err(wrong()),
            None => (text, None),
        };
        let scope = match scope.split_once(':') {
            Some(("runtime", name)) if is_word(name) => Scope::Runtime(name.to_owned()),
            Some(_) => return Err(wrong()),
            None if scope == "org" => Scope::Org,
            None => match (scope.parse(), scope.parse()) {
                (Ok(project), _) => Scope::Project(project),
                (_, Ok(goal)) => Scope::Goal(goal),
                (Err(_), Err(_)) => return Err(wrong()),
            },
        };
        Ok(Self { scope, label })
    }
}

/// A normalised set of limits: sorted, without doubles, joined by commas. Equal sets are equal
/// texts, which is what queues are keyed by. Most are empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lane(Option<Arc<str>>);

impl Lane {
    /// Normalises limits.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = LimitKey>) -> Self {
        let mut texts: Vec<String> = keys.into_iter().map(|key| key.to_string()).collect();
        texts.sort_unstable();
        texts.dedup();
        Self((!texts.is_empty()).then(|| texts.join(",").into()))
    }

    /// The normalised text; empty for the empty set.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// Whether nothing limits it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The limits in order.
    pub fn keys(&self) -> impl Iterator<Item = LimitKey> {
        // Every lane was made of keys.
        let texts = self.as_str().split(',').filter(|text| !text.is_empty());
        texts.filter_map(|text| text.parse().ok())
    }

    /// These and those.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (_, true) => self.clone(),
            (true, false) => other.clone(),
            (false, false) => Self::new(self.keys().chain(other.keys())),
        }
    }
}

impl FromStr for Lane {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let texts = text.split(',').filter(|text| !text.is_empty());
        let keys: Vec<LimitKey> = texts.map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self::new(keys))
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.as_str())
    }
}

/// A limit's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Live attempts that count under it.
    pub used: u32,
    /// Most that a claim may make of them; `None` while no policy says how many.
    pub most: Option<u32>,
}

impl Slots {
    /// Whether another one fits besides `held` that somebody waits for.
    #[must_use]
    pub fn has_room(self, held: u32) -> bool {
        self.most
            .is_none_or(|most| self.used.saturating_add(held) < most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn project(n: u128) -> ProjectId {
        ProjectId::new(Timestamp::from_millis(1), n)
    }

    fn goal(n: u128) -> TaskId {
        TaskId::new(Timestamp::from_millis(1), n)
    }

    fn key(scope: Scope, label: Option<&str>) -> LimitKey {
        LimitKey {
            scope,
            label: label.map(str::to_owned),
        }
    }

    fn assorted() -> Vec<LimitKey> {
        let scopes = [
            Scope::Org,
            Scope::Project(project(1)),
            Scope::Goal(goal(1)),
            Scope::Runtime("local".to_owned()),
        ];
        let labels = [None, Some("gpu"), Some("a/b=c.d_e-f")];
        let all = scopes.into_iter().flat_map(|scope| {
            let scope = move |label| key(scope.clone(), label);
            labels.map(scope)
        });
        all.collect()
    }

    #[test]
    fn limits_and_lanes_come_back_from_their_texts() {
        for key in assorted() {
            assert_eq!(key.to_string().parse::<LimitKey>().unwrap(), key);
        }
        let lane = Lane::new(assorted().into_iter().rev().chain(assorted()));
        assert_eq!(lane.as_str().parse::<Lane>().unwrap(), lane);
        assert_eq!(lane.keys().count(), assorted().len());
        for odd in [
            "", "x", "org+", "org+a,b", "runtime:", "runtime", "org:x", "proj_1",
        ] {
            assert!(odd.parse::<LimitKey>().is_err(), "{odd}");
        }
    }

    #[test]
    fn a_task_counts_where_it_is_and_for_what_it_needs() {
        let requires = Labels::new(["gpu"]).unwrap();
        let counts = |key: LimitKey| key.counts(Some(project(1)), goal(1), &requires);
        assert!(counts(key(Scope::Org, None)));
        assert!(counts(key(Scope::Project(project(1)), Some("gpu"))));
        assert!(!counts(key(Scope::Project(project(2)), None)));
        assert!(counts(key(Scope::Goal(goal(1)), None)));
        assert!(!counts(key(Scope::Goal(goal(2)), None)));
        assert!(!counts(key(Scope::Org, Some("linux"))));
        assert!(!counts(key(Scope::Runtime("local".to_owned()), None)));
    }

    #[test]
    fn what_is_free_within_is_free_without() {
        let org = key(Scope::Org, None);
        let gpu = key(Scope::Org, Some("gpu"));
        let project = key(Scope::Project(project(1)), None);
        let goal = key(Scope::Goal(goal(1)), Some("gpu"));
        for (narrow, wide, holds) in [
            (&gpu, &org, true),
            (&org, &gpu, false),
            (&project, &org, true),
            (&project, &gpu, false),
            (&goal, &project, true),
            (&goal, &gpu, true),
            (&gpu, &goal, false),
        ] {
            assert_eq!(narrow.is_within(wide), holds, "{narrow} {wide}");
        }
    }
}

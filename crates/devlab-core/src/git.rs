//! Names of git objects and refs, validated. The commands are in `devlab-forge`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Refusal;
use crate::id::{CandidateId, PatchId, TaskId};

/// How much of a git object's id people get to read: everywhere the same, so that ids can be compared
/// by eye and found by a search.
pub const SHORT_ID_CHARS: usize = 10;

/// Id of a git object: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Box<str>);

impl Oid {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first [`SHORT_ID_CHARS`] digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..SHORT_ID_CHARS).unwrap_or(&self.0)
    }

    /// Whether this is the all-zero id that git writes for "no such object".
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|digit| digit == b'0')
    }
}

impl FromStr for Oid {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if matches!(text.len(), 40 | 64) && text.bytes().all(digit) {
            Ok(Self(text.into()))
        } else {
            Err(Refusal::invalid(
                "commit",
                "expected 40 or 64 lower-case hexadecimal digits",
            ))
        }
    }
}

/// Full name of a ref, such as `refs/heads/main`, by the rules of git-check-ref-format(1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(Box<str>);

/// Longest ref name, in bytes; file systems end at 255 for a component.
const REF_BYTES_MAX: usize = 512;

impl RefName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The branch of a name such as `main`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if git would not accept it, or if it is in `devlab/`, which is ours.
    pub fn branch(name: &str) -> Result<Self, Refusal> {
        if name.starts_with("devlab/") || name.starts_with('-') {
            return Err(Refusal::invalid(
                "branch",
                "must not start with devlab/ or -",
            ));
        }
        format!("refs/heads/{name}").parse()
    }

    /// The branch name without `refs/heads/`, if it is a branch.
    #[must_use]
    pub fn branch_name(&self) -> Option<&str> {
        self.0.strip_prefix("refs/heads/")
    }

    /// The branch of a composite: the target of its children.
    #[must_use]
    pub fn of_composite(task: TaskId) -> Self {
        Self(format!("refs/heads/devlab/{task}").into())
    }

    /// Where attempt `number` of a task pushes its result.
    #[must_use]
    pub fn of_attempt(task: TaskId, number: u32) -> Self {
        Self(format!("refs/devlab/attempts/{task}/{number}").into())
    }

    /// Keeps the commit of the upstream that a task brings in.
    #[must_use]
    pub fn of_upstream(task: TaskId) -> Self {
        Self(format!("refs/devlab/upstream/{task}").into())
    }

    /// Keeps the objects of a candidate from being collected.
    #[must_use]
    pub fn of_candidate(candidate: CandidateId) -> Self {
        Self(format!("refs/devlab/keep/{candidate}").into())
    }

    /// The head of a patch under review.
    #[must_use]
    pub fn of_patch(patch: PatchId) -> Self {
        Self(format!("refs/devlab/patches/{patch}/head").into())
    }
}

fn component_fits(part: &str) -> bool {
    !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock") && !part.ends_with('.')
}

impl FromStr for RefName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad_char = |c: char| c.is_control() || " ~^:?*[\\\u{7f}".contains(c);
        let fits = text.len() <= REF_BYTES_MAX
            && text.starts_with("refs/")
            && text.split('/').count() >= 3
            && text.split('/').all(component_fits)
            && !text.contains("..")
            && !text.contains("@{")
            && !text.contains(bad_char);
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(Refusal::invalid("ref", "not a ref name that git accepts"))
        }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for Oid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for Oid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
impl Serialize for RefName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for RefName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_follow_git() {
        for good in [
            "refs/heads/main",
            "refs/devlab/attempts/task_x/1",
            "refs/heads/a.b",
        ] {
            assert!(good.parse::<RefName>().is_ok(), "{good}");
        }
        for bad in [
            "main",
            "refs/heads",
            "refs/heads/",
            "refs/heads/a..b",
            "refs/heads/.a",
            "refs//a",
            "refs/heads/a.lock",
            "refs/heads/a b",
            "refs/heads/a\n",
            "refs/heads/@{x",
            "refs/heads/a\\b",
        ] {
            assert!(bad.parse::<RefName>().is_err(), "{bad:?}");
        }
        assert!(RefName::branch("devlab/x").is_err());
        assert!(RefName::branch("-x").is_err());
    }
}

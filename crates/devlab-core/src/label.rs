//! Labels say what an agent can do and what a task needs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Refusal;
use crate::limits::{LABEL_BYTES_MAX, LABELS_MAX};

/// A normalised set of labels: sorted, without doubles, joined by commas. The empty set matches
/// every agent. Equal sets are equal texts, which is what queues are keyed by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Option<Arc<str>>);

impl Labels {
    /// Normalises labels.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for more than [`LABELS_MAX`] labels, or one that is empty, too long, or
    /// has other characters than `a-z A-Z 0-9 . _ - / =`.
    pub fn new<I, S>(labels: I) -> Result<Self, Refusal>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let mut set: Vec<String> = labels.into_iter().map(|l| l.as_ref().to_owned()).collect();
        set.sort_unstable();
        set.dedup();
        if set.len() > LABELS_MAX {
            return Err(Refusal::invalid(
                "labels",
                format!("at most {LABELS_MAX} labels"),
            ));
        }
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"._-/=".contains(&b);
        for label in &set {
            if label.is_empty() || label.len() > LABEL_BYTES_MAX || !label.bytes().all(letter) {
                return Err(Refusal::invalid(
                    "labels",
                    format!("a label has 1 to {LABEL_BYTES_MAX} of letters, digits and . _ - / ="),
                ));
            }
        }
        Ok(if set.is_empty() {
            Self(None)
        } else {
            Self(Some(set.join(",").into()))
        })
    }

    /// The normalised text; empty for the empty set.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// The labels in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.as_str().split(',').filter(|label| !label.is_empty())
    }

    /// Whether an agent with these labels satisfies the required ones: every required label is
    /// among them. Both sides are sorted, so one pass suffices.
    #[must_use]
    pub fn satisfies(&self, required: &Self) -> bool {
        let mut have = self.iter();
        required
            .iter()
            .all(|need| have.by_ref().any(|label| label == need))
    }
}

impl FromStr for Labels {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text.split(',').filter(|label| !label.is_empty()))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.as_str())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<String>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_normalised() {
        assert_eq!(Labels::new(["b", "a", "b"]).unwrap().as_str(), "a,b");
        assert_eq!(Labels::new([""; 0]).unwrap(), Labels::default());
        assert!(Labels::new(["a,b"]).is_err());
    }

    #[test]
    fn an_agent_needs_every_required_label() {
        let agent = Labels::new(["docker", "linux", "rust"]).unwrap();
        assert!(agent.satisfies(&Labels::default()));
        assert!(agent.satisfies(&Labels::new(["linux", "rust"]).unwrap()));
        assert!(!agent.satisfies(&Labels::new(["linux", "gpu"]).unwrap()));
        assert!(!Labels::default().satisfies(&Labels::new(["linux"]).unwrap()));
    }
}

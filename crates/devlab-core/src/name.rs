//! Names and titles that people give.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Refusal;
use crate::limits::{NAME_BYTES_MAX, TITLE_CHARS_MAX};

/// Name of an org or project: 1 to 63 of `a-z 0-9 -`, starting and ending with a letter or digit
/// (RFC 1123 label), so that it is safe in a path, a ref, a host name and a Kubernetes name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest name to any text: lower case, other characters become `-`. `None` if nothing is
    /// left of it.
    #[must_use]
    pub fn slug(text: &str) -> Option<Self> {
        let mut slug = String::new();
        for c in text.chars().map(|c| c.to_ascii_lowercase()) {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() == NAME_BYTES_MAX {
                break;
            }
        }
        slug.trim_end_matches('-').parse().ok()
    }
}

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let edge = |c: Option<char>| c.is_some_and(|c| c != '-');
        let fits = text.len() <= NAME_BYTES_MAX
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && edge(text.chars().next())
            && edge(text.chars().last());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Refusal::invalid(
                "name",
                "use 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit",
            ))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Checks a title: one line, 1 to 200 characters, no control characters.
///
/// # Errors
/// [`Refusal::Invalid`] that names `field`.
pub fn check_title(field: &str, title: &str) -> Result<(), Refusal> {
    if is_plain_title(title) && !title.is_empty() && !title.starts_with(' ') {
        return Ok(());
    }
    if title.trim().is_empty() {
        return Err(Refusal::invalid(field, "must not be empty"));
    }
    if title.chars().count() > TITLE_CHARS_MAX {
        return Err(Refusal::invalid(
            field,
            format!("must have at most {TITLE_CHARS_MAX} characters"),
        ));
    }
    if title.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            field,
            "must be one line without control characters",
        ));
    }
    Ok(())
}

/// Whether every letter of a title is one byte that can be shown, and there are no more than it may have:
/// nearly all are so, and a plan has tens of thousands.
pub(crate) fn is_plain_title(title: &str) -> bool {
    title.len() <= TITLE_CHARS_MAX && title.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Checks a longer text against a bound in bytes; NUL is refused because neither git nor a process
/// argument can carry it.
///
/// # Errors
/// [`Refusal::Invalid`] that names `field`.
pub fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), Refusal> {
    if text.len() > bytes_max {
        return Err(Refusal::invalid(
            field,
            format!("must have at most {bytes_max} bytes"),
        ));
    }
    if text.contains('\0') {
        return Err(Refusal::invalid(field, "must not contain NUL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "a-b", "x1", &"a".repeat(63)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a/b",
            "..",
            "a.git",
            "a b",
            "é",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn slugs_are_names() {
        assert_eq!(Name::slug("My Repo_2!").unwrap().as_str(), "my-repo-2");
        assert_eq!(Name::slug("../.."), None);
        assert_eq!(Name::slug(&"ab-".repeat(40)).unwrap().as_str().len(), 62);
    }
}

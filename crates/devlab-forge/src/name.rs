//! Names of git objects and refs, validated, so that nothing else can reach a command line.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// Longest ref name, in bytes.
const REF_BYTES_MAX: usize = 512;

/// Id of a git object: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Box<str>);

impl Oid {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }

    /// Whether this is the all-zero id that git writes for "no such object".
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|digit| digit == b'0')
    }
}

impl FromStr for Oid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if matches!(text.len(), 40 | 64) && text.bytes().all(digit) {
            Ok(Self(text.into()))
        } else {
            Err(Error::invalid(
                "object id",
                text,
                "expected 40 or 64 lower-case hexadecimal digits",
            ))
        }
    }
}

/// Full name of a ref, such as `refs/heads/main`, by the rules of git-check-ref-format(1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(Box<str>);

impl RefName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The branch name without `refs/heads/`, if it is a branch.
    #[must_use]
    pub fn branch_name(&self) -> Option<&str> {
        self.0.strip_prefix("refs/heads/")
    }
}

fn component_fits(part: &str) -> bool {
    !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock") && !part.ends_with('.')
}

impl FromStr for RefName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad_char = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
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
            Err(Error::invalid(
                "ref",
                text,
                "not a full ref name that git accepts",
            ))
        }
    }
}

macro_rules! text_traits {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(
                &self,
                serializer: S,
            ) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
text_traits!(Oid);
text_traits!(RefName);

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
            "HEAD",
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
            "refs/heads/../x",
            "-refs/heads/a",
            "refs/heads/a:b",
            "refs/heads/\u{7f}",
        ] {
            assert!(bad.parse::<RefName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn oids_are_hexadecimal() {
        assert!("0".repeat(40).parse::<Oid>().unwrap().is_zero());
        assert!("a".repeat(64).parse::<Oid>().is_ok());
        for bad in [
            "",
            "HEAD",
            &"A".repeat(40),
            &"a".repeat(41),
            &format!("-{}", "a".repeat(39)),
        ] {
            assert!(bad.parse::<Oid>().is_err(), "{bad:?}");
        }
    }
}

//! Checks, drivers and receipts: what is run, and the proof that it was.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::error::Refusal;
use crate::id::{AgentId, AttemptId, CandidateId, ProjectId, ReceiptId, TaskId};
use crate::limits::{
    ARGV_MAX, CHECKS_MAX, COMMAND_BYTES_MAX, TIMEOUT_SECS_DEFAULT, TIMEOUT_SECS_MAX,
};
use crate::{Oid, Timestamp, name};

/// Hashes bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct Sha256Hasher(Sha256);

impl Sha256Hasher {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all of them.
    #[must_use]
    pub fn finish(self) -> Sha256Hex {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
        let digest = self.0.finalize();
        let text: String = digest
            .iter()
            .flat_map(|b| [digit(b >> 4), digit(b & 15)])
            .collect();
        Sha256Hex(text.into())
    }
}

/// A SHA-256 as lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Hex(Box<str>);

impl Sha256Hex {
    /// Hash of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Sha256Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for Sha256Hex {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 64
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        {
            Ok(Self(text.into()))
        } else {
            Err(Refusal::invalid(
                "hash",
                "expected 64 lower-case hexadecimal digits",
            ))
        }
    }
}
impl Serialize for Sha256Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A command that must pass on a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Name that people see; unique within a set.
    pub name: String,
    /// Shell command, run with `sh -c` in a clean checkout.
    pub run: String,
    /// Time limit in seconds.
    #[serde(default = "timeout_default")]
    pub timeout_secs: u32,
}

fn timeout_default() -> u32 {
    TIMEOUT_SECS_DEFAULT
}

impl Check {
    /// What a receipt is for: two checks are the same proof if this hash is the same. The name is
    /// part of it, so that a receipt says what it seems to say.
    #[must_use]
    pub fn hash(&self, setup: Option<&str>) -> Sha256Hex {
        let canonical = serde_json::json!([self.name, self.run, self.timeout_secs, setup]);
        Sha256Hex::of(canonical.to_string().as_bytes())
    }
}

/// What a task's result is judged by, fixed when its goal was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct CheckSet {
    /// Shell command that prepares a checkout, run before the driver and before the checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// The checks in the order they run.
    pub checks: Vec<Check>,
    /// Path prefixes whose change needs a person's review, besides [`PROTECTED_ALWAYS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected_paths: Vec<String>,
    /// Patterns of the files that are kept of a driver's tree; see [`crate::pattern`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
}

/// Folder whose change always needs a person's review: what the next tasks are judged by.
pub const PROTECTED_ALWAYS: &str = ".devlab";

impl CheckSet {
    /// Identity of the set: the hash that every receipt carries.
    #[must_use]
    pub fn hash(&self) -> Sha256Hex {
        let hashes: Vec<_> = self.hashes().collect();
        let mut whole = serde_json::json!([self.setup, hashes, self.protected_paths]);
        // A set without any has the hash that it always had.
        if let (Some(parts), false) = (whole.as_array_mut(), self.artifacts.is_empty()) {
            parts.push(serde_json::json!(self.artifacts));
        }
        Sha256Hex::of(whole.to_string().as_bytes())
    }

    /// Hash of each check, in order.
    pub fn hashes(&self) -> impl Iterator<Item = Sha256Hex> {
        self.checks
            .iter()
            .map(|check| check.hash(self.setup.as_deref()))
    }

    /// Whether a change of this path needs a person's review.
    #[must_use]
    pub fn protects(&self, path: &str) -> bool {
        self.protected_prefixes().any(|prefix| {
            path == prefix
                || path
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// The paths of which a change, or one below them, needs a person's review; without a slash at
    /// the end.
    pub fn protected_prefixes(&self) -> impl Iterator<Item = &str> {
        let own = self.protected_paths.iter().map(String::as_str);
        std::iter::once(PROTECTED_ALWAYS)
            .chain(own)
            .map(|prefix| prefix.trim_end_matches('/'))
    }

    /// This set and what another one adds to it.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.setup = all.setup.or_else(|| other.setup.clone());
        for check in &other.checks {
            if !all.checks.contains(check) {
                all.checks.push(check.clone());
            }
        }
        for path in &other.protected_paths {
            if !all.protected_paths.contains(path) {
                all.protected_paths.push(path.clone());
            }
        }
        for pattern in &other.artifacts {
            if !all.artifacts.contains(pattern) {
                all.artifacts.push(pattern.clone());
            }
        }
        all
    }

    /// Whether both sets can be run together: the same preparation, and no name for two checks.
    #[must_use]
    pub fn goes_with(&self, other: &Self) -> bool {
        let clashes = |check: &Check| {
            let mut same_name = self.checks.iter().filter(|known| known.name == check.name);
            same_name.any(|known| known != check)
        };
        self.setup == other.setup
            && !other.checks.iter().any(clashes)
            && self.union(other).checks.len() <= CHECKS_MAX
    }

    /// Checks the bounds and that names are unique.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the check.
    pub fn validate(&self, field: &str) -> Result<(), Refusal> {
        if self.checks.len() > CHECKS_MAX {
            return Err(Refusal::invalid(
                field,
                format!("at most {CHECKS_MAX} checks"),
            ));
        }
        for (i, check) in self.checks.iter().enumerate() {
            let at = |part: &str| format!("{field}[{i}].{part}");
            name::check_title(&at("name"), &check.name)?;
            name::check_text(&at("run"), &check.run, COMMAND_BYTES_MAX)?;
            if check.run.trim().is_empty() {
                return Err(Refusal::invalid(at("run"), "must not be empty"));
            }
            if check.timeout_secs == 0 || check.timeout_secs > TIMEOUT_SECS_MAX {
                return Err(Refusal::invalid(
                    at("timeout_secs"),
                    format!("must be between 1 and {TIMEOUT_SECS_MAX}"),
                ));
            }
            if self.checks[..i]
                .iter()
                .any(|other| other.name == check.name)
            {
                return Err(Refusal::invalid(at("name"), "is used twice"));
            }
        }
        Ok(())
    }
}

/// How an agent does a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverSpec {
    /// A command or script.
    Command(CommandSpec),
}

/// The `command` driver: a program, or a script for `sh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// Program and arguments. Exactly one of `argv` and `script` is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// A script, run with `sh -eu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Variables added to the cleared environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Time limit in seconds.
    #[serde(default = "timeout_default")]
    pub timeout_secs: u32,
}

impl DriverSpec {
    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Self::Command(command) = self;
        let texts = command.argv.iter().chain(&command.script);
        let texts = texts.chain(command.env.iter().flat_map(|(name, value)| [name, value]));
        let each = texts.map(|text| size_of::<String>() + text.len());
        size_of::<Self>() + each.sum::<usize>()
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the place.
    pub fn validate(&self, field: &str) -> Result<(), Refusal> {
        let Self::Command(command) = self;
        let at = |part: &str| format!("{field}.command.{part}");
        if command.argv.is_empty() == command.script.is_none() {
            return Err(Refusal::invalid(at("argv"), "give either argv or script"));
        }
        if command.argv.first().is_some_and(String::is_empty) {
            return Err(Refusal::invalid(
                at("argv[0]"),
                "is the program: it must not be empty",
            ));
        }
        if command.argv.len() > ARGV_MAX {
            return Err(Refusal::invalid(
                at("argv"),
                format!("at most {ARGV_MAX} arguments"),
            ));
        }
        let mut bytes = 0;
        for text in command.argv.iter().chain(&command.script) {
            name::check_text(&at("argv"), text, COMMAND_BYTES_MAX)?;
            bytes += text.len();
        }
        for (key, value) in &command.env {
            let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if key.is_empty()
                || !key.chars().all(letter)
                || key.starts_with(|c: char| c.is_ascii_digit())
            {
                return Err(Refusal::invalid(
                    at("env"),
                    "a name has letters, digits and _",
                ));
            }
            name::check_text(&at("env"), value, COMMAND_BYTES_MAX)?;
            bytes += key.len() + value.len();
        }
        if bytes > COMMAND_BYTES_MAX {
            return Err(Refusal::invalid(
                field,
                format!("at most {COMMAND_BYTES_MAX} bytes"),
            ));
        }
        if command.timeout_secs == 0 || command.timeout_secs > TIMEOUT_SECS_MAX {
            return Err(Refusal::invalid(
                at("timeout_secs"),
                format!("must be between 1 and {TIMEOUT_SECS_MAX}"),
            ));
        }
        Ok(())
    }
}

/// Isolation that was in force when something ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// An ordinary process of the agent's user: policy, not protection.
    Process,
}

/// Proof that a check ran on a tree, with what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Id.
    pub id: ReceiptId,
    /// Project whose repository has the tree.
    pub project: ProjectId,
    /// Task it was run for.
    pub task: TaskId,
    /// Attempt that ran it.
    pub attempt: AttemptId,
    /// Agent that ran it: the verifier.
    pub agent: AgentId,
    /// Candidate it was run for, if it belongs to one.
    pub candidate: Option<CandidateId>,
    /// Name of the check.
    pub check: String,
    /// Its command.
    pub command: String,
    /// [`Check::hash`].
    pub check_hash: Sha256Hex,
    /// [`CheckSet::hash`] of the set it was part of.
    pub check_set: Sha256Hex,
    /// Commit that was checked out.
    pub commit: Oid,
    /// Tree of that commit: what the proof is about.
    pub tree: Oid,
    /// Exit code; 128 + signal if a signal ended it; 124 when the time limit did.
    pub exit_code: i32,
    /// Whether it passed.
    pub passed: bool,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// Where its output begins in the attempt's log, in bytes.
    pub log_offset: u64,
    /// Length of its output, in bytes.
    pub log_len: u64,
    /// Isolation in force.
    pub isolation: Isolation,
    /// When it ended, by the store's clock at the time it was stored.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, run: &str) -> Check {
        Check {
            name: name.into(),
            run: run.into(),
            timeout_secs: 60,
        }
    }

    #[test]
    fn a_check_with_another_command_or_setup_is_another_proof() {
        let test = check("test", "make test");
        assert_eq!(test.hash(None), check("test", "make test").hash(None));
        assert_ne!(test.hash(None), check("test", "true").hash(None));
        assert_ne!(test.hash(None), test.hash(Some("make deps")));
    }

    #[test]
    fn names_are_unique_in_a_set() {
        let set = CheckSet {
            setup: None,
            checks: vec![check("a", "x"), check("a", "y")],
            ..CheckSet::default()
        };
        assert_eq!(set.validate("checks").unwrap_err().code(), "invalid");
    }

    #[test]
    fn protected_paths_are_prefixes_of_whole_components() {
        let set = CheckSet {
            protected_paths: vec!["tests/".into()],
            ..CheckSet::default()
        };
        for path in [".devlab/project.toml", "tests/a.rs", "tests"] {
            assert!(set.protects(path), "{path}");
        }
        for path in ["tests2/a.rs", "src/.devlab"] {
            assert!(!set.protects(path), "{path}");
        }
        assert_ne!(set.hash(), CheckSet::default().hash());
    }

    #[test]
    fn a_driver_is_a_program_or_a_script() {
        let neither = DriverSpec::Command(CommandSpec {
            argv: vec![],
            script: None,
            env: BTreeMap::new(),
            timeout_secs: 1,
        });
        assert!(neither.validate("driver").is_err());
    }
}

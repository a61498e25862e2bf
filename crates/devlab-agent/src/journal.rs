//! What an attempt has done so far, on disk before its next step.
//!
//! A journal is one small file, replaced as a whole: after a crash or on a full disk the former
//! step is still there. The order of the steps is
//!
//! `claimed → prepared → driving → driver_exited → committed → pushed → checking → checked →
//! completed → acked`
//!
//! Steps may be left out (a verify attempt drives nothing) and repeated (after a restart), but
//! never undone: going back would do something twice that the world has seen.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use devlab_core::{AttemptId, Oid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::durable;
use crate::faults::Faults;
use crate::process::ProcessRef;
use crate::supervise::DriverOutcome;
use crate::workspace::Home;

/// Version of the format; a journal with another one is set aside.
const VERSION: u32 = 1;
/// Largest journal that is read.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most corrupt journals of one attempt that are kept for people to look at.
const ASIDE_MAX: u32 = 8;
/// Reached before every write.
pub const FAULT_WRITE: &str = "agent.journal_write";

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The server has given it to this agent.
    Claimed,
    /// The tree is there.
    Prepared,
    /// A supervisor may have started the driver.
    Driving,
    /// The driver is over, and nothing of it is left.
    DriverExited,
    /// Its work is a commit.
    Committed,
    /// The commit is on the server.
    Pushed,
    /// A supervisor may have started a check.
    Checking,
    /// Every check has its receipt.
    Checked,
    /// What to tell the server is decided; told until it is acknowledged.
    Completed,
    /// The server knows. Nothing is left to do.
    Acked,
}

/// One thing to write down.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// The tree is there.
    Prepared,
    /// This supervisor is about to start the driver.
    Driving(ProcessRef),
    /// The driver is over.
    DriverExited(DriverOutcome),
    /// This file of its tree is on the server.
    Artifact(String),
    /// So is every file that the task wants kept and that can be kept.
    Kept,
    /// Its work is this commit; `None` if it changed nothing.
    Committed(Option<Oid>),
    /// The commit is on the server.
    Pushed,
    /// This supervisor is about to start the next check.
    Checking(ProcessRef),
    /// The receipt of the check that ran last.
    Receipt(Value),
    /// There are no more checks.
    Checked,
    /// What to tell the server.
    Completed(Value),
    /// The server knows.
    Acked,
}

impl Entry {
    fn step(&self) -> Step {
        match self {
            Self::Prepared => Step::Prepared,
            Self::Driving(_) => Step::Driving,
            Self::DriverExited(_) | Self::Artifact(_) | Self::Kept => Step::DriverExited,
            Self::Committed(_) => Step::Committed,
            Self::Pushed => Step::Pushed,
            Self::Checking(_) | Self::Receipt(_) => Step::Checking,
            Self::Checked => Step::Checked,
            Self::Completed(_) => Step::Completed,
            Self::Acked => Step::Acked,
        }
    }
}

/// The facts of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    version: u32,
    /// Which attempt.
    pub attempt: AttemptId,
    /// How far it has come.
    pub step: Step,
    /// What the claim answered.
    pub claim: Value,
    /// The supervisor that was started last. It may still run if `step` is `driving` or
    /// `checking`: [`crate::strays::ensure_gone`] comes before everything else.
    pub supervisor: Option<ProcessRef>,
    /// How the driver ended.
    pub driver: Option<DriverOutcome>,
    /// Files of its tree that are on the server.
    #[serde(default)]
    pub artifacts: Vec<String>,
    /// Whether no more of them are to be sent.
    #[serde(default)]
    pub kept: bool,
    /// The result; `None` before `committed`, and if nothing was changed.
    pub commit: Option<Oid>,
    /// One for each check that has run.
    pub receipts: Vec<Value>,
    /// What the server is told.
    pub completion: Option<Value>,
}

/// Why something was not written down. The step must then not happen.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk did not take it. The former step stands.
    #[error(
        "cannot write the journal {path}; free space or mend the disk, and the attempt goes on"
    )]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// The attempt has come further than that.
    #[error("attempt {attempt} is {now:?} already and cannot go back to {wanted:?}")]
    Backwards {
        /// Which attempt.
        attempt: AttemptId,
        /// Where it is.
        now: Step,
        /// What was to be written.
        wanted: Step,
    },
}

/// An attempt's journal.
pub struct Journal {
    path: PathBuf,
    facts: Facts,
    faults: Arc<dyn Faults>,
}

impl Journal {
    /// Starts the journal of an attempt that was just claimed; `path` is
    /// [`crate::workspace::AttemptPaths::journal`].
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn start(
        path: PathBuf,
        attempt: AttemptId,
        claim: Value,
        faults: Arc<dyn Faults>,
    ) -> Result<Self, JournalError> {
        let facts = Facts {
            version: VERSION,
            attempt,
            step: Step::Claimed,
            claim,
            supervisor: None,
            driver: None,
            artifacts: Vec::new(),
            kept: false,
            commit: None,
            receipts: Vec::new(),
            completion: None,
        };
        write(&path, &facts, &*faults)?;
        Ok(Self {
            path,
            facts,
            faults,
        })
    }

    /// What is known.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Writes a step down. When this returns, it is on disk.
    ///
    /// # Errors
    /// See [`JournalError`]; nothing has changed then, neither here nor on disk.
    pub fn record(&mut self, entry: Entry) -> Result<(), JournalError> {
        let wanted = entry.step();
        if wanted < self.facts.step {
            let (attempt, now) = (self.facts.attempt, self.facts.step);
            return Err(JournalError::Backwards {
                attempt,
                now,
                wanted,
            });
        }
        let mut next = self.facts.clone();
        next.step = wanted;
        match entry {
            Entry::Prepared | Entry::Pushed | Entry::Checked | Entry::Acked => {}
            Entry::Driving(supervisor) | Entry::Checking(supervisor) => {
                next.supervisor = Some(supervisor);
            }
            Entry::DriverExited(outcome) => next.driver = Some(outcome),
            Entry::Artifact(path) => next.artifacts.push(path),
            Entry::Kept => next.kept = true,
            Entry::Committed(commit) => next.commit = commit,
            Entry::Receipt(receipt) => next.receipts.push(receipt),
            Entry::Completed(body) => next.completion = Some(body),
        }
        write(&self.path, &next, &*self.faults)?;
        self.facts = next;
        Ok(())
    }
}

fn write(path: &Path, facts: &Facts, faults: &dyn Faults) -> Result<(), JournalError> {
    let written = faults
        .hit(FAULT_WRITE)
        .and_then(|()| Ok(serde_json::to_vec(facts)?))
        .and_then(|bytes| durable::replace(path, &bytes));
    written.map_err(|source| JournalError::Write {
        path: path.to_owned(),
        source,
    })
}

/// The journals of all attempts in a home, oldest first, acknowledged ones included.
///
/// A journal that cannot be read is set aside, with an error in the log: the server gives the
/// attempt's task to someone else when its lease ends.
///
/// # Errors
/// If the home itself cannot be read.
pub fn scan(home: &Home, faults: &Arc<dyn Faults>) -> io::Result<Vec<Journal>> {
    let mut found = Vec::new();
    for attempt in home.attempts()? {
        let path = home.attempt(attempt).journal();
        match read(&path, attempt) {
            Ok(Some(facts)) => found.push(Journal {
                path,
                facts,
                faults: Arc::clone(faults),
            }),
            Ok(None) => {}
            Err(problem) => set_aside(&path, &problem),
        }
    }
    found.sort_by_key(|journal| journal.facts.attempt);
    Ok(found)
}

/// Reads one journal; `None` if there is none.
pub(crate) fn read(path: &Path, attempt: AttemptId) -> Result<Option<Facts>, String> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if length > BYTES_MAX {
        return Err(format!("it has {length} bytes"));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let version = serde_json::from_slice::<Value>(&bytes)
        .map_err(|error| error.to_string())?
        .get("version")
        .and_then(Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        return Err(format!(
            "its version is {version:?}, and this devlab knows {VERSION}"
        ));
    }
    let facts: Facts = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if facts.attempt != attempt {
        return Err(format!("it belongs to {}", facts.attempt));
    }
    Ok(Some(facts))
}

fn set_aside(path: &Path, problem: &str) {
    let aside = (0..ASIDE_MAX)
        .map(|n| path.with_extension(format!("json.unreadable-{n}")))
        .find(|aside| !aside.exists());
    let moved = match &aside {
        Some(aside) => fs::rename(path, aside),
        None => fs::remove_file(path),
    };
    match moved {
        Ok(()) => tracing::error!(
            journal = %path.display(), problem, kept_as = ?aside,
            "set an unreadable journal aside; the attempt is lost and will be tried again"
        ),
        Err(error) => tracing::error!(
            journal = %path.display(), problem, %error, "an unreadable journal is in the way"
        ),
    }
}

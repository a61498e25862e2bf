//! Verifying a note: with the repository, the org's root key, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::check::Sha256Hex;
use crate::git::Oid;
use crate::id::{OrgId, TaskId};

use super::dsse::{self, Envelope, PublicKey};
use super::history::History;
use super::link::{Placed, Statement, Subject};
use super::note::{Note, Rotation};
use super::{KEYS_MAX, LINK_TYPE, LINKS_MAX, PAYLOAD_TYPE, ROTATION_TYPE, STATEMENT_TYPE};

#[cfg(test)]
mod tests;
mod walk;

use walk::Walk;

/// Why a provenance does not hold, with the link that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The link, key or note.
    pub place: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

impl Broken {
    /// Something is wrong at a place.
    #[must_use]
    pub fn at(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            why: why.into(),
        }
    }
}

/// A provenance that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The merge commit that it is of.
    pub commit: Oid,
    /// Org.
    pub org: OrgId,
    /// The goal.
    pub goal: TaskId,
    /// Its title.
    pub title: String,
    /// The key that signed it.
    pub key: PublicKey,
    /// How many rotations lead from the given key to that one.
    pub rotations: u32,
    /// Whether every task below the goal, and the goal, stands on checks that passed.
    pub proven: bool,
    /// What each link says.
    pub links: Vec<Told>,
}

/// A link in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its number.
    pub number: u32,
    /// What it is.
    pub kind: &'static str,
    /// The task that it is about.
    pub task: TaskId,
    /// What it says.
    pub says: String,
}

/// Verifies the note of a commit. `root` is the key that is trusted: the org's first one, or a later
/// one if notes that were signed before it are not to be believed.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify(
    note: &Note,
    commit: &Oid,
    root: &PublicKey,
    history: &mut dyn History,
) -> Result<Verified, Broken> {
    let keys = keys(note, root)?;
    if note.links.is_empty() || note.links.len() > LINKS_MAX {
        let why = format!("it has {} links", note.links.len());
        return Err(Broken::at("the note", why));
    }
    let mut walk = Walk::new(history);
    let mut links = Vec::with_capacity(note.links.len());
    let mut previous: Option<Sha256Hex> = None;
    for (number, envelope) in note.links.iter().enumerate() {
        let payload = open(envelope, &keys.key).map_err(|why| match keys.is_unknown(envelope) {
            true => Broken::at(
                "the keys",
                format!("no rotation leads from {root} to the key that signed link {number}"),
            ),
            false => Broken::at(format!("link {number}"), why),
        })?;
        let placed: Placed = stated(&payload, LINK_TYPE, |placed: &Placed| placed.link.subject())
            .map_err(|why| Broken::at(format!("link {number}"), why))?;
        let place = || {
            let (name, task) = (placed.link.name(), placed.link.task());
            format!("link {number}, the {name} of {task}")
        };
        if u32::try_from(number) != Ok(placed.number) || placed.previous != previous {
            let why = "it does not follow the link before: one was left out, put in or moved";
            return Err(Broken::at(place(), why));
        }
        let says = walk
            .link(&placed.link)
            .map_err(|why| Broken::at(place(), why))?;
        links.push(Told {
            number: placed.number,
            kind: placed.link.name(),
            task: placed.link.task(),
            says,
        });
        previous = Some(Sha256Hex::of(&payload));
    }
    let end = walk
        .end(commit)
        .map_err(|why| Broken::at("the note", why))?;
    if keys.org.is_some_and(|org| org != end.org) {
        let why = format!("they are those of another org than {}", end.org);
        return Err(Broken::at("the keys", why));
    }
    Ok(Verified {
        commit: commit.clone(),
        org: end.org,
        goal: end.goal,
        title: end.title,
        key: keys.key,
        rotations: keys.rotations,
        proven: end.proven,
        links,
    })
}

/// Where the rotations of a note lead from a key.
struct Keys {
    key: PublicKey,
    org: Option<OrgId>,
    rotations: u32,
    skipped: bool,
}

impl Keys {
    /// Whether an envelope is signed by a key that only rotations lead to that nobody vouches for.
    fn is_unknown(&self, envelope: &Envelope) -> bool {
        let by = envelope
            .signatures
            .first()
            .map(|signature| &signature.keyid);
        self.skipped && by != Some(&self.key.id())
    }
}

fn keys(note: &Note, root: &PublicKey) -> Result<Keys, Broken> {
    if note.keys.len() > KEYS_MAX as usize {
        return Err(Broken::at(
            "the keys",
            format!("there are {}", note.keys.len()),
        ));
    }
    let mut keys = Keys {
        key: *root,
        org: None,
        rotations: 0,
        skipped: false,
    };
    let mut last: Option<u32> = None;
    for (index, envelope) in note.keys.iter().enumerate() {
        let by = envelope
            .signatures
            .first()
            .map(|signature| &signature.keyid);
        // A key that is trusted needs nobody to vouch for it: what came before it is passed over.
        if keys.rotations == 0 && by != Some(&root.id()) {
            keys.skipped = true;
            continue;
        }
        let at = |why: String| Broken::at(format!("rotation {}", index + 1), why);
        let payload = open(envelope, &keys.key).map_err(at)?;
        let rotation = stated(&payload, ROTATION_TYPE, Rotation::subject).map_err(at)?;
        let follows = last.is_none_or(|last| rotation.number == last + 1);
        if rotation.replaces != keys.key || !follows {
            return Err(at("it does not follow the key before".to_owned()));
        }
        if keys.org.is_some_and(|org| org != rotation.org) {
            return Err(at("it is of another org".to_owned()));
        }
        last = Some(rotation.number);
        keys.key = rotation.key;
        keys.org = Some(rotation.org);
        keys.rotations += 1;
    }
    Ok(keys)
}

fn open(envelope: &Envelope, key: &PublicKey) -> Result<Vec<u8>, String> {
    dsse::open(envelope, PAYLOAD_TYPE, key)
}

/// What a statement states, if it is one of the kind and its subject is what it is about.
fn stated<P: DeserializeOwned>(
    payload: &[u8],
    kind: &str,
    subject: impl Fn(&P) -> Subject,
) -> Result<P, String> {
    let statement: Statement<P> = serde_json::from_slice(payload)
        .map_err(|error| format!("it is not a statement that devlab knows: {error}"))?;
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != kind {
        return Err("it is a statement of another kind".to_owned());
    }
    if statement.subject != [subject(&statement.predicate)] {
        return Err("its subject is not what it speaks of".to_owned());
    }
    Ok(statement.predicate)
}

/// Hashes of checks that passed, by tree.
type Proven = BTreeMap<Oid, BTreeSet<Sha256Hex>>;

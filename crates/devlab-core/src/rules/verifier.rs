//! Who may verify a result.
//!
//! Under a policy with `verifier: other` the checks that let a result in are those of another agent
//! than its author, the one whose attempt made it. What the author's own checks said lets nothing in,
//! and no author is given the candidate to verify. A composite has no author: each of its parts went in
//! after somebody else had verified it. Nor has what was brought in from outside.
//!
//! A candidate that has to be verified by another agent has results of one author at most. Two who
//! made one each could verify none otherwise, as long as nobody else is there.

use std::collections::BTreeSet;

use crate::attempt::AttemptKind;
use crate::error::Result;
use crate::git::Oid;
use crate::id::AgentId;
use crate::policy::Verifier;
use crate::state::TaskKind;
use crate::task::Task;
use crate::train::Candidate;
use crate::tx::Read;

use super::{policy, train};

/// Whether the result of a task has to be verified by another agent than its author.
fn wants_other<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<bool> {
    Ok(task.terms.is_some() && policy::terms_of(view, task)?.verifier == Verifier::Other)
}

/// The agent whose attempt made a result.
fn author<R: Read + ?Sized>(view: &mut R, task: &Task, head: &Oid) -> Result<Option<AgentId>> {
    if task.kind == TaskKind::Composite {
        return Ok(None);
    }
    let attempts = view.attempts(task.id)?.into_iter().rev();
    let mut work = attempts.filter(|attempt| attempt.kind == AttemptKind::Work);
    let made = work.find(|attempt| attempt.commit.as_ref() == Some(head));
    Ok(made.map(|attempt| attempt.agent))
}

/// Who may not verify a candidate, if anybody may not.
pub(super) fn barred<R: Read + ?Sized>(
    view: &mut R,
    candidate: &Candidate,
) -> Result<Option<AgentId>> {
    let mut party = Party::default();
    for entry in &candidate.entries {
        if let Some(task) = view.task(entry.task)? {
            party.join(view, &task, &entry.head)?;
        }
    }
    Ok(party.authors.first().copied())
}

/// Results that may be verified together.
#[derive(Default)]
pub(super) struct Party {
    wants_other: bool,
    /// Results whose authors nobody had to know yet.
    unseen: Vec<(Task, Oid)>,
    authors: BTreeSet<AgentId>,
}

impl Party {
    /// Takes a result in, unless nobody who made one of these could verify them together. Returns
    /// whether it did: the first one it always does.
    pub(super) fn join<R: Read + ?Sized>(
        &mut self,
        view: &mut R,
        task: &Task,
        head: &Oid,
    ) -> Result<bool> {
        if !self.wants_other && !wants_other(view, task)? {
            self.unseen.push((task.clone(), head.clone()));
            return Ok(true);
        }
        for (task, head) in self.unseen.drain(..) {
            self.authors.extend(author(view, &task, &head)?);
        }
        let mut authors = self.authors.clone();
        authors.extend(author(view, task, head)?);
        if authors.len() > 1 {
            return Ok(false);
        }
        self.authors = authors;
        self.wants_other = true;
        Ok(true)
    }
}

/// The candidate that a result is part of and that waits for another agent than this one.
pub(super) fn waits_for_other(
    view: &mut dyn Read,
    task: &Task,
) -> Result<Option<(Candidate, AgentId)>> {
    let candidate = train::verifying(view, task)?;
    let Some(candidate) = candidate.filter(|candidate| candidate.live.is_none()) else {
        return Ok(None);
    };
    let barred = barred(view, &candidate)?;
    Ok(barred.map(|agent| (candidate, agent)))
}

//! Limits of concurrency: what a claim may take, and what it counts.
//!
//! Each limit has a counter of the live attempts under it. A claim reads the counters of the queues
//! whose heads it looks at, takes the first head that has room under all of its limits, and counts it
//! there; the end of the attempt, or of its lease, counts it back. An attempt whose agent comes back
//! counts again, even if others have taken its place meanwhile.
//!
//! An entry that waits for one limit keeps its place in the others: what comes after it in line does
//! not get the last slot of those, or it might never get all of them at one time. It keeps none where
//! it gets one together with what it waits for.

use std::collections::HashMap;

use crate::attempt::Attempt;
use crate::error::Result;
use crate::id::OrgId;
use crate::limit::{Lane, LimitKey, Slots};
use crate::tx::{Queued, Read, Tx};

/// Counters that were looked at, and what somebody keeps of them.
#[derive(Default)]
struct Seen {
    slots: HashMap<LimitKey, Option<Slots>>,
    kept: HashMap<LimitKey, u32>,
}

impl Seen {
    /// The counter, if there is such a limit.
    fn slots(&mut self, view: &mut dyn Read, org: OrgId, key: &LimitKey) -> Result<Option<Slots>> {
        if let Some(seen) = self.slots.get(key) {
            return Ok(*seen);
        }
        let found = view.limit(org, key)?;
        self.slots.insert(key.clone(), found);
        Ok(found)
    }

    /// The limits of a lane that have no room.
    fn full(
        &mut self,
        view: &mut dyn Read,
        org: OrgId,
        keys: &[LimitKey],
    ) -> Result<Vec<(LimitKey, Slots)>> {
        let mut full = Vec::new();
        for key in keys {
            let kept = self.kept.get(key).copied().unwrap_or(0);
            match self.slots(view, org, key)? {
                Some(slots) if !slots.has_room(kept) => full.push((key.clone(), slots)),
                Some(_) | None => {}
            }
        }
        Ok(full)
    }

    /// Keeps a place for an entry that waits for `full` in its other limits.
    fn keep_places(&mut self, keys: &[LimitKey], full: &[(LimitKey, Slots)]) {
        // What is not let run at all is not waited for.
        if full.iter().any(|(_, slots)| slots.most == Some(0)) {
            return;
        }
        for key in keys {
            let comes_with = full.iter().any(|(waits_for, _)| waits_for.is_within(key));
            if !comes_with {
                *self.kept.entry(key.clone()).or_insert(0) += 1;
            }
        }
    }
}

/// The first of some heads of queues that its limits let be claimed.
pub(super) fn first(
    view: &mut dyn Read,
    org: OrgId,
    mut heads: Vec<Queued>,
) -> Result<Option<Queued>> {
    if heads.iter().all(|head| head.lane.is_empty()) {
        return Ok(heads.into_iter().min_by_key(Queued::rank));
    }
    heads.sort_by_key(Queued::rank);
    let mut seen = Seen::default();
    for head in heads {
        let keys: Vec<LimitKey> = head.lane.keys().collect();
        let full = seen.full(view, org, &keys)?;
        if full.is_empty() {
            return Ok(Some(head));
        }
        seen.keep_places(&keys, &full);
    }
    Ok(None)
}

/// The limits of a lane that have no room now.
pub(super) fn full(view: &mut dyn Read, org: OrgId, lane: &Lane) -> Result<Vec<(LimitKey, Slots)>> {
    if lane.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<LimitKey> = lane.keys().collect();
    Seen::default().full(view, org, &keys)
}

/// Counts an attempt under the limits of a lane, and returns those that there are.
pub(super) fn take(tx: &mut dyn Tx, org: OrgId, lane: &Lane) -> Result<Lane> {
    let mut there = Vec::new();
    for key in lane.keys() {
        if let Some(slots) = tx.limit(org, &key)? {
            let used = slots.used.saturating_add(1);
            tx.put_limit(org, &key, Some(Slots { used, ..slots }))?;
            there.push(key);
        }
    }
    Ok(Lane::new(there))
}

/// An attempt is not live any more: it counts no longer, and somebody may have its place.
pub(super) fn give_back(tx: &mut dyn Tx, attempt: &Attempt) -> Result<()> {
    let mut freed = Vec::new();
    for key in attempt.lane.keys() {
        let Some(slots) = tx.limit(attempt.org, &key)? else {
            continue;
        };
        let used = slots.used.saturating_sub(1);
        tx.put_limit(attempt.org, &key, Some(Slots { used, ..slots }))?;
        if !slots.has_room(0) {
            freed.push(key);
        }
    }
    if freed.is_empty() {
        return Ok(());
    }
    wake(tx, attempt.org, |head| {
        head.lane.keys().any(|key| freed.contains(&key))
    })
}

/// Tells one waiting agent of the first entry that has room and that `concerns`.
pub(super) fn wake(tx: &mut dyn Tx, org: OrgId, concerns: impl Fn(&Queued) -> bool) -> Result<()> {
    let heads = tx.queue_heads(org, None)?;
    let heads = heads.into_iter().filter(concerns).collect();
    if let Some(head) = first(tx, org, heads)? {
        tx.effect(head.wake());
    }
    Ok(())
}

/// Counts a live attempt under limits that were made after it was claimed.
pub(super) fn widen(tx: &mut dyn Tx, mut attempt: Attempt, lane: &Lane) -> Result<()> {
    let known: Vec<LimitKey> = attempt.lane.keys().collect();
    let new = lane.keys().filter(|key| !known.contains(key));
    let taken = take(tx, attempt.org, &Lane::new(new))?;
    if taken.is_empty() {
        return Ok(());
    }
    attempt.lane = attempt.lane.with(&taken);
    tx.put_attempt(&attempt)
}

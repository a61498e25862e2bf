//! Batches: how many results of a train are verified together, and how the bad ones among them are
//! found (DESIGN §5: a failing batch is split).
//!
//! A batch that fails is cut in [`parts`], which are verified one after the other, each on what
//! landed before it. Each part is half of those under suspicion that are left, and at most
//! [`BATCH_PART_MAX`]: when the first half passes, the culprit is in the second, which is cut on
//! without being tried as a whole. A part that fails is cut the same way, and from then on nothing
//! is known of the results behind it: they may be verified all together again. The last one that is
//! left is verified alone, so that nobody is sent back for a check that failed once by chance, and
//! so that its log is its own.
//!
//! The bound on parts is what keeps two bad ones among 50 at 16 runs of the checks: without it, a
//! bad one at the front costs as many runs as one in the middle, and all the others are still to
//! come (17). Counted over every pair of places by the tests of trains.

use crate::error::Result;
use crate::id::TaskId;
use crate::limits::{BATCH_MAX, BATCH_PART_MAX};
use crate::task::Task;
use crate::train::{CandidateEntry, Target, TrainEntry};
use crate::tx::Tx;

use super::{ask, step};

/// [`BATCH_MAX`], as entries of trains have it.
pub(super) const WHOLE: u32 = BATCH_MAX as u32;

/// Whether somebody still has to accept the result of a task.
pub(super) fn needs_review(task: &Task) -> bool {
    task.review && (task.accepted.is_none() || task.accepted != task.head)
}

/// The largest batch that the result of a task may be part of. One that somebody has to review or
/// to approve is verified alone: its receipts have to be its own.
pub(super) fn largest(tx: &mut dyn Tx, task: &Task) -> Result<u32> {
    let alone = needs_review(task) || ask::before_publication(tx, task)?;
    Ok(if alone { 1 } else { WHOLE })
}

/// The longest head of the queue that no member's `batch_max` forbids.
pub(super) fn of(waiting: Vec<TrainEntry>) -> Vec<TrainEntry> {
    let mut allowed = usize::MAX;
    let mut batch = Vec::new();
    for entry in waiting {
        let with = allowed.min(usize::try_from(entry.batch_max).unwrap_or(usize::MAX));
        if batch.len() >= with {
            break;
        }
        allowed = with;
        batch.push(entry);
    }
    batch
}

/// Sizes of the parts, in order, that a batch of `count` results is verified in after it failed.
fn parts(count: usize) -> impl Iterator<Item = usize> {
    let mut left = count;
    std::iter::from_fn(move || {
        let part = left.div_ceil(2).min(BATCH_PART_MAX);
        left -= part;
        (part > 0).then_some(part)
    })
}

/// Cuts a batch in which a check failed.
pub(super) fn split(tx: &mut dyn Tx, target: &Target, failed: &[CandidateEntry]) -> Result<()> {
    let sizes = parts(failed.len()).flat_map(|part| std::iter::repeat_n(part, part));
    for (entry, size) in failed.iter().zip(sizes) {
        if let Some(waiting) = tx.train_entry(entry.task)? {
            set(tx, waiting, u32::try_from(size).unwrap_or(WHOLE))?;
        }
    }
    clear(tx, target, failed)
}

/// A check failed on these results: whatever waits behind them is under no suspicion, or no longer.
pub(super) fn clear(tx: &mut dyn Tx, target: &Target, failed: &[CandidateEntry]) -> Result<()> {
    for waiting in tx.train(target, WHOLE)? {
        let is_other = failed.iter().all(|entry| entry.task != waiting.task);
        if is_other && waiting.batch_max < WHOLE {
            set(tx, waiting, WHOLE)?;
        }
    }
    Ok(())
}

/// Lets the result of a task that waits in its train be in no larger batch than it may be now.
pub(super) fn bound(tx: &mut dyn Tx, task: TaskId) -> Result<()> {
    match tx.train_entry(task)? {
        Some(waiting) => {
            let size = waiting.batch_max;
            set(tx, waiting, size)
        }
        None => Ok(()),
    }
}

fn set(tx: &mut dyn Tx, mut waiting: TrainEntry, size: u32) -> Result<()> {
    let task = step::load(tx, waiting.task)?;
    let size = size.min(largest(tx, &task)?);
    if waiting.batch_max == size {
        return Ok(());
    }
    waiting.batch_max = size;
    tx.put_train_entry(&waiting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_halves_of_what_is_left() {
        let of = |count| parts(count).collect::<Vec<_>>();
        assert_eq!(of(2), [1, 1]);
        assert_eq!(of(7), [4, 2, 1]);
        assert_eq!(of(16), [8, 4, 2, 1, 1]);
        assert_eq!(of(50), [16, 16, 9, 5, 2, 1, 1]);
        for count in 2..=BATCH_MAX {
            assert_eq!(of(count).iter().sum::<usize>(), count);
            assert!(of(count)[0] < count, "a part is smaller than the whole");
        }
    }
}

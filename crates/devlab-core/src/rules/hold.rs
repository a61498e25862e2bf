//! Tasks that are held back, because another one is at work on the same paths.
//!
//! Under a policy with `conflicts: hold` a claim passes over a task that would meet one that is at
//! work, and takes it out of its queue. The task stays ready, and remembers behind whom it is; that
//! one remembers that somebody is. When it is at work no longer, for whatever reason, what was held
//! back is queued again, and the next claim looks anew. Nobody is held back behind what waits for a
//! person, so that nothing is held for ever.

use crate::error::Result;
use crate::policy::Conflicts;
use crate::state::State;
use crate::task::Task;
use crate::tx::Tx;

use super::{forecast, policy, step};

/// Holds a task back if its policy wants it and another one is in its way. It is ready, and in no
/// queue. Stores it then.
pub(super) fn back(tx: &mut dyn Tx, task: &mut Task) -> Result<bool> {
    // A task without terms was promised the defaults, which show and do not hold.
    if task.terms.is_none() || policy::terms_of(tx, task)?.conflicts == Conflicts::Show {
        return Ok(false);
    }
    let Some((mut other, paths)) = forecast::in_the_way(tx, task)? else {
        return Ok(false);
    };
    task.held_by = Some(other.id);
    tx.put_task(task)?;
    if !other.holds {
        other.holds = true;
        tx.put_task(&other)?;
    }
    forecast::say(tx, task, other.id, &paths, true)?;
    Ok(true)
}

/// Lets go what is held back behind a task. The caller stores the task.
pub(super) fn release(tx: &mut dyn Tx, task: &mut Task) -> Result<()> {
    task.holds = false;
    for id in tx.held_behind(task.id)? {
        let mut held = step::load(tx, id)?;
        held.held_by = None;
        tx.put_task(&held)?;
        if held.state == State::Ready {
            step::queue(tx, &held)?;
        }
    }
    Ok(())
}

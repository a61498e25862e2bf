//! The longest remaining path of a task: how many tasks, this one included, have to be done one
//! after the other until its goal is. A dependent comes after what it depends on, and a parent
//! after its children.

use std::collections::VecDeque;

use crate::error::Result;
use crate::id::TaskId;
use crate::state::{State, TaskKind};
use crate::tx::Tx;

use super::step;

/// Raises the path of a task to at least a value, and then the paths of everything that comes
/// before it. Paths are never lowered: a path only orders work, and work that was urgent once does
/// no harm by staying so.
pub(super) fn raise(tx: &mut dyn Tx, task: TaskId, at_least: u32) -> Result<()> {
    let mut queue = VecDeque::from([(task, at_least)]);
    while let Some((id, at_least)) = queue.pop_front() {
        let Some(mut task) = tx.task(id)? else {
            continue;
        };
        // What is done orders nothing any more, nor does what came before it; there may be thousands.
        if task.path >= at_least || task.state == State::Done {
            continue;
        }
        step::reorder(tx, &mut task, |task| task.path = at_least)?;
        let before = tx.dependencies(id)?;
        let inside = if task.kind == TaskKind::Composite {
            tx.children(id)?
        } else {
            Vec::new()
        };
        queue.extend(
            before
                .into_iter()
                .chain(inside)
                .map(|id| (id, at_least + 1)),
        );
    }
    Ok(())
}

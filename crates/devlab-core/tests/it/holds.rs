//! What holds of tasks that are held back, written down a second time.

use devlab_core::choice::Choice;
use devlab_core::policy::Conflicts;
use devlab_core::state::{State, TaskKind};
use devlab_core::task::Task;
use devlab_core::tx::Work;

use crate::invariants::entry;
use crate::mem::MemTx;

/// Whether a task is held back: behind one that knows of it, and is at work or in the same line.
pub(crate) fn held(tx: &MemTx, task: &Task) -> bool {
    let may_hold = |task: &Task| at_work(task) || task.state == State::Ready;
    assert!(!task.holds || may_hold(task), "holds others: {task:?}");
    let Some(other) = task.held_by.map(|other| &tx.tasks[&other]) else {
        return false;
    };
    assert!(other.holds && may_hold(other), "{task:?} behind {other:?}");
    let above = std::iter::successors(Some(other), |one| one.held_by.map(|id| &tx.tasks[&id]));
    let ends = above.take(tx.tasks.len() + 1).count() <= tx.tasks.len();
    assert!(ends, "holders in a circle: {task:?}");
    true
}

fn at_work(task: &Task) -> bool {
    match task.kind {
        TaskKind::Leaf => matches!(task.state, State::Running | State::Integrating),
        TaskKind::Composite => task.state == State::Integrating,
    }
}

fn comes_before(one: &Task, other: &Task) -> bool {
    let rank = |task: &Task| entry(task, Work::Task(task.id)).rank();
    rank(one) < rank(other)
}

/// Whether a claim passes over a task, because its policy holds it back behind another one.
pub(crate) fn is_in_the_way(tx: &MemTx, task: &Task) -> bool {
    let terms = task.terms.as_ref().map(|hash| &tx.terms[hash]);
    if terms.is_none_or(|terms| terms.conflicts == Conflicts::Show)
        || task.project.is_none()
        || task.choice == Some(Choice::Alternative)
    {
        return false;
    }
    let touches = |task: &Task| {
        let declared = tx.specs[&task.id].paths.iter();
        let seen = tx.touched.get(&task.id).into_iter().flatten();
        let all = declared.chain(seen).map(|path| path.trim_end_matches('/'));
        all.map(|path| format!("{path}/")).collect::<Vec<_>>()
    };
    let own = touches(task);
    let meets = |other: &Task| {
        let theirs = touches(other);
        let overlap = |a: &String| theirs.iter().any(|b| a.starts_with(b) || b.starts_with(a));
        own.iter().any(overlap)
    };
    tx.tasks.values().any(|other| {
        other.id != task.id
            && (other.parent, other.project) == (task.parent, task.project)
            && (at_work(other) || (other.held_by.is_some() && comes_before(other, task)))
            && other.choice != Some(Choice::Alternative)
            && meets(other)
    })
}

//! Wire types of choices from entities, and back.

use devlab_api::choice as wire;
use devlab_core::choice::{self, Alternative, Choice};
use devlab_core::label::Labels;
use devlab_core::state::State;
use devlab_core::task::Task;
use devlab_core::{Refusal, TaskId};
use devlab_orchestrator::choices::{ChoiceView, Way};

/// The alternatives that a request asks for.
///
/// # Errors
/// [`Refusal::Invalid`] that names the field.
pub fn wanted(
    best_of: Option<u8>,
    list: Option<Vec<wire::Alternative>>,
) -> Result<Vec<Alternative>, Refusal> {
    let one = |(i, one): (usize, wire::Alternative)| -> Result<Alternative, Refusal> {
        let labels = one.labels.map(|labels| Labels::new(&labels)).transpose();
        let labels = labels
            .map_err(|refusal: Refusal| refusal.at(|_| format!("alternatives[{i}].labels")))?;
        Ok(Alternative {
            title: one.title,
            driver: one.driver.map(Into::into),
            labels,
        })
    };
    let list = list.map(|list| {
        let all = list.into_iter().enumerate().map(one);
        all.collect::<Result<Vec<_>, Refusal>>()
    });
    choice::wanted(best_of, list.transpose()?)
}

/// What a task has to do with a choice.
#[must_use]
pub fn role(task: &Task) -> Option<wire::ChoiceRole> {
    Some(match task.choice? {
        Choice::Open => wire::ChoiceRole::Open,
        Choice::Taken(_) => wire::ChoiceRole::Taken,
        Choice::Alternative => wire::ChoiceRole::Alternative,
    })
}

/// The alternative that was taken.
#[must_use]
pub fn chosen(task: &Task) -> Option<TaskId> {
    match task.choice? {
        Choice::Taken(id) => Some(id),
        Choice::Open | Choice::Alternative => None,
    }
}

/// A choice and what there is to choose from.
#[must_use]
pub fn choice(view: ChoiceView) -> wire::TaskChoice {
    let (by, at) = match view.answer {
        Some(answer) => (Some(answer.by), Some(answer.at)),
        None => (None, None),
    };
    wire::TaskChoice {
        task: view.task.id,
        title: view.title,
        state: view.task.state.name(),
        chosen: chosen(&view.task),
        by,
        at,
        alternatives: view.ways.into_iter().map(way).collect(),
    }
}

fn way(way: Way) -> wire::ChoiceAlternative {
    let checks = way.receipts.into_iter().map(|receipt| wire::ChoiceCheck {
        check: receipt.check,
        passed: receipt.passed,
        duration_ms: receipt.duration_ms,
    });
    let waiting_for = if let State::Waiting(reason, _) = way.task.state {
        Some(reason)
    } else {
        None
    };
    wire::ChoiceAlternative {
        task: way.task.id,
        title: way.title,
        state: way.task.state.name(),
        waiting_for,
        choosable: way.is_choosable,
        attempts: way.task.attempts,
        head: way.head.map(|head| head.to_string()),
        diff: way.size.map(|size| wire::DiffSize {
            files: size.files,
            added: size.added,
            removed: size.removed,
        }),
        checks: checks.collect(),
    }
}

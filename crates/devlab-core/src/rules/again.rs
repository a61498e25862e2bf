//! What a plan that is proposed again takes over from the revision before it, where it says nothing
//! else: so that only what somebody has changed is a change.

use crate::check::DriverSpec;
use crate::error::{Refusal, Result};
use crate::id::TaskId;
use crate::plan::diff::without_new_ticks;
use crate::plan::{Plan, PlanState, PlannerKind, Revision};
use crate::tx::Read;

use super::plan::Proposal;

/// How a Spec-Kit feature was planned before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Before {
    /// How its tasks are done.
    pub driver: Option<DriverSpec>,
    /// Whether its stories run one after the other.
    pub stories_in_turn: bool,
}

/// How a feature was planned that is planned again. What the format has no word for is as it is in the
/// revision that the proposer knows as the current one, or, if none was approved, in the newest; the
/// order of stories as in the last of those before it that was read from a feature.
///
/// # Errors
/// Storage only.
pub fn before<R: Read + ?Sized>(view: &mut R, id: TaskId, parent: Option<u32>) -> Result<Before> {
    let all = view.plan_revisions(id)?;
    let numbered = |number: u32| all.iter().find(|revision| revision.number == number);
    let last = match parent {
        Some(number) => numbered(number),
        None => all.last(),
    };
    let Some(last) = last else {
        return Ok(Before::default());
    };
    let plan = view.plan(id, last.number)?;
    let mut read = Some(last);
    while let Some(other) = read.filter(|r| r.origin.planner != PlannerKind::SpecKit) {
        // A parent has a smaller number.
        read = other.parent.and_then(numbered);
    }
    Ok(Before {
        driver: plan.and_then(|plan| plan.goal.driver),
        stories_in_turn: read.is_some_and(|revision| revision.origin.stories_in_turn),
    })
}

/// The plan of a proposal beside the current revision: who names no review leaves it as it is, and boxes
/// of a feature that were ticked since are none.
pub(super) fn beside<R: Read + ?Sized>(
    view: &mut R,
    current: Option<&Revision>,
    proposal: &Proposal,
) -> Result<Plan> {
    let mut plan = proposal.plan.clone();
    let Some(current) = current else {
        return Ok(plan);
    };
    debug_assert_eq!(current.state, PlanState::Current);
    let before = view.plan(current.task, current.number)?;
    let before = before.ok_or(Refusal::NotFound("plan"))?;
    plan.review = plan.review.or(before.review);
    if proposal.origin.planner == PlannerKind::SpecKit {
        without_new_ticks(&before.tasks, &mut plan.tasks);
    }
    Ok(plan)
}

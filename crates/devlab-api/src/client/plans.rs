//! Plans.

use devlab_core::TaskId;

use super::query::Params;
use super::{Client, ClientError};
use crate::List;
use crate::plan::{
    ApprovePlan, CreateGoal, PlanDetail, PlanDiff, PlanRevision, PlannedGoal, ProposePlan,
    RejectPlan,
};

type Result<T> = std::result::Result<T, ClientError>;

impl Client {
    /// `POST /goals`: a goal that is done by a plan.
    pub async fn create_goal(&self, goal: &CreateGoal) -> Result<PlannedGoal> {
        self.post(&["goals"]).json(goal).fetch().await
    }

    /// `GET /tasks/{id}/plans`, oldest first.
    pub async fn plans(&self, task: TaskId) -> Result<List<PlanRevision>> {
        let task = task.to_string();
        self.get(&["tasks", &task, "plans"]).fetch().await
    }

    /// `POST /tasks/{id}/plans`: another revision.
    pub async fn propose_plan(&self, task: TaskId, plan: &ProposePlan) -> Result<PlanDetail> {
        let task = task.to_string();
        let call = self.post(&["tasks", &task, "plans"]);
        call.json(plan).fetch().await
    }

    /// `GET /tasks/{id}/plans/{number}`.
    pub async fn plan(&self, task: TaskId, number: u32) -> Result<PlanDetail> {
        let (task, number) = (task.to_string(), number.to_string());
        self.get(&["tasks", &task, "plans", &number]).fetch().await
    }

    /// `GET /tasks/{id}/plans/{number}/diff`: with `from`, or with its parent.
    pub async fn plan_diff(
        &self,
        task: TaskId,
        number: u32,
        from: Option<u32>,
    ) -> Result<PlanDiff> {
        let (task, number) = (task.to_string(), number.to_string());
        let query = Params::default().maybe("from", from);
        let call = self.get(&["tasks", &task, "plans", &number, "diff"]);
        call.query(&query).fetch().await
    }

    /// `POST /tasks/{id}/plans/{number}/approve`.
    pub async fn approve_plan(
        &self,
        task: TaskId,
        number: u32,
        ruling: &ApprovePlan,
    ) -> Result<PlanDetail> {
        let (task, number) = (task.to_string(), number.to_string());
        let call = self.post(&["tasks", &task, "plans", &number, "approve"]);
        call.json(ruling).fetch().await
    }

    /// `POST /tasks/{id}/plans/{number}/reject`.
    pub async fn reject_plan(
        &self,
        task: TaskId,
        number: u32,
        ruling: &RejectPlan,
    ) -> Result<PlanRevision> {
        let (task, number) = (task.to_string(), number.to_string());
        let call = self.post(&["tasks", &task, "plans", &number, "reject"]);
        call.json(ruling).fetch().await
    }
}

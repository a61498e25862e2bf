//! Plans: goals that have one, revisions, and what people decide about them.

use std::sync::Arc;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::plan::{
    ApprovePlan, CreateGoal, PlanDetail, PlanDiff, PlanInput, PlanRevision, PlannedGoal,
    ProposePlan, RejectPlan,
};
use devlab_core::id::kind;
use devlab_core::org::Project;
use devlab_core::plan::{self, Plan, PlanState, Revision};
use devlab_core::rules::again::{self, Before};
use devlab_core::rules::given;
use devlab_core::rules::plan::{self as rules, Proposal, Ruling, Running};
use devlab_core::rules::schedule::Place;
use devlab_core::task::Task;
use devlab_core::tx::{Read, Tx};
use devlab_core::{Refusal, TaskId};
use devlab_orchestrator::plans::Compiled;
use devlab_orchestrator::{Lab, scope};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::support::{self, done, mutate};
use crate::extract::{Caller, Mutation, PathId, PathIdAnd, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;
use crate::{convert, convert_plan};

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ);
    let change = Policy::roles(Roles::CHANGE);
    routes
        .add(change.large().at_home(), routes!(create_goal))
        .add(read, routes!(revisions))
        .add(change.large().at_home(), routes!(propose))
        .add(read, routes!(one))
        .add(read, routes!(diff))
        .add(change.at_home(), routes!(approve))
        .add(change, routes!(reject))
}

/// Makes a goal that is done by a plan. It is a draft until a revision of its plan is approved,
/// unless it is to begin at once.
#[utoipa::path(post, path = "/goals", tag = "plans", operation_id = "goal.create",
    request_body = CreateGoal,
    responses((status = 201, description = "The goal and its plan", body = PlannedGoal)))]
async fn create_goal(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Mutation { body, idempotency }: Mutation<CreateGoal>,
) -> Result<Response> {
    // First: what was asked before is answered even if its project has changed since.
    if let Some(answer) = support::replayed(&lab, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let who = caller.principal.clone();
    let (org, project) = (body.org.clone(), body.project.clone());
    let found = lab.read(move |view| {
        let org = scope::org(view, &who, org.as_deref())?.id;
        let project = match project {
            Some(given) => Some(scope::project_named(view, &who, org, &given)?),
            None => None,
        };
        Ok((org, project))
    });
    let (org, project) = found.await?;
    let place = Place {
        org,
        project: match &project {
            Some(project) => Some(lab.project_place(project).await?),
            None => None,
        },
        parent: None,
        depends_on: body.depends_on,
        draft: true,
    };
    let source = convert_plan::source(body.input, Before::default())?;
    let mut compiled = lab.compile(project.as_ref(), source, body.why).await?;
    compiled.plan.review = body.review.or(compiled.plan.review);
    let by = caller.principal.display();
    let proposal = proposal(compiled, None, &by);
    let ruling = body.approve.then(|| at_once(&by, None));
    mutate(&lab, &caller, "goal.create", idempotency, move |tx| {
        let (id, revision) = rules::create_goal(tx, &place, &proposal)?;
        approve_if(tx, &place, id, revision.number, ruling.as_ref())?;
        let (task, spec) = (tx.task(id)?, tx.task_spec(id)?);
        let task = task.zip(spec).ok_or(Refusal::NotFound("task"))?;
        let answer = PlannedGoal {
            goal: convert::task(&task.0, &task.1),
            plan: detail(tx, id, revision.number)?,
        };
        done(Some(place.org), id, StatusCode::CREATED, &answer)
    })
    .await
}

fn proposal(compiled: Compiled, parent: Option<u32>, by: &str) -> Proposal {
    Proposal {
        plan: compiled.plan,
        origin: compiled.origin,
        parent,
        by: by.to_owned(),
    }
}

/// Who proposes a plan and wants it carried out has approved it.
fn at_once(by: &str, running: Option<Running>) -> Ruling {
    Ruling {
        by: by.to_owned(),
        why: String::new(),
        running,
    }
}

/// Carries a revision out that its proposer or policy has approved.
fn approve_if(
    tx: &mut dyn Tx,
    place: &Place,
    id: TaskId,
    number: u32,
    ruling: Option<&Ruling>,
) -> devlab_core::Result<()> {
    let task = tx.task(id)?.ok_or(Refusal::NotFound("task"))?;
    let by_policy = match ruling {
        Some(_) => None,
        None => rules::approved_by_policy(tx, &task)?,
    };
    if let Some(ruling) = ruling.or(by_policy.as_ref()) {
        rules::approve(tx, place, id, number, ruling)?;
    }
    Ok(())
}

fn detail(view: &mut dyn Tx, task: TaskId, number: u32) -> devlab_core::Result<PlanDetail> {
    let (revision, plan) = revision(view, task, number)?;
    let made = view.plan_tasks(task, number)?;
    Ok(convert_plan::detail(revision, plan, &made))
}

fn revision<R: Read + ?Sized>(
    view: &mut R,
    task: TaskId,
    number: u32,
) -> devlab_core::Result<(Revision, Plan)> {
    let all = view.plan_revisions(task)?;
    let found = all.into_iter().find(|revision| revision.number == number);
    let plan = view.plan(task, number)?;
    let found = found.zip(plan);
    Ok(found.ok_or(Refusal::NotFound("revision"))?)
}

/// Revisions of a composite's plan, oldest first.
#[utoipa::path(get, path = "/tasks/{id}/plans", tag = "plans", operation_id = "plan.list",
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, description = "All of them", body = List<PlanRevision>)))]
async fn revisions(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
) -> Result<AxumJson<List<PlanRevision>>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        scope::task(view, &who, id)?;
        view.plan_revisions(id)
    });
    let items = found.await?.into_iter().map(convert_plan::revision);
    Ok(AxumJson(List {
        items: items.collect(),
        next: None,
    }))
}

/// A composite that the caller may see, and its project.
async fn planned(lab: &Arc<Lab>, caller: &Caller, id: TaskId) -> Result<(Task, Option<Project>)> {
    let who = caller.principal.clone();
    let found = lab.read(move |view| {
        let task = scope::task(view, &who, id)?;
        let project = task.project.map(|id| view.project(id)).transpose()?;
        Ok((task, project.flatten()))
    });
    Ok(found.await?)
}

/// Where the tasks of a composite's plan go, judged by what its project says now.
async fn place(lab: &Arc<Lab>, task: &Task, project: Option<&Project>) -> Result<Place> {
    Ok(Place {
        org: task.org,
        project: match project {
            Some(project) => Some(lab.project_place(project).await?),
            None => None,
        },
        parent: None,
        depends_on: Vec::new(),
        draft: false,
    })
}

/// How a feature was planned that is planned again.
async fn planned_before(lab: &Arc<Lab>, id: TaskId, parent: Option<u32>) -> Result<Before> {
    Ok(lab
        .read(move |view| again::before(view, id, parent))
        .await?)
}

/// Proposes another revision, or the first one of a leaf that nobody has tried, which becomes a
/// composite with it. It becomes current when it is approved, or at once.
#[utoipa::path(post, path = "/tasks/{id}/plans", tag = "plans", operation_id = "plan.propose",
    params(("id" = String, Path, description = "The task")), request_body = ProposePlan,
    responses((status = 201, description = "The revision", body = PlanDetail)))]
async fn propose(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Mutation { body, idempotency }: Mutation<ProposePlan>,
) -> Result<Response> {
    if let Some(answer) = support::replayed(&lab, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let (task, project) = planned(&lab, &caller, id).await?;
    let place = place(&lab, &task, project.as_ref()).await?;
    let before = match &body.input {
        PlanInput::SpecKit(_) => planned_before(&lab, id, body.parent).await?,
        PlanInput::Single(_) | PlanInput::File(_) => Before::default(),
    };
    let source = convert_plan::source(body.input, before)?;
    let compiled = lab.compile(project.as_ref(), source, body.why).await?;
    let by = caller.principal.display();
    let proposal = proposal(compiled, body.parent, &by);
    let ruling = body
        .approve
        .then(|| at_once(&by, body.running.map(Into::into)));
    let who = caller.principal.clone();
    mutate(&lab, &caller, "plan.propose", idempotency, move |tx| {
        scope::task(tx, &who, id)?;
        let revision = rules::propose(tx, id, &proposal)?;
        approve_if(tx, &place, id, revision.number, ruling.as_ref())?;
        let answer = detail(tx, id, revision.number)?;
        done(Some(place.org), id, StatusCode::CREATED, &answer)
    })
    .await
}

/// A revision with its tasks and what each needs.
#[utoipa::path(get, path = "/tasks/{id}/plans/{number}", tag = "plans", operation_id = "plan.get",
    params(("id" = String, Path, description = "The task"),
        ("number" = u32, Path, description = "Number of the revision")),
    responses((status = 200, description = "The revision", body = PlanDetail)))]
async fn one(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathIdAnd(id, number): PathIdAnd<kind::Task>,
) -> Result<AxumJson<PlanDetail>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        scope::task(view, &who, id)?;
        let (revision, plan) = revision(view, id, number)?;
        let made = view.plan_tasks(id, number)?;
        Ok(convert_plan::detail(revision, plan, &made))
    });
    Ok(AxumJson(found.await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct DiffQuery {
    /// The older revision. Default: the parent.
    from: Option<u32>,
}

/// What a revision changes: its tasks as kept, added, removed or changed.
#[utoipa::path(get, path = "/tasks/{id}/plans/{number}/diff", tag = "plans",
    operation_id = "plan.diff",
    params(("id" = String, Path, description = "The task"),
        ("number" = u32, Path, description = "Number of the newer revision"), DiffQuery),
    responses((status = 200, description = "The difference", body = PlanDiff)))]
async fn diff(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathIdAnd(id, number): PathIdAnd<kind::Task>,
    Query(query): Query<DiffQuery>,
) -> Result<AxumJson<PlanDiff>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let task = scope::task(view, &who, id)?;
        let (newer, new) = revision(view, id, number)?;
        let from = query.from.or(newer.parent);
        // A task below a goal keeps what it was given; a goal was made for its plan.
        let old = match from {
            Some(from) => {
                let old = revision(view, id, from)?.1;
                given::joined(view, &task, old)?
            }
            None => given::of(view, &task)?.unwrap_or_else(|| without_tasks(&new)),
        };
        let new = given::joined(view, &task, new)?;
        Ok((from, plan::diff::diff(&old, &new)))
    });
    let (from, diff) = found.await?;
    Ok(AxumJson(convert_plan::diff(id, from, number, diff)))
}

fn without_tasks(plan: &Plan) -> Plan {
    Plan {
        tasks: Vec::new(),
        ..plan.clone()
    }
}

/// Makes a proposed revision the current one and carries it out. What it adds is judged by the
/// checks that the project has now.
#[utoipa::path(post, path = "/tasks/{id}/plans/{number}/approve", tag = "plans",
    operation_id = "plan.approve", request_body = ApprovePlan,
    params(("id" = String, Path, description = "The task"),
        ("number" = u32, Path, description = "Number of the revision")),
    responses((status = 200, description = "The revision", body = PlanDetail)))]
async fn approve(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathIdAnd(id, number): PathIdAnd<kind::Task>,
    Mutation { body, idempotency }: Mutation<ApprovePlan>,
) -> Result<Response> {
    if let Some(answer) = support::replayed(&lab, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let (task, project) = planned(&lab, &caller, id).await?;
    let place = place(&lab, &task, project.as_ref()).await?;
    let ruling = Ruling {
        by: caller.principal.display(),
        why: body.why,
        running: body.running.map(Into::into),
    };
    let who = caller.principal.clone();
    mutate(&lab, &caller, "plan.approve", idempotency, move |tx| {
        scope::task(tx, &who, id)?;
        rules::approve(tx, &place, id, number, &ruling)?;
        let answer = detail(tx, id, number)?;
        debug_assert_eq!(answer.revision.state, PlanState::Current);
        done(Some(place.org), id, StatusCode::OK, &answer)
    })
    .await
}

/// Says no to a proposed revision.
#[utoipa::path(post, path = "/tasks/{id}/plans/{number}/reject", tag = "plans",
    operation_id = "plan.reject", request_body = RejectPlan,
    params(("id" = String, Path, description = "The task"),
        ("number" = u32, Path, description = "Number of the revision")),
    responses((status = 200, description = "The revision", body = PlanRevision)))]
async fn reject(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathIdAnd(id, number): PathIdAnd<kind::Task>,
    Mutation { body, idempotency }: Mutation<RejectPlan>,
) -> Result<Response> {
    let who = caller.principal.clone();
    let by = who.display();
    mutate(&lab, &caller, "plan.reject", idempotency, move |tx| {
        let org = scope::task(tx, &who, id)?.org;
        let revision = rules::reject(tx, id, number, &by, &body.why)?;
        let answer = convert_plan::revision(revision);
        done(Some(org), id, StatusCode::OK, &answer)
    })
    .await
}

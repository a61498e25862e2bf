//! Execution policies of orgs, projects and goals.

use std::sync::Arc;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::policy::{PolicyView, SetPolicy};
use devlab_core::auth::Principal;
use devlab_core::id::kind;
use devlab_core::limit::Scope;
use devlab_core::policy::{Level, explain};
use devlab_core::rules::policy::{self, Setting};
use devlab_core::tx::Read;
use devlab_core::{OrgId, ProjectId, Refusal, TaskId};
use devlab_orchestrator::{Lab, scope};
use hyper::StatusCode;
use utoipa_axum::routes;

use super::support::{self, done, mutate};
use crate::convert_policy;
use crate::extract::{Caller, Mutation, Path, PathId};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// Most earlier policies that are shown.
const BEFORE_SHOWN_MAX: usize = 50;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ);
    let change = Policy::roles(Roles::CHANGE);
    routes
        .add(read, routes!(of_org))
        // It may have many tasks to bring under its limits.
        .add(Policy::roles(Roles::ADMIN).waiting(), routes!(set_org))
        .add(read, routes!(of_project))
        .add(change.waiting(), routes!(set_project))
        .add(read, routes!(of_goal))
        .add(change.waiting(), routes!(set_goal))
}

/// Where a policy is: its level, and those that are less specific.
#[derive(Debug, Clone)]
struct Place {
    org: OrgId,
    project: Option<ProjectId>,
    goal: Option<TaskId>,
    name: String,
}

impl Place {
    fn level(&self) -> Level {
        match (self.project, self.goal) {
            (_, Some(goal)) => Level::Goal(goal),
            (Some(project), None) => Level::Project(project),
            (None, None) => Level::Org(self.org),
        }
    }
}

fn org_place<R: Read + ?Sized>(
    view: &mut R,
    who: &Principal,
    given: &str,
) -> devlab_core::Result<Place> {
    let org = scope::org(view, who, Some(given))?;
    Ok(Place {
        org: org.id,
        project: None,
        goal: None,
        name: org.name.to_string(),
    })
}

fn project_place<R: Read + ?Sized>(
    view: &mut R,
    who: &Principal,
    id: ProjectId,
) -> devlab_core::Result<Place> {
    let project = scope::project(view, who, id)?;
    Ok(Place {
        org: project.org,
        project: Some(id),
        goal: None,
        name: project.name.to_string(),
    })
}

fn goal_place<R: Read + ?Sized>(
    view: &mut R,
    who: &Principal,
    id: TaskId,
) -> devlab_core::Result<Place> {
    let task = scope::task(view, who, id)?;
    let spec = view
        .task_spec(task.goal)?
        .ok_or(Refusal::NotFound("task"))?;
    Ok(Place {
        org: task.org,
        project: task.project,
        goal: Some(task.goal),
        name: spec.title,
    })
}

/// The policy of a place, and what is in force there.
fn view_of<R: Read + ?Sized>(view: &mut R, place: &Place) -> devlab_core::Result<PolicyView> {
    let levels = policy::levels(place.org, place.project, place.goal);
    let mut said = view.policies(&levels)?;
    // What is only prepared says nothing.
    said.retain(|revision| revision.number > 0);
    let level = place.level();
    let scopes: Vec<_> = levels.iter().map(|level| level.scope()).collect();
    let limits = view.limits(place.org)?.into_iter();
    let limits = limits.filter(|(key, _)| match &key.scope {
        Scope::Org | Scope::Project(_) | Scope::Goal(_) => scopes.contains(&key.scope),
        Scope::Runtime(_) => true,
    });
    let mut history = view.policy_history(level)?;
    history.retain(|revision| revision.number > 0);
    let own = (!history.is_empty()).then(|| history.remove(0));
    history.truncate(BEFORE_SHOWN_MAX);
    Ok(PolicyView {
        level: convert_policy::level(level, place.name.clone()),
        own: own.map(convert_policy::revision),
        fields: explain(&said)
            .into_iter()
            .map(convert_policy::field)
            .collect(),
        limits: limits
            .filter_map(|(key, slots)| convert_policy::limit(key, slots))
            .collect(),
        before: history.into_iter().map(convert_policy::revision).collect(),
    })
}

/// Sets the policy of a place that the caller may change.
async fn set(
    lab: Arc<Lab>,
    caller: Caller,
    action: &'static str,
    Mutation { body, idempotency }: Mutation<SetPolicy>,
    place: impl Fn(&mut dyn Read, &Principal) -> devlab_core::Result<Place> + Clone + Send + 'static,
) -> Result<Response> {
    if let Some(answer) = support::replayed(&lab, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let who = caller.principal.clone();
    let find = place.clone();
    let place = lab.read(move |view| find(view, &who)).await?;
    let setting = Setting {
        level: place.level(),
        org: place.org,
        policy: body.policy.try_into()?,
        by: caller.principal.display(),
        why: body.why,
        instead_of: body.instead_of,
    };
    lab.prepare_policy(&setting).await?;
    // Whoever is one of those that share slots does not say how.
    let is_one = caller.principal.org.is_some();
    mutate(&lab, &caller, action, idempotency, move |tx| {
        let mut setting = setting.clone();
        if is_one {
            policy::keep_share(tx, &mut setting)?;
        }
        policy::set(tx, &setting)?;
        let answer = view_of(tx, &place)?;
        done(Some(place.org), &answer.level.id, StatusCode::OK, &answer)
    })
    .await
}

/// The policy of an org, and what is in force there.
#[utoipa::path(get, path = "/orgs/{org}/policy", tag = "policies", operation_id = "policy.org",
    params(("org" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The policy", body = PolicyView)))]
async fn of_org(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(given): Path<String>,
) -> Result<AxumJson<PolicyView>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let place = org_place(view, &who, &given)?;
        view_of(view, &place)
    });
    Ok(AxumJson(found.await?))
}

/// Sets the policy of an org. Its limits count at once, the rest for what is made or approved later.
#[utoipa::path(put, path = "/orgs/{org}/policy", tag = "policies",
    operation_id = "policy.set_org", request_body = SetPolicy,
    params(("org" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The policy", body = PolicyView)))]
async fn set_org(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(given): Path<String>,
    body: Mutation<SetPolicy>,
) -> Result<Response> {
    set(lab, caller, "policy.set_org", body, move |view, who| {
        org_place(view, who, &given)
    })
    .await
}

/// The policy of a project, and what is in force there.
#[utoipa::path(get, path = "/projects/{id}/policy", tag = "policies",
    operation_id = "policy.project",
    params(("id" = String, Path, description = "The project")),
    responses((status = 200, description = "The policy", body = PolicyView)))]
async fn of_project(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
) -> Result<AxumJson<PolicyView>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let place = project_place(view, &who, id)?;
        view_of(view, &place)
    });
    Ok(AxumJson(found.await?))
}

/// Sets the policy of a project. Its limits count at once, the rest for what is made or approved
/// later.
#[utoipa::path(put, path = "/projects/{id}/policy", tag = "policies",
    operation_id = "policy.set_project", request_body = SetPolicy,
    params(("id" = String, Path, description = "The project")),
    responses((status = 200, description = "The policy", body = PolicyView)))]
async fn set_project(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
    body: Mutation<SetPolicy>,
) -> Result<Response> {
    set(lab, caller, "policy.set_project", body, move |view, who| {
        project_place(view, who, id)
    })
    .await
}

/// The policy of the goal that a task serves, and what is in force there.
#[utoipa::path(get, path = "/tasks/{id}/policy", tag = "policies", operation_id = "policy.goal",
    params(("id" = String, Path, description = "The goal, or a task of it")),
    responses((status = 200, description = "The policy", body = PolicyView)))]
async fn of_goal(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
) -> Result<AxumJson<PolicyView>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let place = goal_place(view, &who, id)?;
        view_of(view, &place)
    });
    Ok(AxumJson(found.await?))
}

/// Sets the policy of a goal, for all of its tasks that are not over.
#[utoipa::path(put, path = "/tasks/{id}/policy", tag = "policies",
    operation_id = "policy.set_goal", request_body = SetPolicy,
    params(("id" = String, Path, description = "The goal")),
    responses((status = 200, description = "The policy", body = PolicyView)))]
async fn set_goal(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    body: Mutation<SetPolicy>,
) -> Result<Response> {
    set(lab, caller, "policy.set_goal", body, move |view, who| {
        let place = goal_place(view, who, id)?;
        match place.goal == Some(id) {
            true => Ok(place),
            false => Err(Refusal::invalid("task", "is no goal: policies are of goals").into()),
        }
    })
    .await
}

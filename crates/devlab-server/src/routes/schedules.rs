//! Schedules, and webhooks that come in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::template::{
    CreateTemplate, CronTrigger, Delivered, HookTrigger, NewTemplate, Start, Template,
    UpdateTemplate,
};
use devlab_core::id::kind;
use devlab_core::limits::FIRINGS_SHOWN;
use devlab_core::name::Name;
use devlab_core::rules::start::{self, Delivery};
use devlab_core::template::{self as core, Cron, Firing, Hook, Outcome, Trigger};
use devlab_core::tx::Read;
use devlab_core::{Refusal, TemplateId};
use devlab_orchestrator::{Lab, scope};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa_axum::routes;

use super::orgs::ListQuery;
use super::schedule;
use super::support::{self, done, mutate};
use crate::app::App;
use crate::extract::{Caller, Mutation, PathId, Query, RawBody};
use crate::hooks;
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::{ApiError, Kind, Result};

/// Why what shows a secret is not repeatable.
const NO_KEY: &str = "an answer with a secret is not repeatable: leave the header out; if an answer \
    was lost, ask for another secret";

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let (read, change) = (Policy::roles(Roles::READ), Policy::roles(Roles::CHANGE));
    routes
        .add(read, routes!(all))
        .add(change, routes!(create))
        .add(read, routes!(one))
        .add(change, routes!(update))
        .add(change, routes!(run))
        .add(change, routes!(renew_secret))
        .add(change, routes!(remove))
        .add(Policy::public().hooks(), routes!(deliver))
}

/// Schedules, newest first.
#[utoipa::path(get, path = "/schedules", tag = "schedules", operation_id = "schedule.list",
    params(ListQuery),
    responses((status = 200, description = "A page", body = List<Template>)))]
async fn all(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<AxumJson<List<Template>>> {
    let page = support::page(query.cursor.as_deref(), query.limit)?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        let org = match &query.org {
            Some(org) => Some(scope::org(view, &who, Some(org))?.id),
            None => who.org,
        };
        view.templates(org, page)
    });
    let found = found.await?;
    Ok(AxumJson(support::list(
        found,
        page,
        |template| template.id.uuid(),
        |template| shown(template, Vec::new()),
    )))
}

/// Makes a schedule, or a webhook. A webhook's secret is shown this once and stored nowhere, so a
/// request that has an `Idempotency-Key` is refused.
#[utoipa::path(post, path = "/schedules", tag = "schedules", operation_id = "schedule.create",
    request_body = CreateTemplate,
    responses((status = 201, description = "The schedule, and a webhook's secret",
        body = NewTemplate)))]
async fn create(
    State(app): State<Arc<App>>,
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Mutation { body, idempotency }: Mutation<CreateTemplate>,
) -> Result<Response> {
    if idempotency.is_some() {
        return Err(Refusal::invalid("Idempotency-Key", NO_KEY).into());
    }
    let trigger = trigger(body.cron, body.hook)?;
    let name: Name = body.name.parse()?;
    if !body.goal.depends_on.is_empty() {
        let problem = "a goal that is made again and again depends on none of these";
        return Err(Refusal::invalid("goal.depends_on", problem).into());
    }
    let (org, project) = (body.goal.org.clone(), body.goal.project.clone());
    let goal = schedule::goal(body.goal)?;
    let who = caller.principal.clone();
    mutate(&lab, &caller, "schedule.create", None, move |tx| {
        let org = scope::org(tx, &who, org.as_deref())?.id;
        let project = match &project {
            Some(given) => Some(scope::project_named(tx, &who, org, given)?.id),
            None => None,
        };
        let new = start::NewTemplate {
            org,
            project,
            name: name.clone(),
            goal: goal.clone(),
            trigger: trigger.clone(),
            by: who.display(),
        };
        let made = start::create(tx, &new)?;
        let id = made.id;
        let answer = with_secret(&app, made);
        done(Some(org), id, StatusCode::CREATED, &answer)
    })
    .await
}

/// One schedule, with its newest starts.
#[utoipa::path(get, path = "/schedules/{id}", tag = "schedules", operation_id = "schedule.get",
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 200, description = "The schedule", body = Template)))]
async fn one(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Template>,
) -> Result<AxumJson<Template>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let template = scope::template(view, &who, id)?;
        view_of(view, template)
    });
    Ok(AxumJson(found.await?))
}

/// Pauses a schedule, or lets it go on. What it missed while it was paused is not made up for.
#[utoipa::path(patch, path = "/schedules/{id}", tag = "schedules",
    operation_id = "schedule.update", request_body = UpdateTemplate,
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 200, description = "The schedule", body = Template)))]
async fn update(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Template>,
    Mutation { body, idempotency }: Mutation<UpdateTemplate>,
) -> Result<Response> {
    let who = caller.principal.clone();
    mutate(&lab, &caller, "schedule.update", idempotency, move |tx| {
        let org = scope::template(tx, &who, id)?.org;
        let template = start::enable(tx, id, body.enabled)?;
        let answer = view_of(tx, template)?;
        done(Some(org), id, StatusCode::OK, &answer)
    })
    .await
}

/// No particulars.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Starts a schedule now, paused or not. The goal is made within seconds: look at its starts.
#[utoipa::path(post, path = "/schedules/{id}/run", tag = "schedules",
    operation_id = "schedule.run",
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 202, description = "The start", body = Start)))]
async fn run(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Template>,
    Mutation { idempotency, .. }: Mutation<Nothing>,
) -> Result<Response> {
    let who = caller.principal.clone();
    let answer = mutate(&lab, &caller, "schedule.run", idempotency, move |tx| {
        let org = scope::template(tx, &who, id)?.org;
        let answer = started(start::wish(tx, id)?);
        done(Some(org), id, StatusCode::ACCEPTED, &answer)
    });
    let answer = answer.await?;
    lab.start_soon();
    Ok(answer)
}

/// Gives a webhook another secret, which is shown this once. The one before does not work any more.
#[utoipa::path(post, path = "/schedules/{id}/secret", tag = "schedules",
    operation_id = "schedule.secret",
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 200, description = "The schedule and its secret", body = NewTemplate)))]
async fn renew_secret(
    State(app): State<Arc<App>>,
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Template>,
    Mutation { idempotency, .. }: Mutation<Nothing>,
) -> Result<Response> {
    if idempotency.is_some() {
        return Err(Refusal::invalid("Idempotency-Key", NO_KEY).into());
    }
    let who = caller.principal.clone();
    mutate(&lab, &caller, "schedule.secret", None, move |tx| {
        let org = scope::template(tx, &who, id)?.org;
        let answer = with_secret(&app, start::renew_secret(tx, id)?);
        done(Some(org), id, StatusCode::OK, &answer)
    })
    .await
}

/// Removes a schedule. Goals that it made stay.
#[utoipa::path(delete, path = "/schedules/{id}", tag = "schedules",
    operation_id = "schedule.remove",
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 204, description = "It is gone")))]
async fn remove(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Template>,
    Mutation { idempotency, .. }: Mutation<Nothing>,
) -> Result<Response> {
    let who = caller.principal.clone();
    mutate(&lab, &caller, "schedule.remove", idempotency, move |tx| {
        let org = scope::template(tx, &who, id)?.org;
        tx.delete_template(id)?;
        done(Some(org), id, StatusCode::NO_CONTENT, &())
    })
    .await
}

/// Takes a forge's webhook, signed with the schedule's secret. One that came before is refused; what
/// starts nothing is answered with 200.
#[utoipa::path(post, path = "/hooks/{id}", tag = "schedules", operation_id = "hook.deliver",
    params(("id" = String, Path, description = "The schedule")),
    request_body(content = String, description = "What the forge sends",
        content_type = "application/json"),
    responses((status = 202, description = "It starts a goal", body = Delivered),
        (status = 200, description = "It starts nothing", body = Delivered)))]
async fn deliver(
    State(app): State<Arc<App>>,
    Extension(lab): Extension<Arc<Lab>>,
    PathId(id): PathId<kind::Template>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response> {
    let found = lab.read(move |view| Ok((view.template(id)?, view.now())));
    let (template, now) = found.await?;
    let template = template.and_then(|template| match template.trigger {
        Trigger::Hook(hook) => Some((hook, template.secret)),
        Trigger::Cron(_) => None,
    });
    // Whoever has no secret learns nothing of what there is.
    let unknown = || ApiError::new(Kind::UNAUTHORIZED, "its signature does not hold");
    let (hook, number) = template.ok_or_else(unknown)?;
    let key = app.auth.hook_key(id, number);
    let signed = hooks::verify(hook.forge, &key, &headers, &body, now).ok_or_else(unknown)?;
    let said = serde_json::from_slice(&body)
        .map_err(|_| ApiError::new(Kind::MALFORMED_JSON, "send webhooks as application/json"))?;
    let happening = core::hook::read(hook.forge, &signed.event, &said);
    let Some(happening) = happening.filter(|happening| hook.wants(happening)) else {
        return support::json(StatusCode::OK, &Delivered { started: false });
    };
    let delivery = Delivery {
        digest: signed.digest,
        id: signed.delivery,
        values: happening.values,
    };
    lab.write(move |tx| start::arrive(tx, id, &delivery))
        .await?;
    lab.start_soon();
    support::json(StatusCode::ACCEPTED, &Delivered { started: true })
}

fn trigger(cron: Option<CronTrigger>, hook: Option<HookTrigger>) -> Result<Trigger> {
    match (cron, hook) {
        (Some(cron), None) => Ok(Trigger::Cron(Cron {
            expression: cron.expression,
            zone: cron.zone,
            overlap: cron.overlap,
        })),
        (None, Some(hook)) => Ok(Trigger::Hook(Hook {
            forge: word("hook.forge", hook.forge)?,
            events: hook
                .events
                .into_iter()
                .map(|event| word("hook.events", event))
                .collect::<Result<_>>()?,
            branches: hook.branches,
        })),
        (Some(_), Some(_)) | (None, None) => {
            let problem = "give either cron or hook";
            Err(Refusal::invalid("cron", problem).into())
        }
    }
}

fn word<T: DeserializeOwned>(field: &str, given: String) -> Result<T> {
    let problem = format!("{given:?} is none of the words that it may be");
    let known = serde_json::from_value(serde_json::Value::String(given));
    known.map_err(|_| Refusal::invalid(field, problem).into())
}

fn text<T: serde::Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn with_secret(app: &App, template: core::Template) -> NewTemplate {
    let secret = match &template.trigger {
        Trigger::Hook(_) => {
            let key = app.auth.hook_key(template.id, template.secret);
            Some(hooks::secret(&key))
        }
        Trigger::Cron(_) => None,
    };
    NewTemplate {
        schedule: shown(template, Vec::new()),
        secret,
    }
}

fn view_of<R: Read + ?Sized>(
    view: &mut R,
    template: core::Template,
) -> devlab_core::Result<Template> {
    let starts = view.firings(template.id, FIRINGS_SHOWN)?;
    Ok(shown(template, starts))
}

fn path_of(id: TemplateId) -> String {
    format!("/hooks/{id}")
}

fn shown(template: core::Template, starts: Vec<Firing>) -> Template {
    let (cron, hook) = match template.trigger {
        Trigger::Cron(cron) => (
            Some(CronTrigger {
                expression: cron.expression,
                zone: cron.zone,
                overlap: cron.overlap,
            }),
            None,
        ),
        Trigger::Hook(hook) => (
            None,
            Some(HookTrigger {
                forge: text(&hook.forge),
                events: hook.events.iter().map(text).collect(),
                branches: hook.branches,
            }),
        ),
    };
    Template {
        id: template.id,
        org: template.org,
        project: template.project,
        name: template.name.to_string(),
        title: template.goal.spec.title,
        hook_path: hook.is_some().then(|| path_of(template.id)),
        cron,
        hook,
        enabled: template.enabled,
        next_at: template.next_at,
        by: template.by,
        created_at: template.created_at,
        starts: starts.into_iter().map(started).collect(),
    }
}

fn started(firing: Firing) -> Start {
    let (goal, reason) = match firing.outcome {
        Some(Outcome::Goal(goal)) => (Some(goal), None),
        Some(Outcome::None(reason)) => (None, Some(reason)),
        None => (None, None),
    };
    Start {
        key: firing.key,
        at: firing.at,
        values: firing.values,
        goal,
        reason,
    }
}

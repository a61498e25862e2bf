//! What agents call.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json as AxumJson};
use devlab_api::agent::{
    Agent, Claim, Claimed, Completion, Control, Delivery, Logged, Message, RegisterAgent, Update,
    Updated,
};
use devlab_core::id::kind;
use devlab_core::label::Labels;
use devlab_core::limits::LOG_TAIL_BYTES_MAX;
use devlab_core::rules::agents::{self, Holding, Registration};
use devlab_core::rules::complete::Outcome;
use devlab_core::state::State as TaskState;
use devlab_core::{AttemptId, Oid, Refusal, TaskId};
use devlab_orchestrator::{Delivered, Lab, scope};

use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::support::json;
use crate::app::AppState;
use crate::convert;
use crate::extract::{Caller, Json, PathId, Query, RawBody};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// Most attempts that one control call may name.
const HELD_MAX: usize = 256;
/// Most paths that one call may say it has changed.
const TOUCHED_MAX: usize = 1_000;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let agents = Policy::roles(Roles::AGENT);
    routes
        .add(agents, routes!(register))
        .add(agents.waiting(), routes!(control))
        .add(agents.waiting(), routes!(claim))
        .add(agents.at_home(), routes!(update))
        .add(agents.log_chunks(), routes!(log))
}

/// Registers an agent, or tells that it has restarted.
#[utoipa::path(post, path = "/agents", tag = "agents", operation_id = "agent.register",
    request_body = RegisterAgent,
    responses((status = 200, description = "The agent", body = Agent)))]
async fn register(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Json(body): Json<RegisterAgent>,
) -> Result<Response> {
    let who = caller.principal;
    let labels = Labels::new(&body.labels)?;
    let agent = lab.write(move |tx| {
        let org = scope::org(tx, &who, body.org.as_deref())?;
        let registration = Registration {
            org: org.id,
            name: body.name.clone(),
            labels: labels.clone(),
            capacity: body.capacity,
            runtime: body.runtime.clone(),
        };
        let agent = agents::register(tx, registration)?;
        let held = tx.attempts_of_agent(agent.id)?;
        Ok(convert::agent(agent, &held, tx.now()))
    });
    json(StatusCode::OK, &agent.await?)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ControlQuery {
    /// Attempts that the agent holds, separated by commas.
    #[serde(default)]
    held: String,
    /// How many messages it has got for each of them, in their order; left out by an agent that
    /// wants none.
    #[serde(default)]
    seen: Option<String>,
    /// How long to wait for something to say, in seconds; at most 30.
    #[serde(default)]
    wait_secs: u32,
}

/// Tells an agent which of its attempts to stop, what people said to the others, and whether to
/// drain. Waits for something to say.
#[utoipa::path(get, path = "/agents/{id}/control", tag = "agents", operation_id = "agent.control",
    params(("id" = String, Path, description = "The agent"), ControlQuery),
    responses((status = 200, description = "What to do", body = Control)))]
async fn control(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Agent>,
    Query(query): Query<ControlQuery>,
) -> Result<AxumJson<Control>> {
    let held: Vec<AttemptId> = query
        .held
        .split(',')
        .filter(|text| !text.is_empty())
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| Refusal::invalid("held", "has ids of attempts, separated by commas"))?;
    if held.len() > HELD_MAX {
        return Err(Refusal::invalid("held", format!("at most {HELD_MAX} attempts")).into());
    }
    let held = holdings(&held, query.seen.as_deref())?;
    let wait = Duration::from_secs(u64::from(query.wait_secs));
    let orders = lab.control(&caller.principal, id, held, wait).await?;
    let messages = orders.messages.into_iter().map(|told| Message {
        attempt: told.attempt,
        number: told.number,
        by: told.by,
        message: told.message,
    });
    Ok(AxumJson(Control {
        messages: messages.collect(),
        stop: orders.stop,
        drain: orders.drain,
    }))
}

/// What an agent holds, with how many messages it has got for each.
fn holdings(held: &[AttemptId], seen: Option<&str>) -> Result<Vec<Holding>> {
    let seen: Vec<Option<u32>> = match seen.filter(|_| !held.is_empty()) {
        None => vec![None; held.len()],
        Some(seen) => seen
            .split(',')
            .map(|count| count.parse().ok())
            .take(held.len() + 1)
            .collect(),
    };
    let is_wrong = seen.len() != held.len();
    if is_wrong {
        let problem = "has a number for each id of held, separated by commas";
        return Err(Refusal::invalid("seen", problem).into());
    }
    let each = held.iter().zip(seen);
    let each = each.map(|(attempt, seen)| Holding {
        attempt: *attempt,
        seen,
    });
    Ok(each.collect())
}

/// Gives an agent work, waiting for it.
#[utoipa::path(post, path = "/tasks/claim", tag = "agents", operation_id = "task.claim",
    request_body = Claim,
    responses((status = 200, description = "Work", body = Claimed),
        (status = 204, description = "There was none in that time")))]
async fn claim(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Json(body): Json<Claim>,
) -> Result<Response> {
    if body.claim_id.chars().any(char::is_control) {
        return Err(Refusal::invalid("claim_id", "has no control characters").into());
    }
    let wait = Duration::from_secs(u64::from(body.wait_secs));
    let got = lab
        .claim(&caller.principal, body.agent, body.claim_id, wait)
        .await?;
    let Some(got) = got else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    app.metrics.claims.inc();
    // Most tasks of a benchmark and many of real life have no repository.
    let token = match got.project {
        Some(_) => app.auth.attempt_token(got.attempt.id),
        None => String::new(),
    };
    json(
        StatusCode::OK,
        &convert::claimed(got, token, lease_ms(&lab)),
    )
}

fn lease_ms(lab: &Lab) -> u64 {
    u64::try_from(lab.rules().lease_term.as_millis()).unwrap_or(u64::MAX)
}

/// Extends a lease, or with `complete` ends an attempt. May be repeated until it is answered.
#[utoipa::path(post, path = "/tasks/update", tag = "agents", operation_id = "task.update_attempt",
    request_body = Update,
    responses((status = 200, description = "It counts", body = Updated)))]
async fn update(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Json(body): Json<Update>,
) -> Result<AxumJson<Updated>> {
    let who = &caller.principal;
    let ends = body.complete.is_some();
    if body
        .touched
        .as_ref()
        .is_some_and(|all| all.len() > TOUCHED_MAX)
    {
        let problem = format!("at most {TOUCHED_MAX} paths");
        return Err(Refusal::invalid("touched", problem).into());
    }
    let state = match body.complete {
        None => {
            let beat = lab.heartbeat(who, body.task, body.attempt, body.phase, body.touched);
            beat.await?
        }
        Some(Completion::Delivered(delivery)) => {
            let delivered = delivered(delivery, body.touched)?;
            lab.deliver(who, body.task, body.attempt, delivered).await?
        }
        Some(Completion::DriverFailed(failure)) => {
            let outcome = Outcome::DriverFailed {
                reason: bounded("complete.driver_failed.reason", failure.reason)?,
                log_tail: bounded("complete.driver_failed.log_tail", failure.log_tail)?,
                not_started: failure.not_started,
            };
            lab.end_attempt(who, body.task, body.attempt, outcome)
                .await?
        }
        Some(Completion::Asked(asked)) => {
            let commit = commit_id("complete.asked.commit", asked.commit)?;
            let question = asked.question.into();
            lab.ask(who, body.task, body.attempt, commit, question)
                .await?
        }
        Some(Completion::GivenUp(_) | Completion::Cancelled(_)) => {
            lab.end_attempt(who, body.task, body.attempt, Outcome::GivenUp)
                .await?
        }
    };
    let lease_ms = if ends { 0 } else { lease_ms(&lab) };
    Ok(AxumJson(Updated {
        lease_ms,
        state: TaskState::name(state),
    }))
}

fn bounded(field: &str, text: String) -> Result<String> {
    if text.len() > LOG_TAIL_BYTES_MAX {
        let problem = format!("at most {LOG_TAIL_BYTES_MAX} bytes");
        return Err(Refusal::invalid(field, problem).into());
    }
    Ok(text)
}

fn commit_id(field: &str, text: Option<String>) -> Result<Option<Oid>> {
    let parsed = text.map(|text| text.parse());
    let parsed = parsed.transpose();
    Ok(parsed.map_err(|_| Refusal::invalid(field, "is not the id of a commit"))?)
}

fn delivered(delivery: Delivery, touched: Option<Vec<String>>) -> Result<Delivered> {
    let commit = commit_id("complete.delivered.commit", delivery.commit)?;
    let runs = delivery.receipts.into_iter().enumerate();
    let checks = runs
        .map(|(i, receipt)| convert::check_run(i, receipt))
        .collect::<std::result::Result<_, _>>()?;
    Ok(Delivered {
        commit,
        checks,
        heard: delivery.heard,
        touched,
    })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// The task.
    #[param(value_type = String)]
    task: TaskId,
    /// The attempt.
    #[param(value_type = String)]
    attempt: AttemptId,
    /// Where the chunk belongs, in bytes.
    offset: u64,
}

/// Appends to an attempt's log: at most 256 KiB of bytes. A repeated chunk is ignored, a gap is
/// refused with the expected offset.
#[utoipa::path(post, path = "/tasks/log", tag = "agents", operation_id = "task.append_log",
    params(LogQuery),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, description = "The log's length", body = Logged)))]
async fn log(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<LogQuery>,
    RawBody(bytes): RawBody,
) -> Result<AxumJson<Logged>> {
    let LogQuery {
        task,
        attempt,
        offset,
    } = query;
    let len = lab
        .append_log(&caller.principal, task, attempt, offset, bytes.to_vec())
        .await?;
    Ok(AxumJson(Logged { len }))
}

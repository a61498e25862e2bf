//! What handlers share.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use devlab_core::auth::Principal;
use devlab_core::limits::{PAGE_DEFAULT, PAGE_MAX};
use devlab_core::org::ProjectSettings;
use devlab_core::tx::{Page, Tx};
use devlab_core::{OrgId, ProjectId, Refusal, TaskId};
use devlab_orchestrator::{Answer, Done, IdempotencyKey, Lab, Mutation, scope};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::extract::{Caller, Idempotency};
use crate::problem::{ApiError, Kind, Result};

/// Set on an answer that was remembered from an earlier request with the same `Idempotency-Key`.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

impl From<devlab_orchestrator::Error> for ApiError {
    fn from(error: devlab_orchestrator::Error) -> Self {
        use devlab_orchestrator::Error;
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Elsewhere { home } => Self::elsewhere(home),
            Error::Storage(error) => error.into(),
            // The place's own words may hold addresses and paths: they go to the log only.
            Error::Blob(error) => Self::of_blobs(&error),
            Error::Git(error) if error.is_transient() => {
                Self::new(Kind::UNAVAILABLE, "the repository is busy").retry_after(1)
            }
            // Whoever put it into the repository can make it smaller; the server is well.
            Error::Git(error) if error.is_too_large() => {
                Self::new(Kind::TOO_LARGE, error.to_string())
            }
            Error::Git(error) => Self::internal(format!("git: {error}")),
            Error::Problems(problems) => {
                let detail = match problems.split_first() {
                    Some((first, [])) => first.to_string(),
                    Some((first, more)) => format!("{first} (and {} more)", more.len()),
                    None => String::new(),
                };
                let problems = problems.into_iter().map(Into::into).collect();
                Self::new(Kind::PLAN_INVALID, detail).problems(problems)
            }
            Error::Io { .. } | Error::Injected(_) => Self::internal(error.to_string()),
        }
    }
}

/// A project with the settings of its repository.
type Settled = (ProjectId, ProjectSettings);

/// Where new work goes, as far as that has to be read before the transaction that makes it: the
/// settings of a project are in its repository. Without a project there is nothing to read, so that
/// the usual task costs one transaction.
#[derive(Debug, Clone)]
pub(super) struct Site {
    who: Principal,
    org: Option<String>,
    known: Option<(OrgId, Option<Settled>)>,
}

impl Site {
    /// Looks for the project that was named, or that of a parent.
    pub(super) async fn find(
        lab: &Arc<Lab>,
        caller: &Caller,
        org: Option<String>,
        project: Option<String>,
        parent: Option<TaskId>,
    ) -> Result<Self> {
        let mut site = Self {
            who: caller.principal.clone(),
            org,
            known: None,
        };
        if project.is_none() && parent.is_none() {
            return Ok(site);
        }
        let (who, org) = (site.who.clone(), site.org.clone());
        let found = lab.read(move |view| {
            let parent = parent.map(|id| scope::task(view, &who, id)).transpose()?;
            let org = match &parent {
                Some(parent) if org.is_none() => parent.org,
                Some(_) | None => scope::org(view, &who, org.as_deref())?.id,
            };
            let project = match (project, parent.and_then(|parent| parent.project)) {
                (Some(given), _) => Some(scope::project_named(view, &who, org, &given)?),
                (None, Some(id)) => view.project(id)?,
                (None, None) => None,
            };
            Ok((org, project))
        });
        let (org, project) = found.await?;
        let project = match project {
            Some(project) => Some(lab.project_place(&project).await?),
            None => None,
        };
        site.known = Some((org, project));
        Ok(site)
    }

    /// The org, and the project if there is one.
    pub(super) fn org_and_project(
        &self,
        tx: &mut dyn Tx,
    ) -> devlab_core::Result<(OrgId, Option<Settled>)> {
        match &self.known {
            Some(known) => Ok(known.clone()),
            None => Ok((scope::org(tx, &self.who, self.org.as_deref())?.id, None)),
        }
    }
}

/// JSON with a status.
pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Response> {
    let body = serde_json::to_vec(value)
        .map_err(|error| ApiError::internal(format!("an answer could not be written: {error}")))?;
    Ok(with_json(status, body))
}

fn with_json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// What a mutation did, and what its caller is told.
pub(super) fn done<T: Serialize>(
    org: Option<OrgId>,
    target: impl ToString,
    status: StatusCode,
    answer: &T,
) -> devlab_core::Result<Done> {
    let body = serde_json::to_string(answer)
        .map_err(|error| Refusal::Conflict(format!("an answer could not be written: {error}")))?;
    Ok(Done {
        org,
        target: target.to_string(),
        answer: Answer::new(status.as_u16(), body),
    })
}

/// Runs a mutation of a caller, with its audit entry and its remembered answer.
pub(super) async fn mutate<F>(
    lab: &Arc<Lab>,
    caller: &Caller,
    action: &'static str,
    idempotency: Option<Idempotency>,
    unit: F,
) -> Result<Response>
where
    F: FnMut(&mut dyn Tx) -> devlab_core::Result<Done> + Send + 'static,
{
    let mutation = Mutation {
        who: caller.principal.clone(),
        request_id: caller.request_id.as_str().to_owned(),
        action,
        idempotency: idempotency.map(|i| IdempotencyKey {
            key: i.key,
            body: i.body,
        }),
    };
    Ok(answered(lab.mutate(mutation, unit).await?))
}

/// The answer that this request got before, if its key was used: for handlers that do something
/// before their transaction.
pub(super) async fn replayed(
    lab: &Arc<Lab>,
    idempotency: Option<&Idempotency>,
) -> Result<Option<Response>> {
    let Some(sent) = idempotency else {
        return Ok(None);
    };
    let sent = IdempotencyKey {
        key: sent.key.clone(),
        body: sent.body.clone(),
    };
    Ok(lab.remembered(sent).await?.map(answered))
}

fn answered(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = if status == StatusCode::NO_CONTENT {
        status.into_response()
    } else {
        with_json(status, answer.body)
    };
    if answer.replayed {
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The part of a list that `cursor` and `limit` name.
pub(super) fn page(cursor: Option<&str>, limit: Option<u32>) -> Result<Page> {
    let after = match cursor {
        None => None,
        Some(text) => Some(
            Uuid::try_parse(text)
                .map_err(|_| Refusal::invalid("cursor", "is not the `next` of a page"))?,
        ),
    };
    let limit = self::limit(limit)?;
    Ok(Page { after, limit })
}

/// Most items of a page.
pub(super) fn limit(given: Option<u32>) -> Result<u32> {
    let limit = given.unwrap_or(PAGE_DEFAULT);
    if limit == 0 || limit > PAGE_MAX {
        let problem = format!("must be between 1 and {PAGE_MAX}");
        return Err(Refusal::invalid("limit", problem).into());
    }
    Ok(limit)
}

/// A page of wire items. There may be more if the page is full.
pub(super) fn list<E, T>(
    found: Vec<E>,
    page: Page,
    id: impl Fn(&E) -> Uuid,
    convert: impl FnMut(E) -> T,
) -> devlab_api::List<T> {
    let is_full = u32::try_from(found.len()).unwrap_or(u32::MAX) >= page.limit;
    let next = found
        .last()
        .filter(|_| is_full)
        .map(|last| id(last).simple().to_string());
    devlab_api::List {
        items: found.into_iter().map(convert).collect(),
        next,
    }
}

/// A page of a list that is read whole, because what belongs to one task is short as a rule.
pub(super) fn part<E>(
    found: Vec<E>,
    page: Page,
    id: impl Fn(&E) -> Uuid,
) -> Result<(Vec<E>, Option<String>)> {
    let from = match page.after {
        None => 0,
        Some(after) => match found.iter().position(|one| id(one) == after) {
            Some(place) => place + 1,
            None => return Err(Refusal::invalid("cursor", "is not the `next` of a page").into()),
        },
    };
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = found.len() - from > limit;
    let items: Vec<E> = found.into_iter().skip(from).take(limit).collect();
    let last = items.last().filter(|_| has_more);
    let next = last.map(|last| id(last).simple().to_string());
    Ok((items, next))
}

/// Part of a list that belongs to one thing.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct PartQuery {
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
    /// Most items: 1 to 500, which is the default.
    pub(super) limit: Option<u32>,
}

impl PartQuery {
    pub(super) fn limit(&self) -> Result<u32> {
        limit(Some(self.limit.unwrap_or(PAGE_MAX)))
    }

    pub(super) fn page(&self) -> Result<Page> {
        page(self.cursor.as_deref(), Some(self.limit()?))
    }
}

/// A unified diff.
pub(super) fn diff(bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let diff = HeaderValue::from_static("text/x-diff; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, diff);
    response
}

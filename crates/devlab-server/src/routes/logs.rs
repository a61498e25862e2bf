//! Logs of attempts, for people.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devlab_core::attempt::AttemptState;
use devlab_core::id::kind;
use devlab_core::limits::LOG_CHUNK_BYTES_MAX;
use devlab_core::{AttemptId, Refusal, TokenId};
use devlab_orchestrator::{Lab, LogPart, scope};
use futures::stream;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::extract::{Caller, LastEventId, PathId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;
use crate::sse::{self, SseEvent};

/// Length of the log, in bytes.
const LOG_LENGTH: HeaderName = HeaderName::from_static("x-log-length");
/// Where the answer's first byte is in the log.
const LOG_OFFSET: HeaderName = HeaderName::from_static("x-log-offset");
/// Most lines that are asked for from the end.
const TAIL_LINES_MAX: usize = 10_000;
/// How long after an attempt's end its log may still grow: its agent sends the rest.
const LINGER: Duration = Duration::from_secs(2);
/// Time between the growth of a log and the look at it: many small chunks come with one look.
const PACE: Duration = Duration::from_millis(20);
/// The same for a commit, which may have ended the attempt and most often is somebody else's: under
/// load there are thousands per second.
const COMMIT_PACE: Duration = Duration::from_millis(200);
/// How often a stream looks by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let policy = Policy::roles(Roles::READ);
    routes
        .add(policy, routes!(log))
        .add(policy.waiting(), routes!(follow))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct LogQuery {
    /// The attempt. Default: the latest.
    #[param(value_type = Option<String>)]
    attempt: Option<AttemptId>,
    /// First byte.
    offset: u64,
    /// Most bytes: 1 to 262144, which is the default.
    limit: Option<usize>,
    /// The last lines, so many of them, in place of a place: 1 to 10000. No more than `limit` bytes.
    tail: Option<usize>,
}

impl LogQuery {
    fn tail(&self) -> Result<Option<usize>> {
        match self.tail {
            Some(lines) if lines == 0 || lines > TAIL_LINES_MAX => {
                let problem = format!("must be between 1 and {TAIL_LINES_MAX}");
                Err(Refusal::invalid("tail", problem).into())
            }
            tail => Ok(tail),
        }
    }
}

/// Part of an attempt's log, as bytes.
#[utoipa::path(get, path = "/tasks/{id}/logs", tag = "logs", operation_id = "task.logs",
    params(("id" = String, Path, description = "The task"), LogQuery),
    responses((status = 200, description = "Bytes of the log", body = String,
        content_type = "text/plain",
        headers(("x-log-length" = u64, description = "Length of the log in bytes"),
            ("x-log-offset" = u64, description = "Where the first byte is")))))]
async fn log(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Query(query): Query<LogQuery>,
) -> Result<Response> {
    let limit = query.limit.unwrap_or(LOG_CHUNK_BYTES_MAX);
    if limit == 0 || limit > LOG_CHUNK_BYTES_MAX {
        let problem = format!("must be between 1 and {LOG_CHUNK_BYTES_MAX}");
        return Err(Refusal::invalid("limit", problem).into());
    }
    let attempt = lab.log_of(&caller.principal, id, query.attempt).await?;
    let part = match query.tail()? {
        Some(lines) => lab.log_tail(attempt, lines, limit).await?,
        None => {
            let offset = query.offset;
            let (bytes, len) = lab.read_log(attempt, offset, limit).await?;
            LogPart { offset, bytes, len }
        }
    };
    let mut response = Response::new(Body::from(part.bytes));
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, text);
    headers.insert(LOG_LENGTH, HeaderValue::from(part.len));
    headers.insert(LOG_OFFSET, HeaderValue::from(part.offset));
    Ok(response)
}

struct Follow {
    lab: Arc<Lab>,
    /// The caller's: the stream ends with it.
    token: TokenId,
    attempt: AttemptId,
    offset: u64,
    grown: broadcast::Receiver<AttemptId>,
    commits: watch::Receiver<u64>,
    has_ended: bool,
    is_over: bool,
}

/// An attempt's log as it grows (Server-Sent Events). Each `log` event has `offset` and `data`
/// (base64), and its id is the offset that follows; `end` comes when the attempt has ended.
#[utoipa::path(get, path = "/tasks/{id}/logs/stream", tag = "logs",
    operation_id = "task.logs_stream",
    params(("id" = String, Path, description = "The task"), LogQuery),
    responses((status = 200, description = "A stream of chunks", body = String,
        content_type = "text/event-stream")))]
async fn follow(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    last: LastEventId,
    Query(query): Query<LogQuery>,
) -> Result<Response> {
    let attempt = lab.log_of(&caller.principal, id, query.attempt).await?;
    let offset = match (last.0, query.tail()?) {
        (Some(after), _) => after,
        (None, Some(lines)) => {
            let tail = lab.log_tail(attempt, lines, LOG_CHUNK_BYTES_MAX);
            tail.await?.offset
        }
        (None, None) => query.offset,
    };
    // What cannot be read is said with a status, not by a stream that ends.
    lab.read_log(attempt, offset, 1).await?;
    let follow = Follow {
        attempt,
        token: caller.principal.token,
        offset,
        grown: lab.wakes().logs(),
        commits: lab.wakes().commits(),
        has_ended: false,
        is_over: false,
        lab,
    };
    Ok(sse::stream(
        stream::unfold(follow, next),
        app.shutdown.clone(),
    ))
}

async fn next(mut follow: Follow) -> Option<(SseEvent, Follow)> {
    if follow.is_over {
        return None;
    }
    loop {
        follow.commits.borrow_and_update();
        let token = follow.token;
        let may = follow.lab.read(move |view| scope::token_works(view, token));
        if !may.await.ok()? {
            return None;
        }
        let (attempt, offset) = (follow.attempt, follow.offset);
        let found = follow
            .lab
            .read_log(attempt, offset, LOG_CHUNK_BYTES_MAX)
            .await;
        let (bytes, _) = found.ok()?;
        if !bytes.is_empty() {
            follow.offset += u64::try_from(bytes.len()).unwrap_or(0);
            let chunk = serde_json::json!({ "offset": offset, "data": STANDARD.encode(&bytes) });
            let event = SseEvent {
                id: Some(follow.offset),
                event: "log",
                data: chunk.to_string(),
            };
            return Some((event, follow));
        }
        if follow.has_ended {
            follow.is_over = true;
            let event = SseEvent {
                id: None,
                event: "end",
                data: "{}".to_owned(),
            };
            return Some((event, follow));
        }
        let state = follow
            .lab
            .read(move |view| view.attempt(attempt))
            .await
            .ok()??
            .state;
        match state {
            AttemptState::Live | AttemptState::Lost => {
                wait(attempt, &mut follow.grown, &mut follow.commits).await;
            }
            AttemptState::Superseded
            | AttemptState::Succeeded
            | AttemptState::Failed
            | AttemptState::Cancelled
            | AttemptState::Asked => {
                follow.has_ended = true;
                wait_for_growth(&mut follow, LINGER).await;
            }
        }
    }
}

/// Waits until this log has grown, or something else was committed (the attempt may have ended).
async fn wait(
    attempt: AttemptId,
    grown: &mut broadcast::Receiver<AttemptId>,
    commits: &mut watch::Receiver<u64>,
) {
    let grown = async {
        loop {
            match grown.recv().await {
                Ok(id) if id != attempt => {}
                Ok(_) | Err(_) => break,
            }
        }
        tokio::time::sleep(PACE).await;
    };
    let committed = async {
        // A closed channel is the end of the lab, which ends the stream too.
        let _is_over = commits.changed().await.is_err();
        tokio::time::sleep(COMMIT_PACE).await;
    };
    tokio::select! {
        () = grown => {}
        () = committed => {}
        () = tokio::time::sleep(LOOK_AGAIN) => {}
    }
}

/// Waits until this log has grown; commits do not matter any more.
async fn wait_for_growth(follow: &mut Follow, longest: Duration) {
    let attempt = follow.attempt;
    let grown = async {
        loop {
            match follow.grown.recv().await {
                Ok(id) if id == attempt => return,
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    // Nothing more is the usual case.
    let _nothing_more = tokio::time::timeout(longest, grown).await.is_err();
}

#[cfg(test)]
mod tests {
    use devlab_core::Timestamp;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn commits_of_others_are_looked_at_seldom_and_growth_at_once() {
        let id = |n| AttemptId::new(Timestamp::from_millis(1), n);
        let (grow, mut grown) = broadcast::channel(16);
        let (commit, mut commits) = watch::channel(0);
        let waited = async |grown: &mut _, commits: &mut _| {
            let began = Instant::now();
            wait(id(1), grown, commits).await;
            began.elapsed()
        };
        commit.send_replace(1);
        let pause = waited(&mut grown, &mut commits).await;
        assert!((COMMIT_PACE..LOOK_AGAIN).contains(&pause), "{pause:?}");
        commit.send_replace(2);
        grow.send(id(1)).unwrap();
        let pause = waited(&mut grown, &mut commits).await;
        assert!((PACE..COMMIT_PACE).contains(&pause), "{pause:?}");
        // Another's log is not looked at, however much it grows.
        commits.borrow_and_update();
        for _ in 0..10 {
            grow.send(id(2)).unwrap();
        }
        assert!(waited(&mut grown, &mut commits).await >= LOOK_AGAIN);
    }
}

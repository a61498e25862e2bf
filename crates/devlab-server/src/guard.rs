//! What every request passes after routing: one layer that does all that is common.
//!
//! One layer rather than six because each costs a box and a few copies for every request, and
//! because the order matters: nothing is looked up before the `Host` is known to be ours.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use devlab_core::auth::Principal;
use futures::FutureExt;
use hyper::HeaderMap;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use tower::{Layer, Service};
use tracing::Instrument;

use crate::app::{App, CameBy};
use crate::context::{Context, REQUEST_ID, RequestId};
use crate::extract;
use crate::forward::{Forwarder, OfAnother};
use crate::metrics::RouteMetrics;
use crate::policy::{Access, Policy};
use crate::problem::{self, ApiError, Kind, Result};

/// The layer of one route.
#[derive(Clone)]
pub(crate) struct Guard(Arc<Inner>);

struct Inner {
    app: Arc<App>,
    policy: Policy,
    metrics: RouteMetrics,
    /// Whether it changes something.
    changes: bool,
    /// Method and path, for the log.
    name: String,
}

impl Guard {
    /// The guard of a route; `path` is its template.
    pub(crate) fn new(app: &Arc<App>, policy: Policy, method: &str, path: &str) -> Self {
        Self(Arc::new(Inner {
            app: Arc::clone(app),
            policy,
            metrics: app.metrics.route(method, path),
            changes: matches!(method, "POST" | "PUT" | "PATCH" | "DELETE"),
            name: format!("{method} {path}"),
        }))
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            guard: Arc::clone(&self.0),
        }
    }
}

/// A route behind its guard.
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    inner: S,
    guard: Arc<Inner>,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Error = Infallible> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Response, Infallible>> + Send>>;

    fn poll_ready(
        &mut self,
        context: &mut TaskContext<'_>,
    ) -> Poll<std::result::Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that was polled to readiness is used up; a fresh clone stays behind.
        let fresh = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, fresh);
        let guard = Arc::clone(&self.guard);
        Box::pin(async move { Ok(guard.run(inner, request).await) })
    }
}

impl Inner {
    async fn run<S>(&self, inner: S, mut request: Request) -> Response
    where
        S: Service<Request, Error = Infallible>,
        S::Response: IntoResponse,
    {
        let started = self.app.clock.monotonic();
        let request_id = self.app.request_ids.of(request.headers());
        let auth = &self.app.auth;
        let is_forwarded = auth.is_passed_on(request.headers(), &request_id);
        let by = match request.extensions().get::<CameBy>() {
            Some(by) => *by,
            None if is_forwarded => CameBy::OtherServer,
            None => CameBy::Listener,
        };
        let admitted = match self.app.hosts.check(request.uri(), request.headers()) {
            Ok(()) => self.admit(request.headers(), by).await,
            Err(error) => Err(error),
        };
        let response = match admitted {
            Ok(principal) => {
                request.extensions_mut().insert(Context {
                    request_id: request_id.clone(),
                    principal,
                    policy: self.policy,
                    is_forwarded,
                });
                let span = tracing::debug_span!(
                    "request",
                    id = request_id.as_str(),
                    route = self.name.as_str()
                );
                let work = self.answer(inner, request, &request_id, is_forwarded);
                work.instrument(span).await
            }
            Err(error) => error.into_response(),
        };
        self.finish(response, &request_id, started)
    }

    /// Who calls, if they may.
    async fn admit(&self, headers: &HeaderMap, by: CameBy) -> Result<Option<Principal>> {
        let app = &self.app;
        app.expect_role(self.policy.access, by)?;
        let (principal, roles) = match self.policy.access {
            Access::Public => {
                if self.changes {
                    app.limiter.check_public()?;
                }
                return Ok(None);
            }
            Access::Roles(roles) => (app.auth.caller(headers, &app.limiter).await?, roles),
            Access::Git(roles) => (app.auth.git_caller(headers, &app.limiter).await?, roles),
        };
        app.limiter.check(&principal)?;
        if !roles.has(principal.role) && principal.attempt.is_none() {
            return Err(ApiError::new(
                Kind::FORBIDDEN,
                format!("its role is {}", principal.role),
            ));
        }
        Ok(Some(principal))
    }

    async fn answer<S>(
        &self,
        mut inner: S,
        request: Request,
        id: &RequestId,
        is_forwarded: bool,
    ) -> Response
    where
        S: Service<Request, Error = Infallible>,
        S::Response: IntoResponse,
    {
        let handler = async {
            match &self.app.forward {
                Some(forward) if self.policy.at_home && !is_forwarded => {
                    at_home(inner, request, forward, (id, self.app.auth.mark(id))).await
                }
                Some(_) | None => match inner.call(request).await {
                    Ok(response) => response.into_response(),
                    Err(never) => match never {},
                },
            }
        };
        // A panic is a defect, but of one request: the connection and its other streams go on.
        let handler = AssertUnwindSafe(handler).catch_unwind();
        let outcome = match self.policy.timeout {
            None => handler.await,
            Some(limit) => match tokio::time::timeout(limit, handler).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    let detail = format!("it took more than {} s", limit.as_secs());
                    return ApiError::new(Kind::TIMEOUT, detail)
                        .retry_after(1)
                        .into_response();
                }
            },
        };
        match outcome {
            Ok(response) => response,
            Err(_panic) => ApiError::internal("the handler panicked").into_response(),
        }
    }

    fn finish(&self, response: Response, request_id: &RequestId, started: Duration) -> Response {
        let status = response.status();
        let is_ours = response.extensions().get::<OfAnother>().is_none();
        let failed = status.is_client_error() || status.is_server_error();
        let mut response = if failed && is_ours {
            self.explain(response, request_id)
        } else {
            response
        };
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, request_id.header());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        headers
            .entry(CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static(
                "default-src 'none'; frame-ancestors 'none'",
            ));
        let took = self.app.clock.monotonic().saturating_sub(started);
        self.metrics.observe(response.status(), took);
        response
    }

    /// Writes the problem document of a failure, and logs it if it is ours.
    fn explain(&self, mut response: Response, request_id: &RequestId) -> Response {
        let error = match response.extensions_mut().remove::<ApiError>() {
            Some(error) => error,
            // git's own answers stay as they are: its clients show them.
            None if matches!(self.policy.access, Access::Git(_)) => return response,
            // Of the framework, such as a method that the path does not know.
            None => {
                let error = problem::of_status(response.status());
                let mut ours = error.clone().into_response();
                ours.extensions_mut().remove::<ApiError>();
                if let Some(allow) = response.headers_mut().remove(hyper::header::ALLOW) {
                    ours.headers_mut().insert(hyper::header::ALLOW, allow);
                }
                response = ours;
                error
            }
        };
        if let Some(log) = error.log() {
            let id = request_id.as_str();
            tracing::error!(
                request_id = id,
                route = self.name,
                error = log,
                "request failed"
            );
        }
        if error.kind() == Kind::UNAUTHORIZED {
            let challenge = match self.policy.access {
                Access::Git(_) => "Basic realm=\"devlab\", charset=\"UTF-8\"",
                Access::Public | Access::Roles(_) => "Bearer realm=\"devlab\"",
            };
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        *response.body_mut() = Body::from(error.document(request_id));
        response
    }
}

/// Answers here, or if the repository is on another server, lets that one answer.
async fn at_home<S>(
    mut inner: S,
    request: Request,
    forward: &Forwarder,
    (id, mark): (&RequestId, String),
) -> Response
where
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
{
    let (parts, body) = request.into_parts();
    let body = match extract::read_body(&parts, body).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let again = parts.clone();
    let request = Request::from_parts(parts, Body::from(body.clone()));
    let response = match inner.call(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    };
    let elsewhere = response.extensions().get::<ApiError>();
    match elsewhere.and_then(ApiError::home) {
        None => response,
        Some(home) => match forward.send(home, again, body, (id, mark)).await {
            Ok(response) => response,
            Err(error) => error.into_response(),
        },
    }
}

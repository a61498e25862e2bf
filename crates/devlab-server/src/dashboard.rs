//! The listener for people: the single-page app under `/ui`, sessions, and the API behind them.
//!
//! `/api/v1/…` is the API of the other listener, for whoever has a session instead of a token; see
//! [`devlab_orchestrator::sessions`] for what one is. `/api/events` is its stream of events.
//! `/api/state` and `/api/command` are for scripts, which have a token.

mod files;
mod session;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Json, Router};
use devlab_api::Health;
use devlab_orchestrator::Lab;
use hyper::Uri;
use hyper::header::{AUTHORIZATION, COOKIE};
use tower::ServiceExt as _;

use crate::app::{App, CameBy};
use crate::forward::FORWARDED;
use crate::guard::Guard;
use crate::policy::Policy;
use crate::problem::{self, ApiError};

/// Everything that the listener answers. `api` is the router of the other listener.
pub fn router(app: &Arc<App>, lab: Arc<Lab>, api: Router) -> Router {
    let public = |method: &str, path: &str| Guard::new(app, Policy::public(), method, path);
    let behind = Behind { api };
    let of_session = Router::new()
        .route("/api/events", any(passed_on))
        .route("/api/v1/{*rest}", any(passed_on))
        .route("/api/state", any(passed_on_for_scripts))
        .route("/api/command", any(passed_on_for_scripts))
        .with_state(behind);
    Router::new()
        .route("/", get(front).route_layer(public("GET", "dashboard /")))
        .route(
            "/ui",
            get(front).route_layer(public("GET", "dashboard /ui")),
        )
        .route(
            "/ui/",
            get(files::index).route_layer(public("GET", "dashboard /ui/")),
        )
        .route(
            "/ui/{*path}",
            get(files::file).route_layer(public("GET", "dashboard /ui/{path}")),
        )
        .route(
            "/api/health",
            get(health).route_layer(public("GET", "dashboard /api/health")),
        )
        .route(
            "/api/session",
            post(session::open)
                .get(session::show)
                .delete(session::end)
                .route_layer(public("POST", "dashboard /api/session")),
        )
        .with_state(Arc::clone(app))
        .merge(of_session)
        .fallback(get(no_such_path).route_layer(public("-", "dashboard: no such path")))
        .layer(Extension(lab))
}

async fn no_such_path() -> ApiError {
    problem::of_status(hyper::StatusCode::NOT_FOUND)
}

async fn front() -> Redirect {
    Redirect::temporary("/ui/")
}

async fn health() -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
    })
}

/// The API that sessions lead to.
#[derive(Clone)]
struct Behind {
    api: Router,
}

/// Answers with the API, whose guard looks at the token that a session is.
async fn passed_on(State(behind): State<Behind>, mut request: Request) -> Response {
    // A session is the only way in here; what looks like another is none.
    for name in [AUTHORIZATION, session::TOKEN_HEADER] {
        request.headers_mut().remove(name);
    }
    pass_on(behind, request).await
}

/// The same for those who may show a token instead. A browser never does that by itself.
async fn passed_on_for_scripts(State(behind): State<Behind>, request: Request) -> Response {
    pass_on(behind, request).await
}

async fn pass_on(behind: Behind, mut request: Request) -> Response {
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str());
    let inner = match path.strip_prefix("/api") {
        Some(own) if own.starts_with("/v1/") => own.to_owned(),
        Some(own) => match own.strip_prefix("/events") {
            Some(rest) => format!("/v1/events/stream{rest}"),
            None => format!("/v1{own}"),
        },
        None => path.to_owned(),
    };
    let Ok(uri) = inner.parse::<Uri>() else {
        return problem::of_status(hyper::StatusCode::BAD_REQUEST).into_response();
    };
    *request.uri_mut() = uri;
    // What routing has noted so far is of this listener's routes: the other's ids would be counted
    // after it.
    request.extensions_mut().clear();
    request.extensions_mut().insert(CameBy::Dashboard);
    let headers = request.headers_mut();
    let secret = session::secret_of(headers);
    for name in [COOKIE, FORWARDED] {
        headers.remove(name);
    }
    let shows_token =
        headers.contains_key(AUTHORIZATION) || headers.contains_key(session::TOKEN_HEADER);
    if let (false, Some(secret)) = (shows_token, secret)
        && let Some(bearer) = session::bearer(&secret)
    {
        headers.insert(AUTHORIZATION, bearer);
    }
    match behind.api.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

//! The server itself.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use devlab_api::Health;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use utoipa_axum::routes;

use crate::app::AppState;
use crate::metrics::METRICS_TYPE;
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    routes
        .add(Policy::public(), routes!(health))
        .add(Policy::roles(Roles::METRICS), routes!(metrics))
}

/// Says that the process answers.
#[utoipa::path(get, path = "/health", tag = "server", operation_id = "health",
    responses((status = 200, description = "It does", body = Health)))]
async fn health() -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
    })
}

/// Counters in the text format of OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "server", operation_id = "metrics",
    responses((status = 200, description = "The counters", body = String,
        content_type = "application/openmetrics-text")))]
async fn metrics(State(app): State<AppState>) -> Response {
    let text = app.metrics.render();
    let mut response = text.into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE));
    response
}

//! All routes of the server in one router.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use hyper::header::{ACCEPT, HeaderValue, VARY};
use hyper::{HeaderMap, StatusCode};
use utoipa::openapi::OpenApi;

use crate::app::App;
use crate::guard::Guard;
use crate::openapi::{self, Routes};
use crate::policy::Policy;
use crate::problem::{self, ApiError};
use crate::routes::docs::{self, Document};
use crate::routes::login;

/// Puts routes together: `api` below `/v1` and at the root, `root` at the root only, the OpenAPI
/// document and its page, and problem answers for everything else.
///
/// # Errors
/// The document could not be written.
pub fn assemble(
    app: &Arc<App>,
    api: Routes,
    root: Routes,
) -> Result<(Router, OpenApi), serde_json::Error> {
    let (api, api_document) = api.finish();
    let (root, root_document) = root.finish();
    let document = openapi::document(api_document, root_document);
    let json = Arc::new(Document::new(&document)?);
    let public = |path: &str| Guard::new(app, Policy::public(), "GET", path);
    let openapi_json = get(move |headers| docs::openapi_json(Arc::clone(&json), headers));
    let router = Router::new()
        .nest("/v1", api.clone())
        .merge(api)
        .merge(root)
        .route(
            "/openapi.json",
            openapi_json.route_layer(public("/openapi.json")),
        )
        .route("/", get(front).route_layer(public("/")))
        .route("/docs", get(docs::page).route_layer(public("/docs")))
        .route(
            "/docs/{file}",
            get(docs::asset).route_layer(public("/docs/{file}")),
        )
        .route("/login", get(login::page).route_layer(public("/login")))
        .route(
            "/login.js",
            get(login::script).route_layer(public("/login.js")),
        )
        .route(
            "/login.css",
            get(login::style).route_layer(public("/login.css")),
        )
        .fallback(no_such_path.layer(Guard::new(app, Policy::public(), "-", "no such path")))
        .method_not_allowed_fallback(no_such_method.layer(Guard::new(
            app,
            Policy::public(),
            "-",
            "no such method",
        )))
        .with_state(Arc::clone(app));
    Ok((router, document))
}

/// Somebody who opens the address in a browser wants to see something; a program that asks for the
/// root has a wrong address, and hears so as everywhere else.
async fn front(headers: HeaderMap) -> Response {
    let mut response = match wants_page(&headers) {
        true => Redirect::temporary("/docs").into_response(),
        false => problem::of_status(StatusCode::NOT_FOUND).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// Whether a client names HTML among what it takes, as browsers do and programs do not; `*/*` is not
/// that.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    let mut types = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    types.any(|one| {
        let name = one.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("text/html")
    })
}

async fn no_such_path() -> ApiError {
    problem::of_status(StatusCode::NOT_FOUND)
}

async fn no_such_method() -> ApiError {
    problem::of_status(StatusCode::METHOD_NOT_ALLOWED)
}

//! Logging in and out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json as AxumJson};
use devlab_core::auth::Principal;
use devlab_core::{OrgId, Timestamp};
use devlab_orchestrator::{Lab, Secret, sessions};
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::app::AppState;
use crate::context::Context;
use crate::extract::Json;
use crate::problem::{ApiError, Result};

/// Carries the half of a session's secret that is in no cookie.
const HEADER: HeaderName = HeaderName::from_static("x-devlab-session");
/// The other header that a token may come in.
pub(super) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-auth-token");
const NAME: &str = "devlab_session";

/// What somebody logs in with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum LogIn {
    Token(String),
    /// Of a one-time link.
    Code(String),
}

/// Who is logged in.
#[derive(Debug, Serialize)]
struct Who {
    kind: &'static str,
    name: String,
    role: &'static str,
    org: Option<OrgOf>,
}

#[derive(Debug, Serialize)]
struct OrgOf {
    id: OrgId,
    name: String,
}

/// A session, to the page that has opened it.
#[derive(Debug, Serialize)]
struct Opened {
    /// For the header of every call.
    secret: String,
    principal: Who,
    expires_at: Option<Timestamp>,
}

/// Opens a session. The body is JSON, which no form and no page of another site can send.
pub(super) async fn open(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    Extension(context): Extension<Context>,
    Json(with): Json<LogIn>,
) -> Result<Response> {
    let request_id = context.request_id.as_str().to_owned();
    let token = match with {
        LogIn::Token(token) => Secret::from_text(token),
        LogIn::Code(code) => {
            let code = Secret::from_text(code);
            lab.login(code, request_id.clone()).await?.1
        }
    };
    let who = principal(&app, token.reveal()).await?;
    let session = lab.open_session(who, request_id).await?;
    let whole = sessions::whole(session.cookie.reveal(), session.header.reveal());
    let who = principal(&app, whole.reveal()).await?;
    let opened = Opened {
        secret: session.header.reveal().to_owned(),
        principal: describe(&lab, &who).await?,
        expires_at: session.token.expires_at,
    };
    let cookie = format!(
        "{NAME}={}; Path=/api; HttpOnly; SameSite=Strict",
        session.cookie.reveal()
    );
    let mut response = AxumJson(opened).into_response();
    let cookie = HeaderValue::from_str(&cookie)
        .map_err(|_| ApiError::internal("a session's cookie is no header"))?;
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

/// Who is logged in.
pub(super) async fn show(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    headers: HeaderMap,
) -> Result<Response> {
    let who = of_session(&app, &headers).await?;
    Ok(AxumJson(describe(&lab, &who).await?).into_response())
}

/// Logs out.
pub(super) async fn end(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<Response> {
    let who = of_session(&app, &headers).await?;
    lab.end_session(who, context.request_id.as_str().to_owned())
        .await?;
    let gone = format!("{NAME}=; Path=/api; HttpOnly; SameSite=Strict; Max-Age=0");
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(gone) = HeaderValue::from_str(&gone) {
        response.headers_mut().insert(SET_COOKIE, gone);
    }
    Ok(response)
}

/// The secret of the session that a request has both halves of.
pub(super) fn secret_of(headers: &HeaderMap) -> Option<Secret> {
    let header = headers.get(&HEADER)?.to_str().ok()?;
    let cookies = headers.get_all(COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let cookie = cookies.find_map(|one| one.trim().strip_prefix(NAME)?.strip_prefix('='))?;
    Some(sessions::whole(cookie, header))
}

/// A secret as the API takes it.
pub(super) fn bearer(secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn of_session(app: &AppState, headers: &HeaderMap) -> Result<Principal> {
    match secret_of(headers) {
        Some(secret) => principal(app, secret.reveal()).await,
        // Answered like a wrong one.
        None => principal(app, "").await,
    }
}

async fn principal(app: &AppState, secret: &str) -> Result<Principal> {
    let mut headers = HeaderMap::new();
    if let Some(bearer) = bearer(&Secret::from_text(secret)) {
        headers.insert(AUTHORIZATION, bearer);
    }
    app.auth.caller(&headers, &app.limiter).await
}

async fn describe(lab: &Lab, who: &Principal) -> Result<Who> {
    let org = match who.org {
        Some(id) => lab.read(move |view| view.org(id)).await?,
        None => None,
    };
    Ok(Who {
        kind: "token",
        name: who.token.to_string(),
        role: who.role.as_str(),
        org: org.map(|org| OrgOf {
            id: org.id,
            name: org.name.to_string(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(header: Option<&'static str>, cookies: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(HEADER, HeaderValue::from_static(header));
        }
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        secret_of(&headers).map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn a_session_is_both_halves() {
        let whole = Some("a.b".to_owned());
        assert_eq!(secret(Some("b"), &["x=1; devlab_session=a"]), whole);
        assert_eq!(secret(Some("b"), &["x=1", "devlab_session=a"]), whole);
        assert_eq!(secret(None, &["devlab_session=a"]), None);
        assert_eq!(secret(Some("b"), &["x=1"]), None);
        assert_eq!(secret(Some("b"), &["devlab_session_old=a"]), None);
    }
}

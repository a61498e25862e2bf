//! Logging in and out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json as AxumJson};
use devlab_core::auth::Principal;
use devlab_core::check::Sha256Hex;
use devlab_core::{OrgId, Timestamp};
use devlab_orchestrator::sessions::SESSION_TTL;
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
/// What the names of the cookies begin with.
const NAME: &str = "devlab_session_";
/// Digits of a cookie's name that tell it from the cookies of other sessions.
const NAME_DIGITS: usize = 16;

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
    let name = cookie_name(session.header.reveal());
    let age = session.token.expires_at;
    let age = age.map_or(SESSION_TTL, |end| end.since(session.token.created_at));
    let cookie = format!(
        "{name}={}; Path=/api; HttpOnly; SameSite=Strict; Max-Age={}",
        session.cookie.reveal(),
        age.as_secs()
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
    let mut response = StatusCode::NO_CONTENT.into_response();
    let header = headers.get(&HEADER).and_then(|value| value.to_str().ok());
    let gone = header.map(|header| {
        let name = cookie_name(header);
        format!("{name}=; Path=/api; HttpOnly; SameSite=Strict; Max-Age=0")
    });
    if let Some(Ok(gone)) = gone.map(|gone| HeaderValue::from_str(&gone)) {
        response.headers_mut().insert(SET_COOKIE, gone);
    }
    Ok(response)
}

/// The name of a session's cookie. Cookies ignore ports: with one name for all, whoever logs in to a
/// second lab of the same host would be logged out of the first. What the name shows of the other half
/// is of no use to anybody: it cannot be turned back.
fn cookie_name(header: &str) -> String {
    let digest = Sha256Hex::of(header.as_bytes());
    format!("{NAME}{}", &digest.as_str()[..NAME_DIGITS])
}

/// The secret of the session that a request has both halves of.
pub(super) fn secret_of(headers: &HeaderMap) -> Option<Secret> {
    let header = headers.get(&HEADER)?.to_str().ok()?;
    let cookies = headers.get_all(COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let name = cookie_name(header);
    let cookie = cookies.find_map(|one| one.trim().strip_prefix(&name)?.strip_prefix('='))?;
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

    fn secret(header: Option<&str>, cookies: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(HEADER, HeaderValue::from_str(header).unwrap());
        }
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        secret_of(&headers).map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn a_session_is_both_halves() {
        let of = |header: &str, cookie: &str| format!("{}={cookie}", cookie_name(header));
        let whole = Some("a.b".to_owned());
        let own = of("b", "a");
        assert_eq!(secret(Some("b"), &[&format!("x=1; {own}")]), whole);
        assert_eq!(secret(Some("b"), &["x=1", &own]), whole);
        assert_eq!(secret(None, &[&own]), None);
        assert_eq!(secret(Some("b"), &["x=1"]), None);
        // Another lab of this host, or another login, has a cookie of its own.
        let other = of("c", "d");
        assert_eq!(secret(Some("b"), &[&other]), None);
        assert_eq!(secret(Some("b"), &[&other, &own]), whole);
        assert_eq!(secret(Some("b"), &["devlab_session_=a"]), None);
    }
}

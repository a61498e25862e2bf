//! Who calls, and from where a stream goes on.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use devlab_core::auth::Principal;
use hyper::http::request::Parts;

use crate::context::{Context, RequestId};
use crate::policy::Roles;
use crate::problem::{ApiError, Kind};

/// The caller of a route that needs a token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// The request's id, for the audit log.
    pub request_id: RequestId,
    /// Whether another server has passed the request on.
    pub is_forwarded: bool,
}

impl Caller {
    /// Refuses a caller with another role: for what the route's policy cannot say.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn require(&self, roles: Roles) -> Result<(), ApiError> {
        if roles.has(self.principal.role) {
            return Ok(());
        }
        let role = self.principal.role;
        Err(ApiError::new(
            Kind::FORBIDDEN,
            format!("its role is {role}"),
        ))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let context = parts.extensions.get::<Context>();
        let caller = context.and_then(|context| {
            Some(Self {
                principal: context.principal.clone()?,
                request_id: context.request_id.clone(),
                is_forwarded: context.is_forwarded,
            })
        });
        // A handler that asks for a caller is never on a public route.
        caller.ok_or_else(|| ApiError::internal("the route of this handler has no caller"))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Infallible> {
        let caller = <Self as FromRequestParts<S>>::from_request_parts(parts, state).await;
        Ok(caller.ok())
    }
}

/// Where a stream goes on: the header `Last-Event-ID` of a client that connects again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEventId(pub Option<u64>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get("last-event-id") else {
            return Ok(Self(None));
        };
        let id = value.to_str().ok().and_then(|text| text.parse().ok());
        id.map(|id| Self(Some(id))).ok_or_else(|| {
            ApiError::new(Kind::INVALID, "is the number of an event").field("Last-Event-ID")
        })
    }
}

//! Paths and queries.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use devlab_core::id::{Id, Kind as IdKind, kind};
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{ApiError, Kind};

/// What a kind of id names, in words.
pub trait Noun: IdKind {
    /// As in "no such task".
    const NOUN: &'static str;
}

impl Noun for kind::Org {
    const NOUN: &'static str = "org";
}
impl Noun for kind::Project {
    const NOUN: &'static str = "project";
}
impl Noun for kind::Task {
    const NOUN: &'static str = "task";
}
impl Noun for kind::Attempt {
    const NOUN: &'static str = "attempt";
}
impl Noun for kind::Agent {
    const NOUN: &'static str = "agent";
}
impl Noun for kind::Patch {
    const NOUN: &'static str = "patch";
}
impl Noun for kind::Artifact {
    const NOUN: &'static str = "artifact";
}
impl Noun for kind::Token {
    const NOUN: &'static str = "token";
}
impl Noun for kind::Template {
    const NOUN: &'static str = "schedule";
}

/// The one id of a path. A text that is no id of this kind is a thing that does not exist.
pub struct PathId<K>(pub Id<K>);

impl<S: Send + Sync, K: Noun> FromRequestParts<S> for PathId<K> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await?;
        let id = text.parse();
        id.map(Self).map_err(|_| ApiError::not_found(K::NOUN))
    }
}

/// The id of a path, and a number after it.
pub struct PathIdAnd<K>(pub Id<K>, pub u32);

impl<S: Send + Sync, K: Noun> FromRequestParts<S> for PathIdAnd<K> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path((id, number)) = Path::<(String, String)>::from_request_parts(parts, state).await?;
        let id = id.parse().map_err(|_| ApiError::not_found(K::NOUN))?;
        let number = number
            .parse()
            .map_err(|_| ApiError::not_found("revision"))?;
        Ok(Self(id, number))
    }
}

/// Texts of a path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match AxumPath::<T>::from_request_parts(parts, state).await {
            Ok(AxumPath(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(e)) => match e.kind() {
                ErrorKind::InvalidUtf8InPathParam { .. } => {
                    Err(ApiError::new(Kind::BAD_REQUEST, "the path is not UTF-8"))
                }
                ErrorKind::UnsupportedType { .. } | ErrorKind::WrongNumberOfParameters { .. } => {
                    Err(ApiError::internal(e.body_text()))
                }
                _ => Err(ApiError::new(Kind::NOT_FOUND, "there is no such path")),
            },
            Err(rejection) => Err(ApiError::internal(rejection.body_text())),
        }
    }
}

/// Parameters of a query.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match AxumQuery::try_from_uri(&parts.uri) {
            Ok(AxumQuery(value)) => Ok(Self(value)),
            Err(rejection) => {
                Err(ApiError::new(Kind::INVALID, rejection.body_text()).field("query"))
            }
        }
    }
}

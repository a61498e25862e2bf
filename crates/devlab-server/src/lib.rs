//! HTTP: routers, authentication, OpenAPI, streams.
//!
//! A request passes [`listen`] (connections and their limits), the router that [`router`] builds,
//! and the [`guard`] of its route, which does everything that every request needs: request id,
//! `Host`, token and role, rate, time limit, problem document, headers, metrics. The handler gets
//! typed input from [`extract`], calls a use case, and converts its answer with [`convert`].
//!
//! *Invariant:* a route exists only with a [`policy::Policy`], so none is open by accident, and the
//! OpenAPI document is made from the same list.
//! *Invariant:* handlers speak `devlab-api` outwards and `devlab-core` inwards; only [`convert`]
//! knows both.
//! *Invariant:* every error is a problem document; nothing that a caller sends makes a 5xx.

pub mod app;
pub mod auth;
pub mod context;
pub mod convert;
pub mod convert_choice;
pub mod convert_patch;
pub mod convert_plan;
pub mod convert_policy;
pub mod dashboard;
pub mod extract;
pub mod forward;
pub mod guard;
mod hooks;
pub mod hosts;
pub mod listen;
pub mod metrics;
pub mod openapi;
pub mod policy;
pub mod problem;
pub mod rate;
pub mod router;
pub mod routes;
pub mod sse;

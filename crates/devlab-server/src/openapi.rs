//! Routes and their description, from one list.
//!
//! To add a route: write the handler with `#[utoipa::path(…)]` in a module of [`crate::routes`],
//! and add it to that module's list with its [`Policy`]. The guard, the security requirement, the
//! roles and the problem answers in the document follow from the policy.

use std::sync::Arc;

use axum::Router;
use devlab_api::problem::{PROBLEM_JSON, Problem};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::app::{App, AppState};
use crate::guard::Guard;
use crate::policy::{Access, Policy};

/// Name of the security scheme in the document.
const TOKEN: &str = "token";
/// Operation extension that lists the roles that may call.
const X_ROLES: &str = "x-devlab-roles";

/// A list of routes in the making.
pub struct Routes {
    router: OpenApiRouter<AppState>,
    app: Arc<App>,
}

impl Routes {
    /// An empty list.
    #[must_use]
    pub fn new(app: &Arc<App>) -> Self {
        Self {
            router: OpenApiRouter::with_openapi(OpenApiBuilder::new().build()),
            app: Arc::clone(app),
        }
    }

    /// Adds one handler, as `routes!` of `utoipa-axum` describes it, under a policy.
    ///
    /// # Panics
    /// If `routes!` was given more than one handler: each has a guard of its own. Lists are fixed,
    /// so a server that starts at all has none.
    #[must_use]
    pub fn add(self, policy: Policy, route: UtoipaMethodRouter<AppState>) -> Self {
        let (schemas, mut paths, handler) = route;
        let mut guards = Vec::new();
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                describe(operation, policy);
                guards.push(Guard::new(&self.app, policy, method, path));
            }
        }
        assert_eq!(guards.len(), 1, "one handler for each policy");
        let handler = guards
            .into_iter()
            .fold(handler, axum::routing::MethodRouter::route_layer);
        Self {
            router: self.router.routes((schemas, paths, handler)),
            app: self.app,
        }
    }

    /// The routes of another list after these.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            router: self.router.merge(other.router),
            app: self.app,
        }
    }

    /// The router and its description.
    pub(crate) fn finish(self) -> (Router<AppState>, OpenApi) {
        self.router.split_for_parts()
    }
}

/// The document of the server: the API below `/v1`, and what is at the root only.
pub(crate) fn document(api: OpenApi, root: OpenApi) -> OpenApi {
    let info = InfoBuilder::new()
        .title("devlab")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A lab in which people and coding agents build software together.\n\n\
             Every path below `/v1` works without that prefix too. Errors are RFC 9457 problem \
             documents with a stable `code`. Lists are read in pages: pass `next` as `cursor`. \
             Mutations accept an `Idempotency-Key`, but for the one that makes a token.",
        ))
        .build();
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new()
        .security_scheme(TOKEN, token)
        .schema(Problem::name(), Problem::schema())
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build()
        .nest("/v1", api)
        .merge_from(root)
}

fn operations(item: &mut PathItem) -> Vec<(&'static str, &mut Operation)> {
    let all = [
        ("GET", item.get.as_mut()),
        ("PUT", item.put.as_mut()),
        ("POST", item.post.as_mut()),
        ("DELETE", item.delete.as_mut()),
        ("PATCH", item.patch.as_mut()),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation?)))
        .collect()
}

/// Writes what follows from the policy into an operation.
fn describe(operation: &mut Operation, policy: Policy) {
    let roles = match policy.access {
        Access::Public => None,
        Access::Roles(roles) | Access::Git(roles) => Some(roles),
    };
    operation.security = Some(match roles {
        None => Vec::new(),
        Some(_) => vec![SecurityRequirement::new(TOKEN, [""; 0])],
    });
    if let Some(roles) = roles {
        let names: Vec<_> = roles.iter().map(devlab_core::auth::Role::as_str).collect();
        let ours = ExtensionsBuilder::new().add(X_ROLES, names).build();
        match &mut operation.extensions {
            Some(extensions) => extensions.merge(ours),
            None => operation.extensions = Some(ours),
        }
    }
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .build();
    let problem = ResponseBuilder::new()
        .description("A problem: `code` says which")
        .content(PROBLEM_JSON, problem)
        .build();
    operation
        .responses
        .responses
        .entry("default".to_owned())
        .or_insert_with(|| problem.into());
}

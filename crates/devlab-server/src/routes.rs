//! The routes, by what they are about.

pub mod agents;
pub mod archives;
pub mod artifacts;
pub mod browse;
pub mod choices;
pub mod conflicts;
pub mod docs;
pub mod edges;
pub mod events;
pub mod git;
pub mod login;
pub mod logs;
pub mod meta;
pub mod orgs;
pub mod patches;
pub mod plans;
pub mod policies;
pub mod provenance;
pub mod retention;
pub mod schedule;
pub mod schedules;
pub mod scripts;
mod support;
pub mod tasks;
pub mod tokens;
pub mod trains;
pub mod work;

use std::sync::Arc;

use axum::{Extension, Router};
use devlab_orchestrator::Lab;
use utoipa::openapi::OpenApi;

use crate::app::App;
use crate::openapi::Routes;
use crate::router;

/// Every route of a lab, and the document that describes them.
///
/// # Errors
/// The document could not be written.
pub fn all(app: &Arc<App>, lab: Arc<Lab>) -> Result<(Router, OpenApi), serde_json::Error> {
    let lists = [
        meta::list,
        orgs::list,
        retention::list,
        provenance::list,
        tasks::list,
        browse::list,
        choices::list,
        conflicts::list,
        trains::list,
        edges::list,
        schedule::list,
        schedules::list,
        plans::list,
        policies::list,
        work::list,
        agents::list,
        events::list,
        logs::list,
        artifacts::list,
        patches::list,
        tokens::list,
        archives::list,
        scripts::list,
    ];
    let api = lists
        .into_iter()
        .fold(Routes::new(app), |routes, list| list(routes));
    let root = git::list(Routes::new(app));
    let (router, document) = router::assemble(app, api, root)?;
    Ok((router.layer(Extension(lab)), document))
}

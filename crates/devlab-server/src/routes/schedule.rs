//! Scheduling one task or a graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::response::Response;
use devlab_api::task::{Driver, GraphTask, Schedule, Scheduled};
use devlab_core::Refusal;
use devlab_core::check::DriverSpec;
use devlab_core::label::Labels;
use devlab_core::limits::TITLE_CHARS_MAX;
use devlab_core::rules::schedule::{self, NewTask, Place};
use devlab_core::task::{Made, TaskSpec};
use devlab_orchestrator::Lab;
use hyper::StatusCode;
use utoipa_axum::routes;

use super::support::{self, Site, done, mutate};
use crate::convert_choice;
use crate::extract::{Caller, Mutation};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    routes.add(
        Policy::roles(Roles::CHANGE).large().at_home(),
        routes!(schedule_it),
    )
}

/// Schedules one task in words, or a graph of tasks, as a goal.
#[utoipa::path(post, path = "/schedule", tag = "tasks", operation_id = "schedule",
    request_body = Schedule,
    responses((status = 201, description = "What was scheduled", body = Scheduled)))]
async fn schedule_it(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Mutation { body, idempotency }: Mutation<Schedule>,
) -> Result<Response> {
    // First: what was asked before is answered even if its project has changed since.
    if let Some(answer) = support::replayed(&lab, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let (org, project) = (body.org.clone(), body.project.clone());
    let site = Site::find(&lab, &caller, org, project, None).await?;
    let depends_on = body.depends_on.clone();
    let new = goal(body)?;
    let by = Made::by(caller.principal.display());
    mutate(&lab, &caller, "schedule", idempotency, move |tx| {
        let (org, project) = site.org_and_project(tx)?;
        let place = Place {
            org,
            project,
            parent: None,
            depends_on: depends_on.clone(),
            draft: false,
        };
        let made = schedule::create(tx, &place, &new, &by)?;
        let tasks: BTreeMap<_, _> = made.below.into_iter().collect();
        let answer = Scheduled {
            goal: made.id,
            tasks,
        };
        done(Some(org), made.id, StatusCode::CREATED, &answer)
    })
    .await
}

pub(super) fn goal(body: Schedule) -> Result<NewTask> {
    let is_graph = !body.tasks.is_empty();
    let (title, text) = match (body.task, body.title) {
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid("task", "give either task, or title and tasks").into());
        }
        (Some(_), None) if is_graph => {
            return Err(Refusal::invalid("task", "give either task, or title and tasks").into());
        }
        (Some(task), None) => (title_of(&task), body.goal.unwrap_or(task)),
        (None, Some(title)) => (title.clone(), body.goal.unwrap_or(title)),
        (None, None) => {
            return Err(Refusal::invalid("task", "say what is wanted: task, or title").into());
        }
    };
    let driver: Option<DriverSpec> = body.driver.map(Into::into);
    let tasks = body.tasks.into_iter().enumerate();
    let children = tasks.map(|(i, task)| node(task, &format!("tasks[{i}]"), driver.as_ref()));
    let children = children.collect::<Result<_>>()?;
    Ok(NewTask {
        requires: Labels::new(&body.labels)?,
        priority: body.priority,
        review: body.review,
        children,
        alternatives: convert_choice::wanted(body.best_of, body.alternatives)?,
        spec: TaskSpec {
            title,
            goal: text,
            driver,
            checks: body.checks.into_iter().map(Into::into).collect(),
            artifacts: body.artifacts,
            paths: body.paths,
        },
        ..NewTask::default()
    })
}

/// The first line of a text, as far as a title goes.
pub(super) fn title_of(text: &str) -> String {
    let line = text.trim_start().lines().next().unwrap_or_default().trim();
    line.chars()
        .filter(|c| !c.is_control())
        .take(TITLE_CHARS_MAX)
        .collect()
}

fn node(task: GraphTask, at: &str, inherited: Option<&DriverSpec>) -> Result<NewTask> {
    let own = task.driver.map(|driver: Driver| driver.into());
    let driver = own.or_else(|| inherited.cloned());
    let tasks = task.tasks.into_iter().enumerate();
    let children =
        tasks.map(|(i, child)| node(child, &format!("{at}.tasks[{i}]"), driver.as_ref()));
    let children = children.collect::<Result<_>>()?;
    let alternatives = convert_choice::wanted(task.best_of, task.alternatives)
        .map_err(|refusal| refusal.at(|field| format!("{at}.{field}")))?;
    Ok(NewTask {
        key: task.key,
        requires: Labels::new(&task.labels)?,
        priority: task.priority,
        review: task.review.then_some(true),
        side_effects: task.side_effects,
        depends_on: task.depends_on,
        children,
        alternatives,
        spec: TaskSpec {
            goal: task.goal.unwrap_or_else(|| task.title.clone()),
            title: task.title,
            driver,
            checks: task.checks.into_iter().map(Into::into).collect(),
            artifacts: task.artifacts,
            paths: task.paths,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_title() {
        assert_eq!(title_of("\n  Make it so\nand more"), "Make it so");
        assert_eq!(title_of(&"x".repeat(300)).len(), TITLE_CHARS_MAX);
    }

    #[test]
    fn a_graph_hands_its_driver_down() {
        let driver = Driver::Command(devlab_api::task::Command {
            argv: vec!["true".to_owned()],
            ..Default::default()
        });
        let child = GraphTask {
            key: "a".to_owned(),
            title: "A".to_owned(),
            ..Default::default()
        };
        let body = Schedule {
            title: Some("All".to_owned()),
            tasks: vec![child],
            driver: Some(driver),
            ..Default::default()
        };
        let goal = goal(body).unwrap();
        assert_eq!(goal.review, None, "policy and its default decide");
        assert!(goal.children[0].spec.driver.is_some());
    }
}

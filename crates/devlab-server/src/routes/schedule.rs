//! Scheduling one task or a graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::response::Response;
use devlab_api::task::{Driver, GraphTask, Schedule, Scheduled};
use devlab_core::Refusal;
use devlab_core::check::DriverSpec;
use devlab_core::label::Labels;
use devlab_core::limits::{GRAPH_TASKS_MAX, PLAN_BYTES_MAX, TITLE_CHARS_MAX};
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
    let alternatives = convert_choice::wanted(body.best_of, body.alternatives)?;
    let mut size = Size::default();
    size.add(1 + alternatives.len(), driver.as_ref(), "driver")?;
    let children = nodes(body.tasks, "", driver.as_ref(), &mut size)?;
    Ok(NewTask {
        requires: Labels::new(&body.labels)?,
        priority: body.priority,
        review: body.review,
        children,
        alternatives,
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

/// What a graph comes to so far. A task inherits its driver as a copy: a small request can ask for very
/// much, and is refused before it has it.
#[derive(Default)]
struct Size {
    tasks: usize,
    bytes: usize,
}

impl Size {
    /// Counts tasks that are done with a driver.
    fn add(&mut self, tasks: usize, driver: Option<&DriverSpec>, at: &str) -> Result<()> {
        self.tasks += tasks;
        if self.tasks > GRAPH_TASKS_MAX {
            return Err(Refusal::Limit {
                what: "tasks in one request",
                limit: GRAPH_TASKS_MAX as u64,
            }
            .into());
        }
        let each = driver.map_or(0, DriverSpec::bytes);
        self.bytes = self.bytes.saturating_add(each.saturating_mul(tasks));
        if self.bytes > PLAN_BYTES_MAX {
            let problem = format!(
                "all tasks up to here are done with more than {PLAN_BYTES_MAX} bytes of drivers: \
                 put the script into a file of the project"
            );
            return Err(Refusal::invalid(at, problem).into());
        }
        Ok(())
    }
}

/// Tasks, each with the driver that it inherits if it has none of its own.
fn nodes(
    tasks: Vec<GraphTask>,
    prefix: &str,
    inherited: Option<&DriverSpec>,
    size: &mut Size,
) -> Result<Vec<NewTask>> {
    if let Some(driver) = inherited.filter(|_| !tasks.is_empty()) {
        driver.validate(&format!("{prefix}driver"))?;
    }
    let tasks = tasks.into_iter().enumerate();
    let nodes = tasks.map(|(i, task)| node(task, &format!("{prefix}tasks[{i}]"), inherited, size));
    nodes.collect()
}

fn node(
    task: GraphTask,
    at: &str,
    inherited: Option<&DriverSpec>,
    size: &mut Size,
) -> Result<NewTask> {
    let alternatives = convert_choice::wanted(task.best_of, task.alternatives)
        .map_err(|refusal| refusal.at(|field| format!("{at}.{field}")))?;
    let own: Option<DriverSpec> = task.driver.map(|driver: Driver| driver.into());
    let done_with = own.as_ref().or(inherited);
    size.add(1 + alternatives.len(), done_with, &format!("{at}.driver"))?;
    let driver = own.or_else(|| inherited.cloned());
    let children = nodes(task.tasks, &format!("{at}."), driver.as_ref(), size)?;
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
    use devlab_core::limits::COMMAND_BYTES_MAX;

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

    #[test]
    fn a_graph_is_refused_before_it_is_large() {
        let graph = |tasks: usize, script: usize| {
            let task = |i| GraphTask {
                key: format!("k{i}"),
                title: "A".to_owned(),
                ..Default::default()
            };
            goal(Schedule {
                title: Some("All".to_owned()),
                tasks: (0..tasks).map(task).collect(),
                driver: Some(Driver::Command(devlab_api::task::Command {
                    script: Some("x".repeat(script)),
                    timeout_secs: Some(60),
                    ..Default::default()
                })),
                ..Default::default()
            })
        };
        let refused = |tasks, script| format!("{:?}", graph(tasks, script).unwrap_err());
        let fits = PLAN_BYTES_MAX / GRAPH_TASKS_MAX - 1024;
        assert_eq!(
            graph(GRAPH_TASKS_MAX - 1, fits).unwrap().children.len(),
            GRAPH_TASKS_MAX - 1
        );
        let many = refused(GRAPH_TASKS_MAX, 1);
        assert!(many.contains("tasks in one request"), "{many}");
        let large = refused(GRAPH_TASKS_MAX - 1, fits + 2048);
        assert!(large.contains("].driver"), "{large}");
        assert!(large.contains("all tasks up to here"), "{large}");
        let long = refused(2, COMMAND_BYTES_MAX + 1);
        assert!(long.contains("\"driver.command."), "{long}");
    }
}

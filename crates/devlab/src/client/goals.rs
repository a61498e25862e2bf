//! Goals and the graphs below them.

use std::path::Path;

use devlab_api::client::{Client, TaskQuery};
use devlab_api::task::{Schedule, Task};
use devlab_core::TaskId;
use serde_json::json;

use super::find::brief;
use super::tasks::{proof, state};
use super::{all, file, find, plans, tasks};
use crate::args::{GoalCommand, Output};
use crate::context::Context;
use crate::failure::Failure;
use crate::show;

/// `devlab goal`.
pub(crate) async fn run(context: &Context, command: GoalCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        GoalCommand::List {
            org,
            state,
            archived,
            paging,
        } => {
            let fetch = async |page| {
                let query = TaskQuery {
                    org: org.clone(),
                    goals_only: true,
                    state: state.clone(),
                    archived,
                    page,
                    ..TaskQuery::default()
                };
                client.tasks(&query).await
            };
            tasks::table(context, &all(paging.limit, fetch).await?)
        }
        GoalCommand::Show(named) => {
            let id = find::task(&client, &named.name).await?;
            show_goal(context, &client, id).await
        }
        GoalCommand::Create {
            plan,
            review,
            org,
            project,
        } => {
            let place = plans::Place {
                org,
                project,
                review,
            };
            plans::create_goal(context, *plan, place).await
        }
        GoalCommand::Schedule { file, org, project } => {
            let mut schedule = read(&file)?;
            schedule.org = org.or(schedule.org);
            schedule.project = project.or(schedule.project);
            let scheduled = client.schedule(&schedule).await?;
            if context.output == Output::Json {
                return show::json(&scheduled);
            }
            show::line(&format!("goal {}", scheduled.goal))?;
            let rows = scheduled.tasks.iter();
            show::table(
                &["task", "id"],
                rows.map(|(key, id)| vec![key.clone(), id.to_string()]),
            )
        }
        GoalCommand::Cancel(named) => {
            let id = find::task(&client, &named.name).await?;
            let task = client.cancel_task(id).await?;
            match context.output {
                Output::Json => show::json(&task),
                Output::Table => show::line(&format!("{id}  {}", state(&task))),
            }
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Schedule> {
    let text = file::read(file)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

/// Everything that serves a goal, in the order in which it was made.
pub(crate) async fn tasks_of(client: &Client, goal: TaskId) -> anyhow::Result<Vec<Task>> {
    let fetch = async |page| {
        let query = TaskQuery {
            goal: Some(goal),
            archived: true,
            page,
            ..TaskQuery::default()
        };
        client.tasks(&query).await
    };
    let mut tasks = all(None, fetch).await?;
    tasks.sort_by_key(|task| task.id);
    Ok(tasks)
}

async fn show_goal(context: &Context, client: &Client, id: TaskId) -> anyhow::Result<()> {
    let goal = client.task(id).await?;
    let tasks = tasks_of(client, id).await?;
    if context.output == Output::Json {
        return show::json(&json!({ "goal": goal, "tasks": tasks }));
    }
    tasks::show_task(context, &goal)?;
    show::line("")?;
    let mut rows = Vec::new();
    below(&tasks, Some(id), 0, &mut rows);
    if rows.is_empty() {
        return Ok(());
    }
    show::table(
        &["id", "state", "tries", "proof", "title"],
        rows.into_iter(),
    )
}

fn below(tasks: &[Task], parent: Option<TaskId>, depth: usize, rows: &mut Vec<Vec<String>>) {
    for task in tasks.iter().filter(|task| task.parent == parent) {
        rows.push(vec![
            brief(&task.id),
            state(task),
            task.attempts.to_string(),
            proof(task).to_owned(),
            format!("{:1$}{2}", "", depth * 2, show::short(&task.title, 70)),
        ]);
        below(tasks, Some(task.id), depth + 1, rows);
    }
}

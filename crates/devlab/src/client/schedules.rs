//! Schedules and webhooks.

use clap::ValueEnum;
use devlab_api::client::Client;
use devlab_api::task::{Command, Driver, Schedule};
use devlab_api::template::{
    CreateTemplate, CronTrigger, HookTrigger, NewTemplate, Template, UpdateTemplate,
};
use devlab_core::TemplateId;
use serde_json::json;

use super::{all, file};
use crate::args::{Output, ScheduleAdd, ScheduleCommand, ScheduleNamed};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::show::{self, time};

/// `devlab schedule`.
pub(crate) async fn run(context: &Context, command: ScheduleCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        ScheduleCommand::Add(add) => add_one(context, &client, *add).await,
        ScheduleCommand::List { org, paging } => {
            let list = async |page| client.templates(org.as_deref(), &page).await;
            let found = all(paging.limit, list).await?;
            let columns = ["id", "name", "starts", "next", "title"];
            show::list(context.output, &found, &columns, |one| {
                vec![
                    one.id.to_string(),
                    one.name.clone(),
                    starts(one),
                    next(context, one),
                    one.title.clone(),
                ]
            })
        }
        ScheduleCommand::Show(named) => {
            let id = find(&client, &named).await?;
            show_one(context, &client.template(id).await?)
        }
        ScheduleCommand::Pause(named) => enable(context, &client, &named, false).await,
        ScheduleCommand::Resume(named) => enable(context, &client, &named, true).await,
        ScheduleCommand::Run(named) => {
            let id = find(&client, &named).await?;
            let start = client.run_template(id).await?;
            show::note(&format!("{} is started", named.name));
            show::done(context.output, &json!(start))
        }
        ScheduleCommand::Secret(named) => {
            let id = find(&client, &named).await?;
            made(context, &client.renew_template_secret(id).await?)
        }
        ScheduleCommand::Remove(named) => {
            let id = find(&client, &named).await?;
            client.delete_template(id).await?;
            show::note(&format!("{} is removed", named.name));
            show::done(context.output, &json!({ "id": id, "removed": true }))
        }
    }
}

async fn find(client: &Client, named: &ScheduleNamed) -> anyhow::Result<TemplateId> {
    if let Ok(id) = named.name.parse() {
        return Ok(id);
    }
    let list = async |page| client.templates(named.org.as_deref(), &page).await;
    let found = all(None, list).await?;
    let mut found = found.into_iter().filter(|one| one.name == named.name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.id),
        (Some(_), Some(_)) => Err(Failure::usage(
            "several orgs have a schedule of this name: say which one with --org",
        )),
        (None, _) => Err(Failure::new(
            Exit::NotFound,
            format!("there is no schedule named {}", named.name),
        )),
    }
}

async fn add_one(context: &Context, client: &Client, add: ScheduleAdd) -> anyhow::Result<()> {
    let mut goal: Schedule = match &add.file {
        Some(path) => serde_json::from_str(&file::read(path)?)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?,
        None => Schedule {
            task: add.task,
            ..Schedule::default()
        },
    };
    goal.org = add.org.or(goal.org);
    goal.project = add.project.or(goal.project);
    if !add.command.is_empty() {
        goal.driver = Some(Driver::Command(Command {
            argv: add.command,
            ..Command::default()
        }));
    }
    let hook = add.on.map(|forge| HookTrigger {
        forge: word(forge),
        events: add.event.into_iter().map(word).collect(),
        branches: add.branch,
    });
    let cron = add.cron.map(|expression| CronTrigger {
        expression,
        zone: add.zone,
        overlap: add.overlap,
    });
    let new = CreateTemplate {
        name: add.name,
        goal,
        cron,
        hook,
    };
    made(context, &client.create_template(&new).await?)
}

/// A value of the command line as the API has it.
fn word(value: impl ValueEnum) -> String {
    let known = value.to_possible_value();
    let known = known.map(|value| value.get_name().replace('-', "_"));
    known.unwrap_or_default()
}

fn made(context: &Context, new: &NewTemplate) -> anyhow::Result<()> {
    if context.output == Output::Json {
        return show::json(new);
    }
    let one = &new.schedule;
    if let Some(next) = one.next_at {
        let in_time = time::until(context.now(), next);
        show::note(&format!("{} starts next in {in_time}", one.name));
    }
    let (Some(path), Some(secret)) = (&one.hook_path, &new.secret) else {
        return show::line(&one.id.to_string());
    };
    show::note(&format!(
        "let the forge post JSON to {path} of this server; the secret is shown this once:"
    ));
    show::line(secret)
}

async fn enable(
    context: &Context,
    client: &Client,
    named: &ScheduleNamed,
    enabled: bool,
) -> anyhow::Result<()> {
    let id = find(client, named).await?;
    let to = UpdateTemplate { enabled };
    let one = client.update_template(id, &to).await?;
    let word = if enabled { "goes on" } else { "is paused" };
    show::note(&format!("{} {word}", one.name));
    show::done(context.output, &json!(one))
}

fn starts(one: &Template) -> String {
    match (&one.cron, &one.hook) {
        (Some(cron), _) => format!("{} {}", cron.expression, cron.zone),
        (None, Some(hook)) => match hook.events.is_empty() {
            true => hook.forge.clone(),
            false => format!("{}: {}", hook.forge, hook.events.join(", ")),
        },
        (None, None) => String::new(),
    }
}

fn next(context: &Context, one: &Template) -> String {
    match one.next_at {
        _ if !one.enabled => "paused".to_owned(),
        Some(at) => format!("in {}", time::until(context.now(), at)),
        None => "-".to_owned(),
    }
}

fn show_one(context: &Context, one: &Template) -> anyhow::Result<()> {
    if context.output == Output::Json {
        return show::json(one);
    }
    show::line(&format!("{}  {}", one.name, one.id))?;
    show::line(&format!("  title:  {}", one.title))?;
    show::line(&format!("  starts: {}", starts(one)))?;
    show::line(&format!("  next:   {}", next(context, one)))?;
    if let Some(path) = &one.hook_path {
        show::line(&format!("  posts:  {path}"))?;
    }
    let columns = ["when", "what for", "goal"];
    show::list(context.output, &one.starts, &columns, |start| {
        let goal = start.goal.map(|goal| goal.to_string());
        let reason = start.reason.clone().map(|why| format!("none: {why}"));
        vec![
            time::ago(context.now(), start.at),
            start.key.chars().take(24).collect(),
            goal.or(reason).unwrap_or_else(|| "not yet".to_owned()),
        ]
    })
}

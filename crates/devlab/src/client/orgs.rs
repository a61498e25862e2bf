//! Orgs and projects.

use devlab_api::client::Client;
use devlab_api::project::{CreateOrg, CreateProject, Org, Project};
use serde_json::json;

use super::{all, find};
use crate::args::{OrgCommand, Output, ProjectCommand};
use crate::context::Context;
use crate::show::{self, time};

/// `devlab org`.
pub(crate) async fn org(context: &Context, command: OrgCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        OrgCommand::List(paging) => {
            let orgs = all(paging.limit, async |page| client.orgs(&page).await).await?;
            show::list(context.output, &orgs, &["name", "id", "made"], |org| {
                let made = time::ago(context.now(), org.created_at);
                vec![org.name.clone(), org.id.to_string(), made]
            })
        }
        OrgCommand::Create(named) => {
            let org = client.create_org(&CreateOrg { name: named.name }).await?;
            show_org(context, &org)
        }
        OrgCommand::Show(named) => show_org(context, &client.org(&named.name).await?),
    }
}

fn show_org(context: &Context, org: &Org) -> anyhow::Result<()> {
    let fields = [
        ("name", org.name.clone()),
        ("id", org.id.to_string()),
        ("made", org.created_at.to_string()),
    ];
    show::fields(context.output, org, &fields)
}

/// `devlab project`, except `sync`.
pub(crate) async fn project(context: &Context, command: ProjectCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        ProjectCommand::List { org, paging } => {
            let list = async |page| client.projects(org.as_deref(), &page).await;
            list_projects(context, &all(paging.limit, list).await?)
        }
        ProjectCommand::Create {
            name,
            org,
            default_branch,
            upstream,
        } => {
            let new = CreateProject {
                org,
                name,
                default_branch,
                upstream,
                import_url: None,
            };
            show_project(context, &client.create_project(&new).await?)
        }
        ProjectCommand::Import {
            name,
            from,
            org,
            default_branch,
        } => {
            let new = CreateProject {
                org,
                name,
                default_branch,
                upstream: Some(from.clone()),
                import_url: Some(from),
            };
            show_project(context, &client.create_project(&new).await?)
        }
        ProjectCommand::Show(named) => {
            show_project(context, &find::project(&client, None, &named.name).await?)
        }
        ProjectCommand::Settings(named) => settings(context, &client, &named.name).await,
        ProjectCommand::CloneUrl(named) => {
            let project = find::project(&client, None, &named.name).await?;
            let url = git_url(&client, &project);
            match context.output {
                Output::Json => show::json(&json!({ "project": project.id, "url": url })),
                Output::Table => show::line(&url),
            }
        }
        ProjectCommand::Sync { push } => crate::checkout::sync::run(context, push.as_deref()).await,
    }
}

/// Address of a project's repository.
pub(crate) fn git_url(client: &Client, project: &Project) -> String {
    let base = client.base_url().as_str().trim_end_matches('/');
    format!("{base}{}", project.git_path)
}

fn list_projects(context: &Context, projects: &[Project]) -> anyhow::Result<()> {
    let columns = ["name", "branch", "head", "upstream", "id"];
    show::list(context.output, projects, &columns, |project| {
        let head = project.head.as_deref().unwrap_or("(empty)");
        vec![
            project.name.clone(),
            project.default_branch.clone(),
            head.chars().take(10).collect(),
            project.upstream.clone().unwrap_or_default(),
            project.id.to_string(),
        ]
    })
}

fn show_project(context: &Context, project: &Project) -> anyhow::Result<()> {
    let fields = [
        ("name", project.name.clone()),
        ("id", project.id.to_string()),
        ("org", project.org.to_string()),
        ("default branch", project.default_branch.clone()),
        (
            "head",
            project.head.clone().unwrap_or_else(|| "(empty)".to_owned()),
        ),
        ("upstream", project.upstream.clone().unwrap_or_default()),
        ("git", project.git_path.clone()),
        (
            "archived",
            if project.archived {
                "yes".to_owned()
            } else {
                String::new()
            },
        ),
    ];
    show::fields(context.output, project, &fields)
}

async fn settings(context: &Context, client: &Client, name: &str) -> anyhow::Result<()> {
    let project = find::project(client, None, name).await?;
    let settings = client.project_settings(project.id).await?;
    if context.output == Output::Json {
        return show::json(&settings);
    }
    let mut fields = vec![
        ("setup", settings.setup.clone().unwrap_or_default()),
        ("labels", settings.labels.join(", ")),
        ("protected", settings.protected_paths.join(", ")),
    ];
    for check in &settings.checks {
        fields.push((
            "check",
            format!("{}: {} ({} s)", check.name, check.run, check.timeout_secs),
        ));
    }
    if settings.checks.is_empty() {
        fields.push((
            "checks",
            "none: results are merged, but unproven".to_owned(),
        ));
    }
    show::fields(context.output, &settings, &fields)
}

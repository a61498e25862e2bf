//! Orgs and projects.

use devlab_api::client::Client;
use devlab_api::project::{CreateOrg, CreateProject, MoveProject, Org, Project, UpdateOrg};
use serde_json::json;

use super::{all, find};
use crate::archive;
use crate::args::{OrgCommand, Output, ProjectCommand, ProjectNamed};
use crate::context::Context;
use crate::failure::{self, Failure};
use crate::show::{self, time};

/// Most orgs that an error names.
const ORGS_NAMED_MAX: u32 = 20;

/// `devlab org`.
pub(crate) async fn org(context: &Context, command: OrgCommand) -> anyhow::Result<()> {
    let client = match &command {
        OrgCommand::Export(export) => return archive::org::export(context, export).await,
        OrgCommand::Import(import) => return archive::org::import(context, import).await,
        OrgCommand::List(_)
        | OrgCommand::Create(_)
        | OrgCommand::Show(_)
        | OrgCommand::Update { .. } => context.client()?,
    };
    match command {
        // Both were taken care of: they need no lab that runs.
        OrgCommand::Export(_) | OrgCommand::Import(_) => Ok(()),
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
        OrgCommand::Update { name, retention } => {
            let change = UpdateOrg {
                retention: Some(retention),
            };
            show_org(context, &client.update_org(&name, &change).await?)
        }
    }
}

/// A server that wants to know which org is meant cannot know how a person says it: the flag and
/// the orgs that there are. Other failures stay as they are.
pub(crate) async fn with_orgs(context: &Context, error: anyhow::Error) -> anyhow::Error {
    if !failure::asks_for_org(&error) {
        return error;
    }
    let Ok(client) = context.client() else {
        return error;
    };
    let listed = all(Some(ORGS_NAMED_MAX), async |page| client.orgs(&page).await).await;
    // That it has to be given is true without their names too.
    let names: Vec<String> = listed
        .unwrap_or_default()
        .into_iter()
        .map(|org| org.name)
        .collect();
    Failure::usage(format!(
        "there are several orgs: say which one with --org\n  → --org NAME, where NAME is one of {}",
        names.join(", ")
    ))
}

pub(crate) fn show_org(context: &Context, org: &Org) -> anyhow::Result<()> {
    let fields = [
        ("name", org.name.clone()),
        ("id", org.id.to_string()),
        ("retention", org.retention.clone().unwrap_or_default()),
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
            list_projects(context, &client, &all(paging.limit, list).await?).await
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
        ProjectCommand::Show(named) => show_project(context, &named.find(&client).await?),
        ProjectCommand::Settings(named) => settings(context, &client, &named).await,
        ProjectCommand::CloneUrl(named) => {
            let project = named.find(&client).await?;
            let url = git_url(&client, &project);
            match context.output {
                Output::Json => show::json(&json!({ "project": project.id, "url": url })),
                Output::Table => show::line(&url),
            }
        }
        ProjectCommand::Move { project, to, lost } => {
            let project = project.find(&client).await?;
            let wanted = MoveProject { to, lost };
            show::note(&format!("copying the repository of {}", project.name));
            show_project(context, &client.move_project(project.id, &wanted).await?)
        }
        ProjectCommand::Sync { push } => crate::checkout::sync::run(context, push.as_deref()).await,
    }
}

impl ProjectNamed {
    async fn find(&self, client: &Client) -> anyhow::Result<Project> {
        find::project(client, self.org.as_deref(), &self.name).await
    }
}

/// Address of a project's repository.
pub(crate) fn git_url(client: &Client, project: &Project) -> String {
    let base = client.base_url().as_str().trim_end_matches('/');
    format!("{base}{}", project.git_path)
}

/// A name is unique in its org only: a list of several orgs says which one each is of.
async fn list_projects(
    context: &Context,
    client: &Client,
    projects: &[Project],
) -> anyhow::Result<()> {
    let several = projects
        .iter()
        .any(|project| project.org != projects[0].org);
    let mut columns = vec!["name", "branch", "head", "upstream", "id"];
    let mut orgs = Vec::new();
    if several && context.output == Output::Table {
        columns.insert(0, "org");
        orgs = all(None, async |page| client.orgs(&page).await).await?;
    }
    show::list(context.output, projects, &columns, |project| {
        let head = project.head.as_deref().unwrap_or("(empty)");
        let mut row = vec![
            project.name.clone(),
            project.default_branch.clone(),
            show::commit(head).to_owned(),
            project.upstream.clone().unwrap_or_default(),
            project.id.to_string(),
        ];
        if several {
            let org = orgs.iter().find(|org| org.id == project.org);
            let name = org.map_or_else(|| project.org.to_string(), |org| org.name.clone());
            row.insert(0, name);
        }
        row
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

async fn settings(context: &Context, client: &Client, named: &ProjectNamed) -> anyhow::Result<()> {
    let project = named.find(client).await?;
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

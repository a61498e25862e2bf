//! Policies: shown, set and explained.

use devlab_api::client::{Client, Page, PolicyOf};
use devlab_api::policy::{PolicyRevision, PolicyView, SetPolicy};
use devlab_core::policy::file as policy_file;

use super::{file, find};
use crate::args::{Output, PolicyCommand, PolicyLevel};
use crate::context::Context;
use crate::failure::Failure;
use crate::show;

/// `devlab policy`.
pub(crate) async fn run(context: &Context, command: PolicyCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        PolicyCommand::Show(level) => {
            let of = level_of(&client, level).await?;
            own(context.output, &client.policy(&of).await?)
        }
        PolicyCommand::Set {
            file,
            level,
            why,
            instead_of,
        } => {
            let (name, text) = (file.display().to_string(), file::read(&file)?);
            let policy = policy_file::parse(&name, &text);
            let policy = policy.map_err(|refusal| Failure::usage(refusal.to_string()))?;
            let of = level_of(&client, level).await?;
            let wanted = SetPolicy {
                policy: policy.into(),
                why,
                instead_of,
            };
            own(context.output, &client.set_policy(&of, &wanted).await?)
        }
        PolicyCommand::Explain(level) => {
            let of = level_of(&client, level).await?;
            explain(context.output, &client.policy(&of).await?)
        }
        PolicyCommand::History(level) => {
            let of = level_of(&client, level).await?;
            let view = client.policy(&of).await?;
            let all: Vec<_> = view.own.into_iter().chain(view.before).collect();
            history(context.output, &all)
        }
    }
}

async fn level_of(client: &Client, level: PolicyLevel) -> anyhow::Result<PolicyOf> {
    if let Some(goal) = &level.goal {
        return Ok(PolicyOf::Goal(find::task(client, goal).await?));
    }
    if let Some(project) = &level.project {
        let found = find::project(client, level.org.as_deref(), project).await?;
        return Ok(PolicyOf::Project(found.id));
    }
    if let Some(org) = level.org {
        return Ok(PolicyOf::Org(org));
    }
    if let Some(own) = client.whoami().await?.org {
        return Ok(PolicyOf::Org(own));
    }
    let page = Page {
        cursor: None,
        limit: Some(2),
    };
    let mut orgs = client.orgs(&page).await?.items;
    match (orgs.pop(), orgs.pop()) {
        (Some(only), None) => Ok(PolicyOf::Org(only.id.to_string())),
        _ => Err(Failure::usage(
            "there are several orgs: say which one with --org",
        )),
    }
}

fn title(view: &PolicyView) -> String {
    format!("{} {}", view.level.kind, view.level.name)
}

/// What a level says itself.
fn own(output: Output, view: &PolicyView) -> anyhow::Result<()> {
    if output == Output::Json {
        return show::json(view);
    }
    let Some(own) = &view.own else {
        show::note(&format!("the {} has no policy of its own", title(view)));
        return Ok(());
    };
    let by = format!("{} at {}", own.by, own.at);
    let fields = [
        ("policy of", title(view)),
        ("number", own.number.to_string()),
        ("set by", by),
        ("why", own.why.clone()),
    ];
    show::fields(output, view, &fields)?;
    show::line("")?;
    show::line(&show::printable(&serde_json::to_string_pretty(
        &own.policy,
    )?))
}

/// What is in force, and who says so.
fn explain(output: Output, view: &PolicyView) -> anyhow::Result<()> {
    if output == Output::Json {
        return show::json(view);
    }
    let rows = view.fields.iter().map(|field| {
        let value = match field.value.is_null() {
            true => String::new(),
            false => field.value.to_string(),
        };
        let from = match field.number {
            Some(number) => format!("{}, number {number}", field.from),
            None => field.from.clone(),
        };
        vec![field.name.clone(), value, from]
    });
    show::table(&["field", "value", "from"], rows)?;
    if view.limits.is_empty() {
        return Ok(());
    }
    show::line("")?;
    let rows = view.limits.iter().map(|limit| {
        vec![
            limit.from.clone(),
            limit.of.clone().unwrap_or_default(),
            limit.used.to_string(),
            limit.most.to_string(),
        ]
    });
    show::table(&["limit of", "for", "running", "most"], rows)
}

fn history(output: Output, all: &[PolicyRevision]) -> anyhow::Result<()> {
    show::list(output, all, &["number", "set", "by", "why"], |revision| {
        vec![
            revision.number.to_string(),
            revision.at.to_string(),
            revision.by.clone(),
            show::short(&revision.why, 60),
        ]
    })
}

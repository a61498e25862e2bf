//! `devlab provenance`: how a commit came to be.

mod fetch;
mod objects;
pub(crate) mod verify;

use devlab_api::provenance::OrgKeys;

use crate::args::{Output, ProvenanceCommand, RepoHere};
use crate::checkout::git::Checkout;
use crate::context::Context;
use crate::show;

/// Where a clone remembers the root key of the org that it came from.
const ROOT_KEY: &str = "devlab.rootKey";

/// `devlab provenance …`.
pub(crate) async fn run(context: &Context, command: ProvenanceCommand) -> anyhow::Result<()> {
    match command {
        ProvenanceCommand::Verify { commit, here, key } => {
            let clone = clone(context, here)?;
            verify::run(context, &clone, &commit, key.as_deref()).await
        }
        ProvenanceCommand::Fetch { here, project, org } => {
            let clone = clone(context, here)?;
            fetch::run(context, &clone, project.as_deref(), org.as_deref()).await
        }
        ProvenanceCommand::Key { org } => print(context, &context.client()?.org_keys(&org).await?),
        ProvenanceCommand::Rotate { org } => {
            let keys = context.client()?.rotate_org_key(&org).await?;
            if let Some(newest) = keys.keys.last() {
                show::note(&format!(
                    "key {} signs from now on; the root key stays:",
                    newest.number
                ));
            }
            print(context, &keys)
        }
    }
}

fn clone(context: &Context, here: RepoHere) -> anyhow::Result<Checkout> {
    let dir = match here.repo {
        Some(dir) => dir,
        None => std::env::current_dir()?,
    };
    Ok(Checkout::at(context, dir))
}

fn print(context: &Context, keys: &OrgKeys) -> anyhow::Result<()> {
    match context.output {
        Output::Json => show::json(keys),
        Output::Table => show::line(&keys.root.to_string()),
    }
}

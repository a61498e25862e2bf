//! `devlab provenance fetch`: the notes of a project into a plain clone of it.

use devlab_api::project::Project;
use devlab_core::provenance::NOTES_REF;
use serde_json::json;

use super::ROOT_KEY;
use crate::checkout::git::{Checkout, LabRepo};
use crate::checkout::project::remembered;
use crate::client::orgs::git_url;
use crate::client::{all, find};
use crate::context::{Context, Lab};
use crate::failure::{Exit, Failure};
use crate::show;

/// `devlab provenance fetch`.
pub(super) async fn run(
    context: &Context,
    clone: &Checkout,
    named: Option<&str>,
    org: Option<&str>,
) -> anyhow::Result<()> {
    let lab = context.lab()?;
    let project = match named {
        Some(name) => find::project(&lab.client, org, name).await?,
        None => origin(&lab, clone).await?,
    };
    let keys = lab.client.org_keys(&project.org.to_string()).await?;
    let root = keys.root.to_string();
    let is_one_of_its = |known: &str| keys.keys.iter().any(|one| one.key.to_string() == known);
    // A lab that says something else today may be another one. A later key than the root is trusted
    // by who no longer trusts the first.
    match clone.config(ROOT_KEY).await? {
        Some(known) if !is_one_of_its(&known) => {
            return Err(Failure::new(
                Exit::Failed,
                format!(
                    "this clone trusts the root key {known}, and the lab says that it is {root}: \
                     find out why; `git config --unset {ROOT_KEY}` makes the clone forget it"
                ),
            ));
        }
        Some(_) => {}
        None => clone.set_config(ROOT_KEY, &root).await?,
    }
    let repo = LabRepo {
        url: git_url(&lab.client, &project),
        token: lab.token.clone(),
    };
    clone.fetch(&repo, NOTES_REF, Some(NOTES_REF)).await.map_err(|error| {
        let nothing = format!("{error:#}").contains("couldn't find remote ref");
        match nothing {
            true => Failure::not_found(format!(
                "the project {} has no provenance yet: it comes with the first goal that is merged",
                show::printable(&project.name)
            )),
            false => error,
        }
    })?;
    let notes = clone.run(&["notes", "--ref", NOTES_REF, "list"]).await?;
    let notes = notes.lines().count();
    show::note(&format!(
        "{} under {NOTES_REF}; the root key is {root}",
        show::count(notes as u64, "note")
    ));
    show::done(
        context.output,
        &json!({ "project": project.id, "ref": NOTES_REF, "notes": notes, "root": root }),
    )
}

/// The project that a clone belongs to, or was cloned from.
async fn origin(lab: &Lab, clone: &Checkout) -> anyhow::Result<Project> {
    if let Some(project) = remembered(&lab.client, clone).await? {
        return Ok(project);
    }
    let url = clone.config("remote.origin.url").await?.unwrap_or_default();
    let projects = all(None, async |page| lab.client.projects(None, &page).await).await?;
    let of = projects
        .into_iter()
        .find(|p| !p.git_path.is_empty() && url.ends_with(&p.git_path));
    of.ok_or_else(|| {
        Failure::usage(format!(
            "{} was not cloned from a project of {}: name it with --project",
            clone.top().display(),
            lab.url
        ))
    })
}

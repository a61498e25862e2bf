//! The project that belongs to a checkout, and bringing the checkout's commits into it.

use anyhow::Context as _;
use devlab_api::client::{Client, ClientError};
use devlab_api::project::{CreateProject, Project, SyncProject};
use devlab_core::limits::NAME_BYTES_MAX;
use devlab_core::{ProjectId, TaskId};

use super::git::{Checkout, LabRepo};
use super::head;
use crate::client::find;
use crate::client::logs::is_over;
use crate::client::orgs::git_url;
use crate::context::Lab;
use crate::failure::Failure;
use crate::show;

/// Where a checkout remembers its project.
const PROJECT_KEY: &str = "devlab.project";
/// Where it remembers `<commit> <task>` of a merge that it has asked for, so that asking again while
/// that is under way makes no second one.
const MERGING_KEY: &str = "devlab.merging";

/// HTTP status of what cannot be done in the state that things are in.
const CONFLICT: u16 = 409;

/// A checkout and its project.
pub(crate) struct Place {
    pub(crate) checkout: Checkout,
    pub(crate) project: Project,
    pub(crate) repo: LabRepo,
}

/// What bringing commits in came to.
pub(crate) enum Brought {
    /// The project has them.
    There,
    /// A task merges and checks them.
    Merging(TaskId),
    /// The lab does not take them as they are, for a reason in words: a person has to merge first.
    Refused(String),
}

/// The project that this checkout remembers.
///
/// # Errors
/// It remembers none, or the lab does not have it.
pub(crate) async fn known(lab: &Lab, checkout: Checkout) -> anyhow::Result<Place> {
    let remembered = remembered(&lab.client, &checkout).await?;
    let project = remembered.ok_or_else(|| {
        Failure::not_found(format!(
            "{} belongs to no project of {}: `devlab run` makes one",
            checkout.top().display(),
            lab.url
        ))
    })?;
    Ok(place(lab, checkout, project))
}

/// What was asked for besides the checkout.
pub(crate) struct Asked<'a> {
    pub(crate) org: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
    /// Whether commits at the head may stay out.
    pub(crate) without_head: bool,
}

/// The checkout's project; made if there is none yet.
pub(crate) async fn ensure(
    lab: &Lab,
    checkout: Checkout,
    org: Option<&str>,
    name: Option<&str>,
) -> anyhow::Result<Place> {
    let asked = Asked {
        org,
        name,
        without_head: false,
    };
    find_or_make(lab, checkout, &asked).await
}

/// The same, by what was asked for.
///
/// # Errors
/// The checkout has another project than the one asked for, or the goal would start without commits of the head ([`head::goes_along`]).
pub(crate) async fn find_or_make(
    lab: &Lab,
    checkout: Checkout,
    asked: &Asked<'_>,
) -> anyhow::Result<Place> {
    if let Some(project) = remembered(&lab.client, &checkout).await? {
        is_the_one(&lab.client, &project, asked).await?;
        let place = place(lab, checkout, project);
        head::goes_along(&place, asked.without_head).await?;
        return Ok(place);
    }
    let folder = checkout
        .top()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let name = asked.name.map_or_else(|| slug(&folder), str::to_owned);
    let found = find::project_named(&lab.client, asked.org, &name).await?;
    let place = match found {
        Some(project) => {
            let place = place(lab, checkout, project);
            same_history(&place).await?;
            head::goes_along(&place, asked.without_head).await?;
            place
        }
        None => make(lab, checkout, &name, asked).await?,
    };
    let id = place.project.id.to_string();
    place.checkout.set_config(PROJECT_KEY, &id).await?;
    Ok(place)
}

/// A new project, still without commits. Its goals go into the branch that is checked out.
async fn make(
    lab: &Lab,
    checkout: Checkout,
    name: &str,
    asked: &Asked<'_>,
) -> anyhow::Result<Place> {
    let branch = checkout.branch().await?;
    let branch = branch.unwrap_or_else(|| "main".to_owned());
    head::begins(&checkout, &branch, asked.without_head).await?;
    let upstream = checkout.config("remote.origin.url").await?;
    let new = CreateProject {
        org: asked.org.map(str::to_owned),
        name: name.to_owned(),
        default_branch: Some(branch.clone()),
        upstream: upstream.map(|url| without_secret(&url)),
        import_url: None,
    };
    let project = lab.client.create_project(&new).await?;
    show::note(&format!(
        "made the project {name}; its goals go into {branch}"
    ));
    Ok(place(lab, checkout, project))
}

fn place(lab: &Lab, checkout: Checkout, project: Project) -> Place {
    let repo = LabRepo {
        url: git_url(&lab.client, &project),
        token: lab.token.clone(),
    };
    Place {
        checkout,
        project,
        repo,
    }
}

/// The project that a checkout remembers, if the lab has it.
pub(crate) async fn remembered(
    client: &Client,
    checkout: &Checkout,
) -> anyhow::Result<Option<Project>> {
    let Some(text) = checkout.config(PROJECT_KEY).await? else {
        return Ok(None);
    };
    let Ok(id) = text.parse::<ProjectId>() else {
        return Ok(None);
    };
    match client.project(id).await {
        Ok(project) => Ok(Some(project)),
        // Another lab, or it is gone: the checkout starts anew here.
        Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A checkout keeps its project: where it is remembered is shared by all worktrees of a repository,
/// so that binding one of them to another project would move all of them.
async fn is_the_one(client: &Client, project: &Project, asked: &Asked<'_>) -> anyhow::Result<()> {
    let name = asked.name.unwrap_or(&project.name);
    let is_other = match asked.org {
        None => name != project.name,
        Some(_) => {
            let named = find::project_named(client, asked.org, name).await?;
            named.is_none_or(|named| named.id != project.id)
        }
    };
    if !is_other {
        return Ok(());
    }
    let org = asked
        .org
        .map(|org| format!(" of {org}"))
        .unwrap_or_default();
    Err(Failure::usage(format!(
        "this checkout, with all worktrees of its repository, belongs to the project {} and not to \
         {name}{org}\n  → leave --name and --org out; or work on {name} in a clone of its own; or give \
         up {0} here: `git config --local --unset {PROJECT_KEY}`",
        project.name
    )))
}

/// A project of the same name may be of another repository.
async fn same_history(place: &Place) -> anyhow::Result<()> {
    let Some(head) = &place.project.head else {
        return Ok(());
    };
    place.checkout.fetch(&place.repo, head, None).await?;
    if place.checkout.holds(&["merge-base", "HEAD", head]).await? {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the lab has a project \"{}\" with another history: give this one a name with --name",
        place.project.name
    )))
}

/// Brings commits of this checkout into the project: those of the branch that the project follows.
pub(crate) async fn bring(client: &Client, place: &Place) -> anyhow::Result<Brought> {
    let Place {
        checkout,
        project,
        repo,
    } = place;
    let own = format!("refs/heads/{}", short_branch(&project.default_branch));
    let commit = match checkout.resolve(&own).await? {
        Some(commit) => commit,
        None => checkout
            .head()
            .await?
            .ok_or_else(|| Failure::usage("this checkout has no commit yet: make a first one"))?,
    };
    let Some(head) = &project.head else {
        checkout
            .push(repo, &commit, &own)
            .await
            .context("cannot fill the project")?;
        return Ok(Brought::There);
    };
    let here = checkout.resolve(head).await?.is_some();
    if here && checkout.is_ancestor(&commit, head).await? {
        return Ok(Brought::There);
    }
    if let Some(task) = merging(client, checkout, &commit).await? {
        return Ok(Brought::Merging(task));
    }
    // A branch of its own for each push: branches only move forward, people rebase, and another
    // command may bring the same commit at the same moment. The sync removes it.
    let name = format!(
        "upstream/{}-{}-{:08x}",
        short_branch(&project.default_branch),
        show::commit(&commit),
        rand::random::<u32>()
    );
    checkout
        .push(repo, &commit, &format!("refs/heads/{name}"))
        .await
        .context("cannot push to the lab")?;
    let sync = SyncProject {
        commit: commit.clone(),
        pushed_branch: Some(name),
    };
    let synced = match client.sync_project(project.id, &sync).await {
        Ok(synced) => synced,
        Err(error) => return refused(error),
    };
    let Some(task) = synced.task else {
        return Ok(Brought::There);
    };
    let asked = format!("{commit} {task}");
    checkout.set_config(MERGING_KEY, &asked).await?;
    Ok(Brought::Merging(task.parse()?))
}

/// What the lab does not take is for the person to mend; everything else is an error.
fn refused(error: ClientError) -> anyhow::Result<Brought> {
    match error.problem() {
        Some(problem) if problem.status == CONFLICT => Ok(Brought::Refused(problem.detail.clone())),
        Some(_) | None => Err(error.into()),
    }
}

/// The task that merges this commit already, if it has not ended.
async fn merging(
    client: &Client,
    checkout: &Checkout,
    commit: &str,
) -> anyhow::Result<Option<TaskId>> {
    let asked = checkout.config(MERGING_KEY).await?.unwrap_or_default();
    let Some(("", task)) = asked
        .strip_prefix(commit)
        .and_then(|rest| rest.split_once(' '))
    else {
        return Ok(None);
    };
    let Ok(id) = task.parse::<TaskId>() else {
        return Ok(None);
    };
    match client.task(id).await {
        Ok(detail) => Ok((!is_over(detail.task.state)).then_some(id)),
        Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A branch without `refs/heads/`, however the server writes it.
pub(crate) fn short_branch(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

/// Text as a name: lower case, digits, dashes.
pub(crate) fn slug(text: &str) -> String {
    match dashed(text, NAME_BYTES_MAX) {
        slug if slug.is_empty() => "project".to_owned(),
        slug => slug,
    }
}

/// The letters and digits of a text, with dashes between them; empty if it has none.
pub(crate) fn dashed(text: &str, bytes_max: usize) -> String {
    let mut slug = String::new();
    for letter in text.chars() {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(bytes_max);
    slug.trim_matches('-').to_owned()
}

/// An address as people may read it: a password in it is theirs alone.
fn without_secret(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_folders() {
        for (folder, name) in [
            ("My Project", "my-project"),
            ("tally", "tally"),
            ("__x.y--", "x-y"),
            ("…", "project"),
        ] {
            assert_eq!(slug(folder), name);
        }
        assert_eq!(slug(&"a".repeat(100)).len(), NAME_BYTES_MAX);
    }

    #[test]
    fn a_remotes_password_stays_here() {
        assert_eq!(
            without_secret("https://me:pw@h.example/r@1.git"),
            "https://h.example/r@1.git"
        );
        assert_eq!(without_secret("git@h.example:r.git"), "git@h.example:r.git");
    }
}

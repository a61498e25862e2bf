//! Finds what a person named: by id, by name, or by a part of an id that fits one thing only.

use devlab_api::agent::Agent;
use devlab_api::client::{Client, PatchQuery, TaskQuery};
use devlab_api::project::Project;
use devlab_core::{PatchId, TaskId, TokenId};

use super::all;
use crate::failure::Failure;

/// Fewest characters of an id that are taken for a part of it.
const PART_CHARS_MIN: usize = 4;

/// A task by its id, or by the beginning or end of it.
pub(crate) async fn task(client: &Client, text: &str) -> anyhow::Result<TaskId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let list = async |page| {
        let query = TaskQuery {
            archived: true,
            page,
            ..TaskQuery::default()
        };
        client.tasks(&query).await
    };
    one(
        "task",
        text,
        all(None, list).await?.into_iter().map(|task| task.id),
    )
}

/// A patch by its id, or by the beginning or end of it.
pub(crate) async fn patch(client: &Client, text: &str) -> anyhow::Result<PatchId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let list = async |page| {
        let query = PatchQuery {
            page,
            ..PatchQuery::default()
        };
        client.patches(&query).await
    };
    one(
        "patch",
        text,
        all(None, list).await?.into_iter().map(|patch| patch.id),
    )
}

/// A token by its id, or by the beginning or end of it.
pub(crate) async fn token(client: &Client, text: &str) -> anyhow::Result<TokenId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let tokens = all(None, async |page| client.tokens(None, &page).await).await?;
    one("token", text, tokens.into_iter().map(|token| token.id))
}

/// A project by its id or name.
pub(crate) async fn project(
    client: &Client,
    org: Option<&str>,
    text: &str,
) -> anyhow::Result<Project> {
    let found = project_named(client, org, text).await?;
    found.ok_or_else(|| none("project", text))
}

/// The same; `None` if there is none.
pub(crate) async fn project_named(
    client: &Client,
    org: Option<&str>,
    text: &str,
) -> anyhow::Result<Option<Project>> {
    let projects = all(None, async |page| client.projects(org, &page).await).await?;
    let mut found = projects
        .into_iter()
        .filter(|p| p.name == text || p.id.to_string() == text);
    let first = found.next();
    if found.next().is_some() {
        return Err(Failure::usage(format!(
            "several orgs have a project \"{text}\": give its id, or --org"
        )));
    }
    Ok(first)
}

/// An agent by its id or name.
pub(crate) async fn agent(client: &Client, text: &str) -> anyhow::Result<Agent> {
    let agents = all(None, async |page| client.agents(None, &page).await).await?;
    let mut found = agents
        .into_iter()
        .filter(|a| a.name == text || a.id.to_string() == text);
    let first = found.next().ok_or_else(|| none("agent", text))?;
    match found.next() {
        Some(_) => Err(Failure::usage(format!(
            "several agents are named \"{text}\": give an id"
        ))),
        None => Ok(first),
    }
}

fn none(kind: &str, text: &str) -> anyhow::Error {
    Failure::not_found(format!(
        "there is no {kind} \"{text}\" that this token can see"
    ))
}

fn one<T: ToString>(kind: &str, text: &str, ids: impl Iterator<Item = T>) -> anyhow::Result<T> {
    let part = text.trim_start_matches('…');
    let fits = |id: &T| {
        let id = id.to_string();
        let bare = id.split_once('_').map_or("", |(_, bare)| bare).to_owned();
        id.starts_with(part) || bare.starts_with(part) || id.ends_with(part)
    };
    if part.len() < PART_CHARS_MIN {
        return Err(none(kind, text));
    }
    let mut found = ids.filter(fits);
    let first = found.next().ok_or_else(|| none(kind, text))?;
    match found.next() {
        Some(_) => Err(Failure::usage(format!(
            "\"{text}\" fits several {kind}s: give more of the id"
        ))),
        None => Ok(first),
    }
}

/// An id as people can tell it apart and type it: its end, which is random.
pub(crate) fn brief(id: &impl ToString) -> String {
    let id = id.to_string();
    id.chars()
        .skip(id.chars().count().saturating_sub(8))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use devlab_core::Timestamp;

    #[test]
    fn a_part_of_an_id_is_enough_if_it_is_the_only_one() {
        let at = Timestamp::from_millis(1_764_000_000_000);
        let ids = [TaskId::new(at, 1), TaskId::new(at, u128::MAX)];
        let find = |text: &str| one("task", text, ids.iter());
        let brief = brief(&ids[1]);
        assert_eq!(find(&brief).unwrap(), &ids[1]);
        assert!(find("task_0").unwrap_err().to_string().contains("several"));
        assert!(find("zz").is_err());
        assert!(find("nothing").is_err());
    }
}

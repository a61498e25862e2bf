//! `devlab artifact`.

use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use devlab_api::client::Client;
use devlab_api::task::Artifact;
use devlab_core::check::Sha256Hasher;
use devlab_core::{AttemptId, TaskId};
use futures::StreamExt as _;

use super::{all, find};
use crate::args::ArtifactCommand;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::show;

/// Where the bytes go that are to be printed.
const STDOUT: &str = "-";

/// `devlab artifact …`.
pub(crate) async fn run(context: &Context, command: ArtifactCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        ArtifactCommand::List { name, attempt } => {
            let task = find::task(&client, &name).await?;
            let items = of(&client, task, attempt).await?;
            list(context, &client, task, &items).await
        }
        ArtifactCommand::Get {
            name,
            path,
            attempt,
            into,
        } => {
            let task = find::task(&client, &name).await?;
            get(&client, task, path.as_deref(), attempt, &into).await
        }
    }
}

/// Artifacts of one attempt: the one with that number, or the last that left some.
async fn of(client: &Client, task: TaskId, number: Option<u32>) -> anyhow::Result<Vec<Artifact>> {
    let attempt = match number {
        None => None,
        Some(number) => Some(numbered(client, task, number).await?),
    };
    let pages = async |page| client.artifacts(task, attempt, &page).await;
    let mut items = all(None, pages).await?;
    if let Some(last) = items.iter().map(|item| item.attempt).max() {
        items.retain(|item| item.attempt == last);
    }
    Ok(items)
}

async fn numbered(client: &Client, task: TaskId, number: u32) -> anyhow::Result<AttemptId> {
    let attempts = client.attempts(task).await?.items;
    let work = devlab_core::attempt::AttemptKind::Work;
    let found = attempts
        .iter()
        .find(|attempt| attempt.kind == work && attempt.number == number);
    let found =
        found.ok_or_else(|| Failure::not_found(format!("the task has no attempt {number}")))?;
    Ok(found.id)
}

async fn list(
    context: &Context,
    client: &Client,
    task: TaskId,
    items: &[Artifact],
) -> anyhow::Result<()> {
    if items.is_empty() {
        show::note("no artifacts; `artifacts` in .devlab/project.toml, or --artifact, names some");
    }
    let attempts = client.attempts(task).await?.items;
    let columns = ["path", "bytes", "attempt", "sha256"];
    show::list(context.output, items, &columns, |item| {
        let number = attempts.iter().find(|attempt| attempt.id == item.attempt);
        vec![
            item.path.clone(),
            item.size.to_string(),
            number.map_or_else(String::new, |attempt| attempt.number.to_string()),
            match &item.sha256 {
                Some(sha256) => sha256.chars().take(10).collect(),
                None => "gone".to_owned(),
            },
        ]
    })
}

async fn get(
    client: &Client,
    task: TaskId,
    path: Option<&str>,
    attempt: Option<u32>,
    into: &Path,
) -> anyhow::Result<()> {
    let mut items = of(client, task, attempt).await?;
    if let Some(path) = path {
        items.retain(|item| item.path == path);
    }
    if items.is_empty() {
        return Err(Failure::not_found(match path {
            Some(path) => format!("no artifact {path}: `devlab artifact list` shows what there is"),
            None => "the task has no artifacts".to_owned(),
        }));
    }
    let is_printed = into == Path::new(STDOUT);
    if is_printed && items.len() > 1 {
        return Err(Failure::usage("name one artifact to print it"));
    }
    for item in &items {
        if is_printed {
            print(client, item).await?;
        } else {
            save(client, item, into).await?;
        }
    }
    Ok(())
}

async fn print(client: &Client, item: &Artifact) -> anyhow::Result<()> {
    let mut pieces = Box::pin(client.artifact_content(item.id).await?);
    let mut hasher = Sha256Hasher::default();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        hasher.update(&piece);
        show::bytes(&piece)?;
    }
    check(item, hasher)
}

/// Writes a file below a folder, whole or not at all.
async fn save(client: &Client, item: &Artifact, into: &Path) -> anyhow::Result<()> {
    let target = into.join(below(&item.path)?);
    let folder = target.parent().unwrap_or(into);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let cannot = || format!("cannot write {}", target.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    let mut pieces = Box::pin(client.artifact_content(item.id).await?);
    let mut hasher = Sha256Hasher::default();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        hasher.update(&piece);
        file.write_all(&piece).with_context(cannot)?;
    }
    check(item, hasher)?;
    file.persist(&target).with_context(cannot)?;
    show::note(&format!("{} ({} bytes)", target.display(), item.size));
    Ok(())
}

/// The server said what the bytes are; a cut connection is noticed here at the latest.
fn check(item: &Artifact, hasher: Sha256Hasher) -> anyhow::Result<()> {
    let came = hasher.finish().to_string();
    if item.sha256.as_deref() == Some(came.as_str()) {
        return Ok(());
    }
    let text = format!("{} came damaged: try again", item.path);
    Err(Failure::new(Exit::Failed, text))
}

/// A path that a server named, if it leads nowhere but down.
fn below(path: &str) -> anyhow::Result<PathBuf> {
    let path = PathBuf::from(path);
    let goes_down = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !goes_down || path.as_os_str().is_empty() {
        let text = format!(
            "the server named {}, which is no path below a folder",
            path.display()
        );
        return Err(Failure::new(Exit::Failed, text));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_make_us_write_elsewhere() {
        assert_eq!(below("a/b.txt").unwrap(), Path::new("a/b.txt"));
        for path in ["", "/etc/passwd", "../x", "a/../../x", "./a/../.."] {
            assert!(below(path).is_err(), "{path}");
        }
    }
}

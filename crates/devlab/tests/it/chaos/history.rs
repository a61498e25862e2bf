//! The repository after a round, looked at with plain git.

use std::collections::BTreeSet;
use std::path::Path;

use devlab_core::state::TaskKind;

use super::project::{SHARED, TASKS};
use super::verify::Known;
use super::world::World;

/// Runs git on the project's repository.
async fn git(world: &World, args: &[&str]) -> Result<String, String> {
    git_in(&world.repository().await?, args).await
}

/// Runs git on a repository.
pub(super) async fn git_in(repository: &Path, args: &[&str]) -> Result<String, String> {
    let output = tokio::process::Command::new("git")
        .arg("--git-dir")
        .arg(repository)
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!(
            "git {args:?}: {} {}",
            text(&output.stdout),
            text(&output.stderr)
        ))
    }
}

/// What is attached to the merge of the goal.
pub(super) async fn provenance(world: &World) -> Result<String, String> {
    let show = ["notes", "--ref=devlab", "show", "refs/heads/main"];
    git(world, &show).await
}

/// Refs that keep the objects of candidates, those of rejected ones aside.
pub(super) async fn keep_refs(world: &World) -> Vec<String> {
    let mut rejected = BTreeSet::new();
    for id in world.keys.values().chain([&world.goal]) {
        let Ok(candidates) = world.client.candidates(*id).await else {
            continue;
        };
        let given_up = candidates
            .items
            .into_iter()
            .filter(|found| found.state == devlab_core::train::CandidateState::Rejected);
        rejected.extend(given_up.map(|found| format!("refs/devlab/keep/{}", found.id)));
    }
    match git(
        world,
        &["for-each-ref", "--format=%(refname)", "refs/devlab/keep"],
    )
    .await
    {
        Ok(refs) => refs
            .lines()
            .filter(|name| !rejected.contains(*name))
            .map(str::to_owned)
            .collect(),
        Err(error) => vec![error],
    }
}

/// Problems of the history and of what it brought.
pub(super) async fn holds(world: &World, known: &Known) -> Vec<String> {
    match look(world, known).await {
        Ok(problems) => problems,
        Err(error) => vec![error],
    }
}

async fn look(world: &World, known: &Known) -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    git(world, &["fsck", "--full", "--strict", "--no-dangling"]).await?;
    let goal = known
        .tasks
        .iter()
        .find(|detail| detail.task.id == world.goal)
        .unwrap();
    let leaves = known
        .tasks
        .iter()
        .filter(|detail| detail.task.kind == TaskKind::Leaf);
    let leaves: BTreeSet<String> = leaves.map(|detail| detail.task.id.to_string()).collect();
    let head = goal.task.head.clone().ok_or("the goal has no head")?;
    problems.extend(one_merge_each(world, &head, &leaves).await?);
    let main = git(world, &["rev-parse", "refs/heads/main"]).await?;
    let only = BTreeSet::from([world.goal.to_string()]);
    problems.extend(one_merge_each(world, &main, &only).await?);
    if goal.task.published.as_ref() != Some(&main) {
        problems.push(format!(
            "main is at {main}, the goal at {:?}",
            goal.task.published
        ));
    }
    problems.extend(content(world, &main).await?);
    Ok(problems)
}

/// The first-parent history since the beginning has one merge for each of these tasks.
async fn one_merge_each(
    world: &World,
    tip: &str,
    tasks: &BTreeSet<String>,
) -> Result<Vec<String>, String> {
    let format = "--format=%(trailers:key=Devlab-Task,valueonly,separator=%x20)";
    let range = format!("{}..{tip}", world.base);
    let log = git(world, &["log", "--first-parent", format, &range]).await?;
    let merges: Vec<&str> = log.lines().collect();
    let merged: BTreeSet<String> = merges.iter().map(|task| (*task).to_owned()).collect();
    if merges.len() == tasks.len() && merged == *tasks {
        return Ok(Vec::new());
    }
    Ok(vec![format!(
        "{} merges up to {tip}: {merges:?}; one each wanted: {tasks:?}",
        merges.len()
    )])
}

/// Every line that a task brought is there once.
async fn content(world: &World, main: &str) -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    let list = git(world, &["show", &format!("{main}:list.txt")]).await?;
    for (key, _) in TASKS {
        let own = git(world, &["show", &format!("{main}:out/{key}.txt")]).await?;
        let line = format!("{key} by {}", world.keys[key]);
        if own != line {
            problems.push(format!("out/{key}.txt should be {line:?}, but is {own:?}"));
        }
        let said = list
            .lines()
            .filter(|found| *found == format!("{key} was here"))
            .count();
        if said != 1 {
            problems.push(format!("list.txt names {key} {said} times"));
        }
    }
    let files = git(world, &["ls-tree", "-r", "--name-only", main]).await?;
    let wanted = TASKS.len() + 6;
    if files.lines().count() != wanted {
        problems.push(format!("the tree has other files than {wanted}: {files:?}"));
    }
    let repair = git(world, &["show", &format!("{main}:repair.txt")]).await?;
    let shared = git(world, &["show", &format!("{main}:shared.txt")]).await?;
    if shared != SHARED {
        problems.push(format!("shared.txt says {shared:?}"));
    }
    if !repair.starts_with("mended ") {
        problems.push(format!("repair.txt says {repair:?}"));
    }
    Ok(problems)
}

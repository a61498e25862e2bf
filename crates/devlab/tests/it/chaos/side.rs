//! A project beside the goal's: filled by a push and brought forward by a sync, while the server may
//! die after either has moved a ref and before the database knows.

use std::sync::Mutex;
use std::time::Duration;

use devlab_api::client::Client;
use devlab_api::project::{CreateProject, Project, SyncProject};
use devlab_api::task::{Command, Driver, Schedule};
use devlab_core::state::StateName;
use devlab_testing::git::Checkout;

use super::history::git_in;
use super::world::{PATIENCE, World, insist, within};

/// Longest time until the database and the repository agree: the loop that sees to it runs once a
/// minute, and at every start.
const AGREE_MAX: Duration = Duration::from_secs(70);
/// Longest time that a small task may take, with everything that is done to the lab.
const TASK_MAX: Duration = Duration::from_secs(60);

/// Pushes, works, syncs, and works again. Says what came of it, or what does not hold.
pub(super) async fn push_and_sync(world: &World) -> Result<String, String> {
    let new = CreateProject {
        name: "side".to_owned(),
        ..CreateProject::default()
    };
    let project = insist(|| async { once(world, "side").create_project(&new).await }).await;
    let project = project.map_err(|error| format!("the side project: {error}"))?;
    let checkout = Checkout::new().await.with_token(&world.admin);
    let begun = checkout.commit(&[("side.txt", "begin\n")], "Begin").await;
    push(world, &project, &checkout, "refs/heads/main").await?;
    agree(world, &project, Some(&begun)).await?;
    work(world, &project, "first").await?;
    let landed = agree(world, &project, None).await?;

    let from = format!("{}{}", world.url, project.git_path);
    fetch(&checkout, &from).await?;
    checkout.git(&["reset", "-q", "--hard", &landed]).await;
    let ahead = [("upstream.txt", "from upstream\n")];
    let ahead = checkout.commit(&ahead, "Go on").await;
    push(world, &project, &checkout, "refs/heads/upstream/main").await?;
    let sync = SyncProject {
        commit: ahead.clone(),
        pushed_branch: None,
    };
    let synced = insist(|| world.client.sync_project(project.id, &sync)).await;
    let synced = synced.map_err(|error| format!("the sync: {error}"))?;
    agree(world, &project, Some(&ahead)).await?;
    work(world, &project, "second").await?;
    agree(world, &project, None).await?;
    everything_is_there(world, &project, [&begun, &landed, &ahead]).await?;
    Ok(format!("pushed and synced a project ({})", synced.outcome))
}

/// A client whose calls are done once, however often they are repeated.
fn once(world: &World, key: &str) -> Client {
    world.client.clone().with_idempotency_key(key).unwrap()
}

/// Until git says that it went well: the server may die in between.
async fn push(
    world: &World,
    project: &Project,
    checkout: &Checkout,
    to: &str,
) -> Result<(), String> {
    let address = format!("{}{}", world.url, project.git_path);
    let refspec = format!("HEAD:{to}");
    let said = Mutex::new(String::new());
    let pushed = within(PATIENCE, || async {
        let ran = checkout.try_git(&["push", "-q", &address, &refspec]).await;
        *said.lock().unwrap() = ran.stderr;
        ran.ok.then_some(())
    });
    pushed
        .await
        .ok_or(format!("cannot push to {to}: {}", said.lock().unwrap()))
}

async fn fetch(checkout: &Checkout, from: &str) -> Result<(), String> {
    let fetched = within(PATIENCE, || async {
        let ran = checkout.try_git(&["fetch", "-q", from, "main"]).await;
        ran.ok.then_some(())
    });
    fetched.await.ok_or("cannot fetch".to_owned())
}

/// Waits until the stored head is that of the repository, and the one that is wanted.
async fn agree(world: &World, project: &Project, wanted: Option<&str>) -> Result<String, String> {
    let heads = || async {
        let stored = world.client.project(project.id).await.ok()?.head;
        let repository = world.repository_of(project.id).await.ok()?;
        let actual = git_in(&repository, &["rev-parse", "refs/heads/main"]).await;
        Some((stored, actual.ok()))
    };
    let agreed = within(AGREE_MAX, || async {
        let (stored, actual) = heads().await?;
        let head = stored.filter(|head| actual.as_ref() == Some(head))?;
        wanted.is_none_or(|wanted| wanted == head).then_some(head)
    });
    match agreed.await {
        Some(head) => Ok(head),
        None => Err(format!(
            "stored and actual head differ, or are not {wanted:?}: {:?}",
            heads().await
        )),
    }
}

/// One small task, from its order until it is done.
async fn work(world: &World, project: &Project, word: &str) -> Result<(), String> {
    let task = Schedule {
        project: Some(project.id.to_string()),
        task: Some(format!("Write {word}")),
        driver: Some(Driver::Command(Command {
            script: Some(format!("echo {word} >>side.txt\n")),
            ..Command::default()
        })),
        priority: 1,
        review: Some(false),
        ..Schedule::default()
    };
    let client = once(world, word);
    let scheduled = insist(|| client.schedule(&task)).await;
    let goal = scheduled.map_err(|error| format!("{word}: {error}"))?.goal;
    let done = within(TASK_MAX, || async {
        let task = world.client.task(goal).await.ok()?.task;
        (task.state == StateName::Done).then_some(())
    });
    done.await
        .ok_or(format!("the {word} task of the side project is not done"))
}

async fn everything_is_there(
    world: &World,
    project: &Project,
    known: [&str; 3],
) -> Result<(), String> {
    let repository = world.repository_of(project.id).await?;
    let git = |args: &'static [&'static str]| git_in(&repository, args);
    // git reads one folder of objects after the other: what is being written meanwhile it finds in part,
    // and the last thing to be written is the note of the last merge.
    let note = &["notes", "--ref=devlab", "show", "refs/heads/main"];
    let noted = within(AGREE_MAX, || async { git(note).await.ok() });
    noted
        .await
        .ok_or("no provenance is attached to the side project's head")?;
    git(&["fsck", "--full", "--strict", "--no-dangling"]).await?;
    let side = git(&["show", "refs/heads/main:side.txt"]).await?;
    let upstream = git(&["show", "refs/heads/main:upstream.txt"]).await?;
    if (side.as_str(), upstream.as_str()) != ("begin\nfirst\nsecond", "from upstream") {
        return Err(format!("the side project has {side:?} and {upstream:?}"));
    }
    let log = git(&["log", "--first-parent", "--format=%H", "refs/heads/main"]).await?;
    let mut log: Vec<&str> = log.lines().collect();
    log.reverse();
    if log.len() != 4 || log[..3] != known {
        return Err(format!("the side project's history is {log:?}"));
    }
    Ok(())
}

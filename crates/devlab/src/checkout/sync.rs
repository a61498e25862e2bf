//! `devlab project sync`: commits of the checkout go in, what landed comes out.

use devlab_api::client::Client;
use devlab_core::TaskId;
use devlab_core::state::{StateName, WaitReason};

use super::git::Checkout;
use super::project::{self, Brought, Place, short_branch};
use super::run::{review, why};
use super::watch;
use crate::client::find::brief;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::show;

/// `devlab project sync`.
pub(crate) async fn run(context: &Context, push: Option<&str>) -> anyhow::Result<()> {
    let lab = context.lab()?;
    let checkout = Checkout::here(context).await?;
    checkout.whole().await?;
    let place = project::known(&lab, checkout).await?;
    let branch = short_branch(&place.project.default_branch).to_owned();
    let tracking = format!("refs/remotes/devlab/{branch}");
    // First, so that a person whose commits conflict has what they have to merge.
    if place.project.head.is_some() {
        fetch(&place, &branch, &tracking).await?;
    }
    let brought = bring(&lab.client, &place).await;
    let fetched = fetch(&place, &branch, &tracking).await;
    brought?;
    fetched?;
    forward(&place.checkout, &branch, &tracking).await?;
    if let Some(remote) = push {
        let refspec = format!("{tracking}:refs/heads/{branch}");
        place.checkout.run(&["push", remote, &refspec]).await?;
        show::note(&format!("pushed to {remote}/{branch}"));
    }
    let landed = place.checkout.resolve(&tracking).await?;
    show::done(
        context.output,
        &serde_json::json!({
            "project": place.project.id, "branch": branch, "landed": landed, "pushed": push,
        }),
    )
}

/// Brings the branch's state in the lab into its tracking ref.
async fn fetch(place: &Place, branch: &str, tracking: &str) -> anyhow::Result<()> {
    let from = format!("refs/heads/{branch}");
    let Place { checkout, repo, .. } = place;
    checkout.fetch(repo, &from, Some(tracking)).await
}

async fn bring(client: &Client, place: &Place) -> anyhow::Result<()> {
    let task = match project::bring(client, place).await? {
        Brought::There => return Ok(()),
        Brought::Refused(why) => {
            return Err(not_in(place, &show::printable(&why), None));
        }
        Brought::Merging(task) => task,
    };
    show::note("your commits and what landed have to be merged and checked first");
    let detail = watch::until_settled(client, task).await?;
    if detail.task.state == StateName::Done {
        return Ok(());
    }
    if detail.task.waiting_for == Some(WaitReason::Review) {
        let text = format!(
            "your commits wait for a review\n  → {}, then `devlab project sync` again",
            review(&detail)
        );
        return Err(Failure::new(Exit::Review, text));
    }
    let why = why(&detail).unwrap_or_else(|| "its merge did not go through".to_owned());
    Err(not_in(place, &why, Some(task)))
}

/// Why the person's commits are not in, and how they get in by hand.
fn not_in(place: &Place, why: &str, task: Option<TaskId>) -> anyhow::Error {
    let branch = short_branch(&place.project.default_branch);
    let shows = task
        .map(|task| format!("`devlab task show {}` says more; or ", brief(&task)))
        .unwrap_or_default();
    Failure::new(
        Exit::Failed,
        format!(
            "your commits are not in yet: {why}\n  → {shows}merge `devlab/{branch}` into {branch} (`git \
             merge devlab/{branch}`), resolve what conflicts, commit, then `devlab project sync` again"
        ),
    )
}

/// Moves the branch forward if that loses nothing of the person's.
async fn forward(checkout: &Checkout, branch: &str, tracking: &str) -> anyhow::Result<()> {
    let landed = checkout.resolve(tracking).await?;
    let Some(landed) = landed else {
        show::note("nothing has landed yet");
        return Ok(());
    };
    if checkout.branch().await?.as_deref() != Some(branch) {
        show::note(&format!(
            "what landed is at devlab/{branch}; you are on another branch, which stays as it is"
        ));
        return Ok(());
    }
    let head = checkout.head().await?.unwrap_or_default();
    if head == landed || checkout.is_ancestor(&landed, &head).await? {
        show::note(&format!("{branch} has everything that landed"));
        return Ok(());
    }
    // git refuses by itself what would overwrite changes of the person's.
    checkout.run(&["merge", "--ff-only", "--quiet", tracking]).await.map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!(
                "what landed is at devlab/{branch}, but {branch} could not be moved: {error}\n  → \
                 commit or stash your changes, then `git merge --ff-only devlab/{branch}`"
            ),
        )
    })?;
    let range = format!("{head}..{landed}");
    let count = checkout.run(&["rev-list", "--count", &range]).await?;
    let short = show::commit(&landed);
    let count = show::count(count.trim().parse::<u64>().unwrap_or(0), "new commit");
    show::note(&format!("{branch} is now at {short} ({count})"));
    Ok(())
}

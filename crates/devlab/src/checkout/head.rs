//! What stands at the head of a checkout, and whether a goal starts with it.
//!
//! A goal starts from the project's branch: with that branch's commits of this checkout, not with
//! those of another branch that happens to be checked out.

use super::git::Checkout;
use super::project::{Place, short_branch};
use crate::failure::Failure;
use crate::show;

/// Makes sure that a goal starts with the commits at the head, or that they may be left out.
///
/// # Errors
/// It would start without some of them. Nothing was changed.
pub(crate) async fn goes_along(place: &Place, may_stay: bool) -> anyhow::Result<()> {
    let branch = short_branch(&place.project.default_branch);
    let checkout = &place.checkout;
    let mut left = left_out(checkout, branch, None).await?;
    if left > 0
        && let Some(landed) = &place.project.head
    {
        // The head may be at a result that has landed.
        if checkout.resolve(landed).await?.is_none() {
            checkout.fetch(&place.repo, landed, None).await?;
        }
        left = left_out(checkout, branch, Some(landed)).await?;
    }
    judge(checkout, branch, left, may_stay).await
}

/// The same for a project that is still to be made, with this branch.
pub(crate) async fn begins(
    checkout: &Checkout,
    branch: &str,
    may_stay: bool,
) -> anyhow::Result<()> {
    let left = left_out(checkout, branch, None).await?;
    judge(checkout, branch, left, may_stay).await
}

/// How many commits of the head are neither in this checkout's branch nor in what landed.
async fn left_out(checkout: &Checkout, branch: &str, landed: Option<&str>) -> anyhow::Result<u64> {
    let own = format!("refs/heads/{branch}");
    // Without a branch of that name it is the head that goes in.
    let Some(own) = checkout.resolve(&own).await? else {
        return Ok(0);
    };
    let mut args = vec!["rev-list", "--count", "HEAD", "--not", &own];
    args.extend(landed);
    Ok(checkout.run(&args).await?.parse()?)
}

async fn judge(checkout: &Checkout, branch: &str, left: u64, may_stay: bool) -> anyhow::Result<()> {
    if left == 0 {
        return Ok(());
    }
    let commits = match left {
        1 => "1 commit".to_owned(),
        more => format!("{more} commits"),
    };
    let (at, name) = match checkout.branch().await? {
        Some(name) => (format!("the branch {name}"), name),
        None => {
            let head = checkout.head().await?.unwrap_or_default();
            let short = show::commit(&head);
            (format!("the detached HEAD {short}"), short.to_owned())
        }
    };
    if may_stay {
        show::note(&format!(
            "{commits} of {at} stay out: the goal starts from {branch}"
        ));
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the goal would start from {branch}, without {commits} of {at}\n  → bring them into {branch} \
         (`git switch {branch}`, `git merge {name}`), or leave them out with --without-head"
    )))
}

//! Patches and their discussion.

use devlab_api::client::{Client, PatchQuery};
use devlab_api::patch::{CreateComment, Patch};
use devlab_core::patch::{PatchState, Verdict};

use super::find::brief;
use super::{all, find};
use crate::args::{Output, PatchCommand};
use crate::context::Context;
use crate::show::{self, time};

/// `devlab patch`.
pub(crate) async fn run(context: &Context, command: PatchCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        PatchCommand::List {
            org,
            state,
            all: any_state,
            paging,
        } => {
            let state = (!any_state).then_some(state);
            let list = async |page| {
                let query = PatchQuery {
                    org: org.clone(),
                    project: None,
                    state: state.clone(),
                    page,
                };
                client.patches(&query).await
            };
            let patches = all(paging.limit, list).await?;
            let columns = ["id", "state", "title", "change", "into", "updated"];
            show::list(context.output, &patches, &columns, |patch| {
                row(context, patch)
            })
        }
        PatchCommand::Show(named) => {
            let id = find::patch(&client, &named.name).await?;
            show_patch(context, &client, client.patch_by_id(id).await?).await
        }
        PatchCommand::Diff(named) => {
            let id = find::patch(&client, &named.name).await?;
            show::diff(context.output, &id, &client.patch_diff(id).await?)
        }
        PatchCommand::Comment { name, words, note } => {
            let comment = CreateComment {
                body: words.text(),
                rework: note.then_some(false),
                ..CreateComment::default()
            };
            let id = find::patch(&client, &name).await?;
            let patch = client.comment_patch(id, &comment).await?;
            show_patch(context, &client, patch).await
        }
        PatchCommand::Accept { name, words } => {
            judge(context, &client, &name, words.text(), Verdict::Accept).await
        }
        PatchCommand::Reject { name, words } => {
            judge(context, &client, &name, words.text(), Verdict::Reject).await
        }
    }
}

/// A verdict is about the head that is shown now; the server refuses it if another came meanwhile.
async fn judge(
    context: &Context,
    client: &Client,
    name: &str,
    body: String,
    verdict: Verdict,
) -> anyhow::Result<()> {
    let id = find::patch(client, name).await?;
    let head = client.patch_by_id(id).await?.head;
    let comment = CreateComment {
        body,
        verdict: Some(verdict),
        head: Some(head),
        rework: None,
    };
    show_patch(context, client, client.comment_patch(id, &comment).await?).await
}

fn state(patch: &Patch) -> &'static str {
    match patch.state {
        PatchState::Open => "open",
        PatchState::Merged => "merged",
        PatchState::Closed => "closed",
    }
}

fn change(patch: &Patch) -> String {
    let files = show::count(patch.files, "file");
    format!("{files} +{} -{}", patch.added, patch.removed)
}

fn row(context: &Context, patch: &Patch) -> Vec<String> {
    vec![
        brief(&patch.id),
        state(patch).to_owned(),
        patch.title.clone(),
        change(patch),
        patch.target.clone(),
        time::ago(context.now(), patch.updated_at),
    ]
}

async fn show_patch(context: &Context, client: &Client, mut patch: Patch) -> anyhow::Result<()> {
    let shown = u32::try_from(patch.comments.len()).unwrap_or(u32::MAX);
    if patch.comment_count.is_some_and(|count| count > shown) {
        let id = patch.id;
        patch.comments = all(None, async |page| client.patch_comments(id, &page).await).await?;
    }
    let fields = [
        ("title", patch.title.clone()),
        ("id", patch.id.to_string()),
        ("state", state(&patch).to_owned()),
        ("task", patch.task.to_string()),
        ("into", patch.target.clone()),
        ("head", patch.head.clone()),
        ("change", change(&patch)),
        ("description", show::printable(&patch.description)),
    ];
    show::fields(context.output, &patch, &fields)?;
    if context.output == Output::Json {
        return Ok(());
    }
    for comment in &patch.comments {
        let verdict = match comment.verdict {
            Some(Verdict::Accept) => " accepts",
            Some(Verdict::Reject) => " rejects",
            None => "",
        };
        let when = time::ago(context.now(), comment.at);
        show::line(&format!(
            "\n#{} {}{verdict}, {when}",
            comment.number, comment.author
        ))?;
        show::line(&show::printable(&comment.body))?;
    }
    Ok(())
}

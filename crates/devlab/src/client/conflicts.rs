//! Where tasks will get in each other's way.

use devlab_api::client::Client;
use devlab_api::task::{Conflict, ConflictKind};
use devlab_core::TaskId;

use super::find;
use crate::context::Context;
use crate::show;

/// Most paths that a line names.
const NAMED_MAX: usize = 3;

/// `devlab task conflicts`.
pub(super) async fn run(context: &Context, client: &Client, name: &str) -> anyhow::Result<()> {
    let id = find::task(client, name).await?;
    let conflicts = client.conflicts(id).await?.items;
    let columns = ["first", "title", "second", "title", "known", "paths"];
    show::list(context.output, &conflicts, &columns, |one| {
        vec![
            one.first.task.to_string(),
            show::printable(&one.first.title),
            one.second.task.to_string(),
            show::printable(&one.second.title),
            match one.kind {
                ConflictKind::Declared => "both say so".to_owned(),
                ConflictKind::Observed => "seen".to_owned(),
            },
            paths(one),
        ]
    })
}

/// The other one of a task's pair, and where they meet.
pub(super) fn met(conflict: &Conflict, own: TaskId) -> String {
    let other = match conflict.first.task == own {
        true => &conflict.second,
        false => &conflict.first,
    };
    let title = show::printable(&other.title);
    format!(
        "{} ({title}, {}): {}",
        other.task,
        other.state,
        paths(conflict)
    )
}

fn paths(conflict: &Conflict) -> String {
    let named: Vec<_> = conflict.paths.iter().take(NAMED_MAX).cloned().collect();
    let mut text = named.join(", ");
    if conflict.paths.len() > NAMED_MAX {
        text.push_str(", …");
    }
    show::printable(&text)
}

//! Commands that talk to a lab over HTTP.

pub(crate) mod agents;
pub(crate) mod artifacts;
pub(crate) mod checks;
pub(crate) mod choices;
mod conflicts;
mod file;
pub(crate) mod find;
pub(crate) mod goals;
pub(crate) mod lab;
pub(crate) mod logs;
pub(crate) mod orgs;
pub(crate) mod patches;
pub(crate) mod plans;
pub(crate) mod policies;
pub(crate) mod retention;
pub(crate) mod schedules;
pub(crate) mod tasks;
pub(crate) mod tokens;

use devlab_api::List;
use devlab_api::client::{ClientError, Page};
use devlab_core::limits::PAGE_MAX;

/// Most items that a command without `--limit` collects.
pub(crate) const ITEMS_MAX: usize = 10_000;

/// All pages of a list, up to a limit.
pub(crate) async fn all<T>(
    limit: Option<u32>,
    fetch: impl AsyncFn(Page) -> Result<List<T>, ClientError>,
) -> Result<Vec<T>, ClientError> {
    let most = limit.map_or(ITEMS_MAX, |limit| {
        usize::try_from(limit).unwrap_or(ITEMS_MAX)
    });
    let mut items = Vec::new();
    let mut cursor = None;
    while items.len() < most {
        let rest = u32::try_from(most - items.len()).unwrap_or(PAGE_MAX);
        let page = Page {
            cursor,
            limit: Some(rest.min(PAGE_MAX)),
        };
        let list = fetch(page).await?;
        items.extend(list.items);
        cursor = list.next;
        if cursor.is_none() {
            break;
        }
    }
    items.truncate(most);
    Ok(items)
}

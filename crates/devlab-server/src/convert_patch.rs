//! Wire types of patches from entities.

use devlab_api::patch as wire;
use devlab_core::patch::{Patch, PatchComment};

use crate::convert::{branch, text};

/// Most remarks that come with a patch, the newest.
const COMMENTS_SHOWN_MAX: usize = 50;

/// A patch with the end of its discussion.
#[must_use]
pub fn discussed(of: Patch, mut comments: Vec<PatchComment>) -> wire::Patch {
    let count = comments.len();
    let newest = comments.split_off(count.saturating_sub(COMMENTS_SHOWN_MAX));
    wire::Patch {
        comment_count: u32::try_from(count).ok(),
        comments: newest.into_iter().map(patch_comment).collect(),
        ..patch(of)
    }
}

/// A patch, without its discussion.
#[must_use]
pub fn patch(patch: Patch) -> wire::Patch {
    wire::Patch {
        id: patch.id,
        org: patch.org,
        project: patch.project,
        task: patch.task,
        title: patch.title,
        description: patch.description,
        target: branch(&patch.target),
        base: text(&patch.base),
        head: text(&patch.head),
        files: patch.files,
        added: patch.added,
        removed: patch.removed,
        state: patch.state,
        created_at: patch.created_at,
        updated_at: patch.updated_at,
        comment_count: None,
        comments: Vec::new(),
    }
}

/// A remark or review.
#[must_use]
pub fn patch_comment(comment: PatchComment) -> wire::PatchComment {
    wire::PatchComment {
        number: comment.number,
        author: comment.author,
        head: text(&comment.head),
        body: comment.body,
        verdict: comment.verdict,
        at: comment.at,
    }
}

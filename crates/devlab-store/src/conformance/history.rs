//! A store with a long history: finished tasks, each with what its life leaves behind.

use devlab_core::OrgId;
use devlab_core::attempt::{Attempt, AttemptState};
use devlab_core::event::{EventKind, NewEvent};
use devlab_core::state::State;
use devlab_core::task::{Proof, Task};
use devlab_core::tx::Tx;
use devlab_core::{AttemptId, Result, TaskId};

use super::fixtures::{attempt, made, spec, task};
use crate::{Store, StoreExt};

/// Tasks in one unit of work.
const IN_ONE_UNIT: u32 = 500;
/// Units that wait for the writer at one time: they share commits.
const AT_ONCE: u32 = 8;

/// Writes so many goals of an org that are done, each with an attempt that succeeded and the events
/// of its life.
///
/// # Errors
/// There is no such org; storage.
pub async fn write(store: &std::sync::Arc<dyn Store>, org: &str, count: u32) -> Result<()> {
    let name: devlab_core::name::Name = org.parse()?;
    let found = store.read(move |view| view.org_by_name(&name)).await?;
    let org = found.ok_or(devlab_core::Refusal::NotFound("org"))?.id;
    let mut left = count;
    while left > 0 {
        let mut units = Vec::new();
        for _ in 0..AT_ONCE {
            let part = left.min(IN_ONE_UNIT);
            left -= part;
            units.push(store.write(move |tx| (0..part).try_for_each(|_| life(tx, org))));
        }
        futures::future::try_join_all(units).await?;
    }
    Ok(())
}

fn life(tx: &mut dyn Tx, org: OrgId) -> Result<()> {
    let now = tx.now();
    let id = TaskId::new(now, tx.random());
    let tried = AttemptId::new(now, tx.random());
    tx.insert_task(
        &Task {
            id,
            org,
            goal: id,
            state: State::Done,
            attempts: 1,
            proof: Proof::Unproven,
            created_at: now,
            updated_at: now,
            ..task(1)
        },
        &spec("finished long ago"),
        &made(),
    )?;
    tx.insert_attempt(&Attempt {
        id: tried,
        org,
        task: id,
        state: AttemptState::Succeeded,
        created_at: now,
        ended_at: Some(now),
        claim_id: tried.to_string(),
        ..attempt(1)
    })?;
    for (from, to) in [("ready", "running"), ("running", "done")] {
        tx.append_event(&NewEvent {
            org,
            kind: EventKind::TaskState,
            project: None,
            task: Some(id),
            attempt: Some(tried),
            data: serde_json::json!({ "from": from, "to": to }),
        })?;
    }
    Ok(())
}

//! Starts goals: of schedules whose time has come, and of webhooks that have come in.
//!
//! Times are noted in one place at a time. The goals of a project are made where its repository is,
//! because what its default branch says is fixed for them.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::rules::schedule::Place;
use devlab_core::rules::start;
use devlab_core::server::ServerRole;
use devlab_core::template::Firing;
use devlab_core::tx::Page;
use devlab_core::{Refusal, TemplateId, Timestamp};
use devlab_store::StoreExt;

use crate::error::{Error, Result};
use crate::lab::Lab;

/// Its name.
pub(super) const NAME: &str = "schedules";
/// Starts noted in one transaction, and goals made in one look.
const BATCH: u32 = 100;
/// Most starts looked at besides, because they failed the last time.
const FAILING_MAX: u32 = 10_000;
/// How long a start is tried whose goal cannot be made for a reason that may pass.
const TRIED_MAX: Duration = Duration::from_secs(24 * 3600);
/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(1);

pub(super) async fn run(lab: Arc<Lab>) {
    let mut failing = 0;
    let mut reckoned = None;
    loop {
        let outcome = match reckon(&lab, &mut reckoned).await {
            Ok(()) => pass(&lab, &mut failing).await,
            Err(error) => Err(error),
        };
        lab.note(NAME, outcome);
        if !lab.rest(&lab.wakes.schedules, REST_MAX).await {
            return;
        }
    }
}

/// Looks at all schedules again once this server is on duty, and whenever the clock has gone back.
async fn reckon(lab: &Lab, reckoned: &mut Option<(u64, Timestamp)>) -> Result<()> {
    let Some(term) = is_on_duty(lab) else {
        *reckoned = None;
        return Ok(());
    };
    let now = lab.clock.now();
    if reckoned.is_some_and(|(of, until)| of == term && now >= until) {
        *reckoned = Some((term, now));
        return Ok(());
    }
    let mut after = None;
    loop {
        let page = Page {
            after,
            limit: BATCH,
        };
        let last = lab.write_on_duty(NAME, move |tx| start::reckon(tx, page));
        match last.await?.flatten() {
            Some(last) => after = Some(last.uuid()),
            None => break,
        }
    }
    *reckoned = Some((term, now));
    Ok(())
}

/// The term of this server at this loop.
fn is_on_duty(lab: &Lab) -> Option<u64> {
    let term = lab.place.duty(NAME);
    term.filter(|_| lab.has_role(ServerRole::Loops))
}

/// One that fails is in nobody's way, and not for ever: those that failed the last time are looked at
/// besides.
async fn pass(lab: &Lab, failing: &mut u32) -> Result<u64> {
    let most = BATCH + (*failing).min(FAILING_MAX);
    *failing = 0;
    let own = lab.has_role(ServerRole::Git).then(|| lab.this_server().id);
    let is_on_duty = is_on_duty(lab).is_some();
    if is_on_duty {
        // Looking costs the writer nothing: most of the time nothing is due.
        let due = lab.store().read(|view| start::is_due(view, view.now()));
        if due.await? {
            lab.write_on_duty(NAME, |tx| start::note_due(tx, BATCH))
                .await?;
        }
    }
    let found = lab.store().read(move |view| {
        let mut found = match own {
            Some(own) => view.pending_firings(Some(own), most)?,
            None => Vec::new(),
        };
        if is_on_duty {
            found.extend(view.pending_firings(None, most)?);
        }
        Ok(found)
    });
    let (mut count, mut failed) = (0, None);
    for firing in found.await? {
        if lab.stop.is_cancelled() {
            break;
        }
        let (id, key, at) = (firing.template, firing.key.clone(), firing.at);
        match settle(lab, firing).await {
            Ok(made) => count += made,
            Err(error) if lab.clock.now().since(at) > TRIED_MAX => {
                give_up(lab, id, key, &error.to_string()).await?;
            }
            Err(error) => {
                *failing += 1;
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(count), Err)
}

/// Makes the goal of a start, or notes why there is none: what is refused now is not tried again.
async fn settle(lab: &Lab, firing: Firing) -> Result<u64> {
    let (id, key) = (firing.template, firing.key);
    let place = match place(lab, id).await {
        Err(Error::Refused(refusal)) => return give_up(lab, id, key, &refusal.to_string()).await,
        other => other?,
    };
    let name = key.clone();
    let made = lab
        .store()
        .write(move |tx| start::settle(tx, &place, id, &name));
    match made.await {
        Ok(Some(goal)) => {
            tracing::info!(schedule = %id, start = key, %goal, "a schedule made a goal");
            Ok(1)
        }
        Ok(None) => Ok(0),
        Err(devlab_core::Error::Refused(refusal)) => {
            give_up(lab, id, key, &refusal.to_string()).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn give_up(lab: &Lab, id: TemplateId, key: String, why: &str) -> Result<u64> {
    tracing::warn!(schedule = %id, start = key, error = why, "a schedule made no goal");
    let why = why.to_owned();
    let noted = lab
        .store()
        .write(move |tx| start::give_up(tx, id, &key, &why));
    noted.await?;
    Ok(0)
}

async fn place(lab: &Lab, id: TemplateId) -> Result<Place> {
    let found = lab.store().read(move |view| {
        let template = view.template(id)?.ok_or(Refusal::NotFound("schedule"))?;
        let project = match template.project {
            Some(project) => Some(view.project(project)?.ok_or(Refusal::NotFound("project"))?),
            None => None,
        };
        Ok((template.org, project))
    });
    let (org, project) = found.await?;
    if project.as_ref().is_some_and(|project| project.archived) {
        return Err(Refusal::Conflict("the project is archived".to_owned()).into());
    }
    Ok(Place {
        org,
        project: match &project {
            Some(project) => Some(lab.project_place(project).await?),
            None => None,
        },
        parent: None,
        depends_on: Vec::new(),
        draft: false,
    })
}

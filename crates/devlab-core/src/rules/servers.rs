//! Servers come and go, share the loops, and hold repositories.
//!
//! Every project has one *home*, the server with its repository, and an epoch that changes with it.
//! A server that works on a repository holds a [`Held`]; every transaction that follows from that
//! work asks [`check`] first. A server that was stopped in the middle and goes on after the
//! repository has moved therefore changes nothing but its own old copy.

use std::time::Duration;

use serde_json::json;

use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::id::{ProjectId, ServerId};
use crate::limits::{SERVER_FORGOTTEN_AFTER, SERVER_TERM, SERVERS_MAX};
use crate::org::Project;
use crate::server::{Home, LoopState, Server, ServerRole};
use crate::time::Timestamp;
use crate::train::Target;
use crate::tx::{Effect, Read, Tx};

/// Numbers of starts that one millisecond has.
const RUNS_PER_MILLI: u64 = 1_000_000;

/// The right to change a project's repository, as it was when it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The project.
    pub project: ProjectId,
    /// Its home.
    pub server: ServerId,
    /// The epoch of that.
    pub epoch: u64,
}

/// Records that a server has started. Returns the number of this start.
///
/// # Errors
/// [`Refusal::Limit`] for one server too many.
pub fn start(tx: &mut dyn Tx, mut server: Server) -> Result<u64> {
    let known = tx.server(server.id)?;
    if known.is_none() {
        make_room(tx)?;
    }
    // Not a count from one: a server that was forgotten and comes back is not taken for its own
    // earlier process, nor are two starts in one millisecond.
    let now = u64::try_from(tx.now().as_millis()).unwrap_or(0);
    let within = u64::try_from(tx.random() % u128::from(RUNS_PER_MILLI)).unwrap_or(0);
    let fresh = now.saturating_mul(RUNS_PER_MILLI) + within;
    server.run = known.map_or(fresh, |known| fresh.max(known.run + 1));
    server.started_at = tx.now();
    server.seen_at = tx.now();
    server.left = false;
    tx.put_server(&server)?;
    // What an earlier process of this server has under way counts no more, should it still be there:
    // paused, or on another machine whose disk this one is a copy of.
    tx.advance_homes(server.id)?;
    Ok(server.run)
}

/// Records a server again that was forgotten while it could not say that it is there, under the
/// number of its start. Does nothing for one that is known.
///
/// # Errors
/// [`Refusal::Limit`] for one server too many.
pub fn come_back(tx: &mut dyn Tx, mut server: Server) -> Result<()> {
    if tx.server(server.id)?.is_some() {
        return Ok(());
    }
    make_room(tx)?;
    let started_at = i64::try_from(server.run / RUNS_PER_MILLI).unwrap_or(i64::MAX);
    server.started_at = Timestamp::from_millis(started_at);
    server.seen_at = tx.now();
    server.left = false;
    tx.put_server(&server)
}

fn make_room(tx: &mut dyn Tx) -> Result<()> {
    forget_empty(tx)?;
    if tx.servers()?.len() >= SERVERS_MAX as usize {
        return Err(Refusal::Limit {
            what: "servers",
            limit: u64::from(SERVERS_MAX),
        }
        .into());
    }
    Ok(())
}

/// Forgets servers that have stopped, or have not been heard of for long, and have no repository:
/// one without a disk has another id with each start.
fn forget_empty(tx: &mut dyn Tx) -> Result<()> {
    let now = tx.now();
    for server in tx.servers()? {
        let is_gone = server.left || now.since(server.seen_at) >= SERVER_FORGOTTEN_AFTER;
        if is_gone && tx.projects_at(server.id)? == 0 {
            tx.delete_server(server.id)?;
        }
    }
    Ok(())
}

/// A server says that it is there. Takes those of `loops` that nobody runs, keeps those that it
/// runs, and returns the names of both, each with whether it is new.
///
/// # Errors
/// [`Refusal::Conflict`] if another process has started as this server since, or it was forgotten:
/// see [`come_back`].
pub fn beat(
    tx: &mut dyn Tx,
    id: ServerId,
    run: u64,
    loops: &[&'static str],
) -> Result<Vec<(&'static str, bool)>> {
    let mut server = current(tx, id, run)?;
    let now = tx.now();
    server.seen_at = now;
    server.left = false;
    tx.put_server(&server)?;
    let mut runs = Vec::new();
    for name in loops {
        let known = tx.loop_state(name)?;
        let (is_ours, is_free) = match &known {
            Some(state) => {
                let over = state.is_over(now);
                let ours = state.holder == Some(id) && state.run == run && !over;
                (ours, over || state.holder.is_none())
            }
            None => (false, true),
        };
        if is_ours || is_free {
            tx.put_loop_state(&LoopState {
                name: (*name).to_owned(),
                holder: Some(id),
                run,
                until: now.plus(SERVER_TERM),
                fired_at: known.and_then(|state| state.fired_at),
            })?;
            runs.push((*name, !is_ours));
        }
    }
    Ok(runs)
}

fn current<R: Read + ?Sized>(view: &mut R, id: ServerId, run: u64) -> Result<Server> {
    let known = view.server(id)?.filter(|server| server.run == run);
    known.ok_or_else(|| {
        let text = "another process has started with this server's data folder, or a copy of it";
        Refusal::Conflict(text.to_owned()).into()
    })
}

/// A server stops, and leaves its loops to others.
///
/// # Errors
/// Storage only.
pub fn leave(tx: &mut dyn Tx, id: ServerId, run: u64, loops: &[&'static str]) -> Result<()> {
    let Ok(mut server) = current(tx, id, run) else {
        return Ok(());
    };
    server.left = true;
    tx.put_server(&server)?;
    for name in loops {
        if let Some(mut state) = tx.loop_state(name)?
            && state.holder == Some(id)
        {
            state.holder = None;
            tx.put_loop_state(&state)?;
        }
    }
    Ok(())
}

/// Whether a server runs a loop now. Asked in each transaction of the loop.
///
/// # Errors
/// Storage only.
pub fn runs<R: Read + ?Sized>(view: &mut R, name: &str, id: ServerId, run: u64) -> Result<bool> {
    let now = view.now();
    let state = view.loop_state(name)?;
    Ok(
        state
            .is_some_and(|state| state.holder == Some(id) && state.run == run && now < state.until),
    )
}

/// Whether what is done once in every period may be done now: `true` for one caller in each period,
/// whoever asks. Periods begin at multiples of `every` since the epoch; one that was missed is not
/// made up for.
///
/// # Errors
/// Storage only.
pub fn fire(tx: &mut dyn Tx, name: &str, every: Duration) -> Result<bool> {
    let now = tx.now();
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
    let period = Timestamp::from_millis(now.as_millis().div_euclid(every).saturating_mul(every));
    let known = tx.loop_state(name)?;
    // A clock that was set back does not make it wait: it is another period.
    if known
        .as_ref()
        .is_some_and(|state| state.fired_at == Some(period))
    {
        return Ok(false);
    }
    let mut state = known.unwrap_or_else(|| LoopState {
        name: name.to_owned(),
        holder: None,
        run: 0,
        until: now,
        fired_at: None,
    });
    state.fired_at = Some(period);
    tx.put_loop_state(&state)?;
    Ok(true)
}

/// Where the repository of a new project goes: to the server of those that are there that has the
/// fewest, and to `preferred` if it is one of several.
///
/// # Errors
/// [`Refusal::Conflict`] if no server that takes repositories is there.
pub fn place<R: Read + ?Sized>(view: &mut R, preferred: ServerId) -> Result<ServerId> {
    let now = view.now();
    let mut best: Option<(u64, bool, ServerId)> = None;
    for server in view.servers()? {
        if server.is_there(now) && server.roles.has(ServerRole::Git) {
            let rank = (
                view.projects_at(server.id)?,
                server.id != preferred,
                server.id,
            );
            best = Some(best.map_or(rank, |best| best.min(rank)));
        }
    }
    best.map(|(.., id)| id).ok_or_else(|| {
        let text = "no server with the role git is there to take a repository";
        Refusal::Conflict(text.to_owned()).into()
    })
}

/// What a server needs to change a project's repository.
///
/// # Errors
/// [`Refusal::NotHome`] if it is not its home, or the repository is on its way.
pub fn hold(project: &Project, server: ServerId) -> std::result::Result<Held, Refusal> {
    let Home {
        server: home,
        epoch,
        moving_to,
    } = project.home;
    if home != Some(server) || moving_to.is_some() {
        return Err(Refusal::NotHome);
    }
    Ok(Held {
        project: project.id,
        server,
        epoch,
    })
}

/// The fence of a home: what it did in its repository counts only if it is still the home.
///
/// # Errors
/// [`Refusal::NotHome`].
pub fn check<R: Read + ?Sized>(view: &mut R, held: &Held) -> Result<()> {
    let project = load(view, held.project)?;
    let now = hold(&project, held.server)?;
    if now.epoch != held.epoch {
        return Err(Refusal::NotHome.into());
    }
    Ok(())
}

fn load<R: Read + ?Sized>(view: &mut R, id: ProjectId) -> Result<Project> {
    Ok(view.project(id)?.ok_or(Refusal::NotFound("project"))?)
}

/// Gives a project whose home is not known, or is gone for good, to a server that has its
/// repository. The caller knows that it has.
///
/// # Errors
/// Storage only.
pub fn adopt(tx: &mut dyn Tx, id: ProjectId, server: ServerId) -> Result<()> {
    let mut project = load(tx, id)?;
    project.home = Home {
        server: Some(server),
        epoch: project.home.epoch + 1,
        moving_to: None,
    };
    tx.put_project(&project)
}

/// A repository leaves its home: from now on nobody changes it. Returns the epoch of the move. One
/// that was cut off may be begun again, and another one may take its place once the server that it
/// went to is gone.
///
/// # Errors
/// [`Refusal::Conflict`] if it is at that server already, or on its way to yet another.
pub fn begin_move(tx: &mut dyn Tx, id: ProjectId, to: ServerId) -> Result<u64> {
    let mut project = load(tx, id)?;
    if project.home.server == Some(to) {
        let text = "the repository is there already".to_owned();
        return Err(Refusal::Conflict(text).into());
    }
    if let Some(other) = project.home.moving_to.filter(|other| *other != to) {
        let now = tx.now();
        if tx.server(other)?.is_some_and(|server| server.is_there(now)) {
            let text = "the repository is on its way to another server: move it to where it is now, \
                        which calls that off";
            return Err(Refusal::Conflict(text.to_owned()).into());
        }
    }
    project.home.epoch += 1;
    project.home.moving_to = Some(to);
    tx.put_project(&project)?;
    moved(tx, &project, "leaving")?;
    Ok(project.home.epoch)
}

/// The repository has come to its new home. Its trains go on there.
///
/// # Errors
/// [`Refusal::NotHome`] if the move is not the one that was begun.
pub fn finish_move(tx: &mut dyn Tx, id: ProjectId, to: ServerId, epoch: u64) -> Result<Project> {
    let mut project = load(tx, id)?;
    if project.home.moving_to != Some(to) || project.home.epoch != epoch {
        return Err(Refusal::NotHome.into());
    }
    project.home = Home {
        server: Some(to),
        epoch: epoch + 1,
        moving_to: None,
    };
    tx.put_project(&project)?;
    moved(tx, &project, "arrived")?;
    tx.effect(Effect::Train(Target {
        project: id,
        branch: project.default_branch.clone(),
    }));
    tx.effect(Effect::Forge);
    tx.effect(Effect::Attest);
    Ok(project)
}

/// A move does not come about: the repository stays where it was. With an epoch it is that move and
/// no other.
///
/// # Errors
/// Storage only.
pub fn cancel_move(tx: &mut dyn Tx, id: ProjectId, epoch: Option<u64>) -> Result<Project> {
    let mut project = load(tx, id)?;
    let is_meant = epoch.is_none_or(|epoch| epoch == project.home.epoch);
    if project.home.moving_to.is_none() || !is_meant {
        return Ok(project);
    }
    project.home.epoch += 1;
    project.home.moving_to = None;
    tx.put_project(&project)?;
    moved(tx, &project, "stayed")?;
    tx.effect(Effect::Train(Target {
        project: id,
        branch: project.default_branch.clone(),
    }));
    tx.effect(Effect::Forge);
    tx.effect(Effect::Attest);
    Ok(project)
}

fn moved(tx: &mut dyn Tx, project: &Project, what: &str) -> Result<()> {
    let home = project.home;
    tx.append_event(&NewEvent {
        org: project.org,
        kind: EventKind::ProjectMoved,
        project: Some(project.id),
        task: None,
        attempt: None,
        data: json!({ "move": what, "home": home.server, "to": home.moving_to }),
    })?;
    Ok(())
}

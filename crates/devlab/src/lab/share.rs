//! Local agents of several orgs, in slots that they share.
//!
//! A slot has the agent of one org at a time. The lab's [`Pool`] says when it goes to another org; here
//! the one agent is ended and the other one started.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use devlab_core::OrgId;
use devlab_core::label::Labels;
use devlab_orchestrator::{Pool, Switch};
use devlab_runtime::local::LocalRuntime;
use devlab_runtime::{AgentSpec, Runtime, RuntimeError};
use secrecy::SecretString;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::serve::Server;
use super::up::{LOCAL_LABEL, local_agent};
use crate::context::Context;
use crate::settings::AgentOrgs;

/// How often it is looked which orgs there are, how they share, and which have work.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long an agent may take from its start until it asks for work. One that takes longer gives its
/// slot up: its org may have no use for it.
const STARTING_MAX: Duration = Duration::from_secs(60);
/// Pause after something that failed.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How long an agent that has no work may take to end.
const ENDING_MAX: Duration = Duration::from_secs(2);

/// Slots, and the agents in them.
pub(crate) struct Sharing {
    pool: Arc<Pool>,
    only: Option<Vec<String>>,
    names: HashMap<OrgId, String>,
    tokens: HashMap<OrgId, SecretString>,
    /// The agent in each slot.
    running: Vec<Option<String>>,
}

impl Sharing {
    /// Makes the slots, and gives them to the default org, which has them until somebody else wants
    /// some.
    pub(crate) async fn start(
        context: &Context,
        server: &Server,
        runtime: &LocalRuntime,
        orgs: AgentOrgs,
        count: usize,
    ) -> anyhow::Result<Self> {
        let labels = Labels::new([LOCAL_LABEL])?;
        let mut sharing = Self {
            pool: Pool::new(count, runtime.kind(), labels, Arc::clone(&context.clock)),
            only: match orgs {
                AgentOrgs::All => None,
                AgentOrgs::These(names) => Some(names),
            },
            names: HashMap::new(),
            tokens: HashMap::new(),
            running: vec![None; count],
        };
        server.lab.share_slots(&sharing.pool);
        sharing.look(server).await?;
        if sharing.names.contains_key(&server.org) {
            for slot in 0..count {
                sharing.fill(server, runtime, slot, server.org).await?;
            }
        }
        Ok(sharing)
    }

    /// Which orgs there are now, and what they want.
    async fn look(&mut self, server: &Server) -> anyhow::Result<()> {
        let found = server
            .lab
            .look_for_pool(&self.pool, self.only.clone())
            .await?;
        self.names.extend(found);
        Ok(())
    }

    /// Gives slots to whose turn it is, until `stop`.
    pub(crate) async fn run(
        mut self,
        server: &Server,
        runtime: &LocalRuntime,
        stop: &CancellationToken,
    ) {
        let mut changed = self.pool.changed();
        let mut period = tokio::time::interval(LOOK_EVERY);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                _ = period.tick() => self.look(server).await,
                _ = changed.changed() => match self.pool.has_to_look() {
                    true => self.look(server).await,
                    false => Ok(()),
                },
            };
            let done = match looked {
                Ok(()) => self.settle(server, runtime, stop).await,
                error @ Err(_) => error,
            };
            if let Err(error) = done {
                tracing::error!(%error, "local agents could not be brought in line; trying again");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(TRY_AGAIN) => {}
                }
            }
        }
    }

    async fn settle(
        &mut self,
        server: &Server,
        runtime: &LocalRuntime,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        for (slot, org) in self.pool.overdue(STARTING_MAX) {
            let name = self.names.get(&org).map_or("an org", String::as_str);
            tracing::warn!(
                slot,
                org = name,
                "an agent does not come up; its slot goes to others"
            );
            self.clear(runtime, slot).await?;
            self.pool.fails(slot, org);
        }
        let mut done = Ok(());
        for Switch { slot, from, to } in self.pool.switches() {
            let name = |org: &OrgId| self.names.get(org).cloned().unwrap_or_default();
            let from = from.as_ref().map(name);
            tracing::info!(slot, from, to = name(&to), "a slot goes to another org");
            let filled = match self.clear(runtime, slot).await {
                // Everything ends: nobody is started any more.
                Ok(()) if stop.is_cancelled() => return Ok(()),
                Ok(()) => self.fill(server, runtime, slot, to).await,
                error @ Err(_) => error,
            };
            if filled.is_err() {
                self.pool.fails(slot, to);
                done = filled;
            }
        }
        done
    }

    /// Ends what runs in a slot.
    async fn clear(&mut self, runtime: &LocalRuntime, slot: usize) -> anyhow::Result<()> {
        let Some(name) = self.running.get_mut(slot).and_then(Option::take) else {
            return Ok(());
        };
        match runtime.stop(&name, ENDING_MAX).await {
            Ok(()) | Err(RuntimeError::Unknown(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Starts an agent of an org in a slot.
    async fn fill(
        &mut self,
        server: &Server,
        runtime: &LocalRuntime,
        slot: usize,
        org: OrgId,
    ) -> anyhow::Result<()> {
        let token = match self.tokens.get(&org) {
            Some(token) => token.clone(),
            None => {
                let token = server.agent_token(org).await?;
                self.tokens.insert(org, token.clone());
                token
            }
        };
        // The default org's agents have the names and folders that they have where it is alone.
        let (name, cache) = match self.names.get(&org) {
            Some(of) if org != server.org => {
                let name = format!("{of}-{}", local_agent(slot + 1));
                (name, server.home.cache_of(of))
            }
            Some(_) | None => (local_agent(slot + 1), server.home.cache()),
        };
        self.pool.starts(slot, org, name.clone());
        if let Some(running) = self.running.get_mut(slot) {
            *running = Some(name.clone());
        }
        let spec = AgentSpec {
            home: server.home.agent(&name),
            cache: Some(cache),
            name,
            labels: vec![LOCAL_LABEL.to_owned()],
            capacity: 1,
            url: server.url.clone(),
            token,
            env: std::collections::BTreeMap::new(),
        };
        Ok(runtime.start(spec).await?)
    }
}

//! An agent's life.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use devlab_api::agent::{Agent, Claimed, RegisterAgent};
use devlab_api::client::{Client, ClientError, Timeouts};
use devlab_core::AttemptId;
use devlab_forge::{Git, GitBinary};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::AgentError;
use super::attempt::{Ended, attend};
use super::claims::{Claims, Given};
use super::config::AgentConfig;
use super::pause::Pause;
use super::points;
use super::repos::Repos;
use super::shared::{Shared, blocking, words};
use super::signal::Cause;
use super::{control, shared};
use crate::driver::CommandDriver;
use crate::faults::reach;
use crate::journal::{self, Journal, Step};
use crate::strays::become_subreaper;
use crate::workspace::{Home, InUse};

/// How long the outcomes of drained attempts may take to reach the server.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long drivers may take to end at the end: a cancel takes less than two seconds.
const LAST_DRIVERS: Duration = Duration::from_secs(5);
/// Pause before new work after an attempt that this agent could not do its part of.
const AFTER_TROUBLE: Duration = Duration::from_secs(2);

type Asking = Pin<Box<dyn Future<Output = (Claims, Result<Given, ClientError>)> + Send>>;

/// Works until `stop` (no new work, running attempts get [`AgentConfig::drain`]) or `hard_stop`
/// (everything ends at once, journals stay). When this returns, no process of a driver is left.
///
/// # Errors
/// See [`AgentError`]. A server that is away is waited for.
pub async fn run(
    config: AgentConfig,
    stop: CancellationToken,
    hard_stop: CancellationToken,
) -> Result<(), AgentError> {
    if config.capacity == 0 {
        return Err(AgentError::Config(
            "an agent needs a capacity of at least 1".to_owned(),
        ));
    }
    let home = Arc::new(match &config.cache {
        Some(cache) => Home::open_with(&config.home, cache)?,
        None => Home::open(&config.home)?,
    });
    become_subreaper().map_err(|source| AgentError::Io {
        what: "become a subreaper",
        source,
    })?;
    let git = Git::new(GitBinary::from_path(config.path_env.clone()));
    git.version().await?;
    let client = Client::new(&config.url, Some(config.token.clone()), Timeouts::default())
        .map_err(|source| refused("its address", source))?;
    let registered = tokio::select! {
        registered = register(&client, &config) => registered?,
        () = stop.cancelled() => return Ok(()),
        () = hard_stop.cancelled() => return Ok(()),
    };
    tracing::info!(agent = %registered.id, name = registered.name, "registered");
    let shared = Arc::new(Shared {
        driver: CommandDriver {
            program: config.supervisor.clone(),
            base_env: base_env(&config),
            clock: Arc::clone(&config.clock),
        },
        client,
        agent: registered.id,
        home,
        git,
        repos: Repos::default(),
        held: watch::Sender::default(),
        background: TaskTracker::new(),
        halt: CancellationToken::new(),
        config,
    });
    Life::new(shared).live(stop, hard_stop).await
}

fn base_env(config: &AgentConfig) -> BTreeMap<String, String> {
    let path = config.path_env.to_string_lossy().into_owned();
    BTreeMap::from([
        ("PATH".to_owned(), path),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ])
}

fn refused(what: &'static str, source: ClientError) -> AgentError {
    AgentError::Refused {
        what,
        source: Box::new(source),
    }
}

async fn register(client: &Client, config: &AgentConfig) -> Result<Agent, AgentError> {
    let agent = RegisterAgent {
        org: None,
        name: config.name.clone(),
        labels: config.all_labels(),
        capacity: config.capacity,
        runtime: config.runtime.clone(),
    };
    let (mut pause, mut said) = (Pause::default(), false);
    loop {
        match client.register_agent(&agent).await {
            Ok(agent) => return Ok(agent),
            Err(error) if error.is_retryable() => {
                if !said {
                    tracing::warn!(error = words(&error), "waiting for the server");
                    said = true;
                }
                pause.wait(error.retry_after()).await;
            }
            Err(error) => return Err(refused("to register", error)),
        }
    }
}

struct Life {
    shared: Arc<Shared>,
    running: JoinSet<Ended>,
    draining: watch::Sender<bool>,
    /// No new work before this time, after trouble.
    not_before: tokio::time::Instant,
}

impl Life {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            running: JoinSet::new(),
            draining: watch::Sender::new(false),
            not_before: tokio::time::Instant::now(),
        }
    }

    async fn live(
        mut self,
        stop: CancellationToken,
        hard_stop: CancellationToken,
    ) -> Result<(), AgentError> {
        let mut helpers = JoinSet::new();
        helpers.spawn(control::listen(
            Arc::clone(&self.shared),
            self.draining.clone(),
        ));
        helpers.spawn(collect(Arc::clone(&self.shared)));
        let worked = match self.resume().await {
            Ok(()) => self.work(&stop, &hard_stop).await,
            Err(error) => Err(error),
        };
        self.drain(&hard_stop).await;
        self.halt().await;
        // They hold the home: whoever starts next finds it free when this returns.
        helpers.shutdown().await;
        self.shared.background.close();
        self.shared.background.wait().await;
        worked
    }

    /// Goes on with what the journals hold.
    async fn resume(&mut self) -> Result<(), AgentError> {
        let (home, faults) = (
            Arc::clone(&self.shared.home),
            Arc::clone(&self.shared.config.faults),
        );
        let found = blocking(move || journal::scan(&home, &faults)).await;
        let found = found.map_err(|source| AgentError::Io {
            what: "read the journals",
            source,
        })?;
        for journal in found {
            let attempt = journal.facts().attempt;
            let in_use = match self.shared.home.enter(attempt) {
                Ok((_, in_use)) => in_use,
                Err(error) => {
                    tracing::error!(%attempt, %error, "cannot go on with an attempt; it is left");
                    continue;
                }
            };
            if journal.facts().step == Step::Acked {
                if !self.shared.config.keep_workspaces {
                    self.shared.discard(attempt, in_use);
                }
                continue;
            }
            match serde_json::from_value::<Claimed>(journal.facts().claim.clone()) {
                Ok(claim) => self.attend(claim, journal, in_use, false),
                Err(error) => {
                    tracing::error!(%attempt, %error, "cannot read the claim of an attempt; it is left");
                }
            }
        }
        Ok(())
    }

    fn attend(&mut self, claim: Claimed, journal: Journal, in_use: InUse, ours: bool) {
        let shared = Arc::clone(&self.shared);
        self.running
            .spawn(attend(shared, claim, journal, in_use, ours));
    }

    /// Asks for work and does it, until the first signal or a refusal.
    async fn work(
        &mut self,
        stop: &CancellationToken,
        hard_stop: &CancellationToken,
    ) -> Result<(), AgentError> {
        let capacity = usize::try_from(self.shared.config.capacity).unwrap_or(usize::MAX);
        let mut drain = self.draining.subscribe();
        let mut claims = Some(Claims::new(Arc::clone(&self.shared)));
        let mut asking: Option<Asking> = None;
        loop {
            let may_ask = self.running.len() < capacity && !*drain.borrow_and_update();
            if may_ask && asking.is_none() {
                let not_before = self.not_before;
                asking = claims.take().map(|claims| -> Asking {
                    Box::pin(async move {
                        tokio::time::sleep_until(not_before).await;
                        claims.next().await
                    })
                });
            }
            tokio::select! {
                biased;
                () = hard_stop.cancelled() => return Ok(()),
                () = stop.cancelled() => return Ok(()),
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => {
                    self.ended(ended);
                }
                (back, answer) = answer_of(&mut asking) => {
                    asking = None;
                    let given = answer.map_err(|error| refused("new work", error))?;
                    self.begin(given, &back).await;
                    claims = Some(back);
                }
                _ = drain.changed() => {}
            }
        }
    }

    fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        match ended {
            Ok(Ended::Over) => {}
            Ok(Ended::Troubled | Ended::Left) => {
                self.not_before = tokio::time::Instant::now() + AFTER_TROUBLE;
            }
            Err(error) => {
                tracing::error!(%error, "attending to an attempt failed");
                self.not_before = tokio::time::Instant::now() + AFTER_TROUBLE;
            }
        }
    }

    /// Writes new work down, and begins it.
    async fn begin(&mut self, given: Given, claims: &Claims) {
        let attempt = given.claim.attempt;
        if self.shared.held.borrow().contains_key(&attempt) || self.is_known(attempt) {
            // Asked again after a restart, and found in the journal as well.
            claims.answered();
            return;
        }
        let began = self.write_down(&given.claim).await;
        match began {
            Ok((journal, in_use)) => {
                claims.answered();
                tracing::info!(%attempt, task = %given.claim.task, "begins");
                self.attend(given.claim, journal, in_use, !given.is_old);
            }
            Err(error) => {
                tracing::error!(%attempt, error = words(&*error), "cannot begin an attempt");
                self.not_before = tokio::time::Instant::now() + AFTER_TROUBLE;
                shared::give_back(&self.shared, &given.claim, words(&*error)).await;
                claims.answered();
            }
        }
    }

    fn is_known(&self, attempt: AttemptId) -> bool {
        self.shared.home.attempt(attempt).journal().exists()
    }

    async fn write_down(
        &self,
        claim: &Claimed,
    ) -> Result<(Journal, InUse), Box<dyn std::error::Error + Send + Sync>> {
        reach(&self.shared.config.faults, points::AFTER_CLAIM).await?;
        let (shared, attempt) = (Arc::clone(&self.shared), claim.attempt);
        let value = serde_json::to_value(claim)?;
        let begin = move || {
            let (paths, in_use) = shared.home.enter(attempt)?;
            let faults = Arc::clone(&shared.config.faults);
            let journal = Journal::start(paths.journal(), attempt, value, faults)?;
            Ok((journal, in_use))
        };
        tokio::task::spawn_blocking(begin).await?
    }

    /// Lets running attempts finish, then gives them back.
    async fn drain(&mut self, hard_stop: &CancellationToken) {
        let drain = self.shared.config.drain;
        if self.finish_within(drain, hard_stop).await || hard_stop.is_cancelled() {
            return;
        }
        tracing::info!(
            attempts = self.running.len(),
            "giving back what is not finished"
        );
        self.shared.raise_all(Cause::Drained);
        self.finish_within(LAST_WORDS + LAST_DRIVERS, hard_stop)
            .await;
    }

    /// Whether everything has ended; stops waiting at the second signal.
    async fn finish_within(&mut self, longest: Duration, hard_stop: &CancellationToken) -> bool {
        let all = async {
            while let Some(ended) = self.running.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "attending to an attempt failed");
                }
            }
        };
        tokio::select! {
            biased;
            () = hard_stop.cancelled() => false,
            ended = tokio::time::timeout(longest, all) => ended.is_ok(),
        }
    }

    /// Ends everything; journals stay.
    async fn halt(&mut self) {
        self.shared.halt.cancel();
        self.shared.raise_all(Cause::Halted);
        let never = CancellationToken::new();
        if !self.finish_within(LAST_DRIVERS, &never).await {
            tracing::error!(attempts = self.running.len(), "ending attempts by force");
            self.running.shutdown().await;
        }
    }
}

/// The answer, if a question was asked; otherwise nothing, ever.
async fn answer_of(asking: &mut Option<Asking>) -> (Claims, Result<Given, ClientError>) {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// Collects old workspaces and copies every now and then.
async fn collect(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(shared.config.collect_every).await;
        let at = Arc::clone(&shared);
        let collected = blocking(move || {
            let now = at.config.clock.now();
            at.home.collect(at.config.limits, now)
        });
        match collected.await {
            Ok(done) => tracing::debug!(?done, "collected workspaces"),
            Err(error) => tracing::warn!(%error, "cannot collect workspaces"),
        }
    }
}

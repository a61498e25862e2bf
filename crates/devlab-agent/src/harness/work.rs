//! One attempt under way: its journal, its log, and what may stop it.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devlab_api::agent::{Claimed, DriverFailure};
use devlab_core::attempt::Phase;
use devlab_core::limits::LOG_TAIL_BYTES_MAX;
use devlab_core::{Oid, RefName};
use devlab_forge::Error as GitError;
use devlab_forge::transfer::{Credential, Remote};
use tokio::sync::watch;

use super::beat::Beat;
use super::pause::Pause;
use super::repos::Repo;
use super::shared::{Shared, blocking, join_url, words};
use super::signal::{Cause, Signal};
use crate::driver::{DriverCommand, DriverSpec};
use crate::faults::reach;
use crate::journal::{Entry, Facts, Journal, JournalError, Step};
use crate::log::LogFile;
use crate::process::ProcessRef;
use crate::supervise::{DriverEnd, DriverOutcome};
use crate::workspace::AttemptPaths;

/// User name of an attempt's git token.
const GIT_USER: &str = "attempt";
/// How often a git server that answers heartbeats may fail to answer git.
const REMOTE_TRIES: u32 = 20;
/// How often a step is written down again on a full disk, and how long between two tries.
const JOURNAL_TRIES: u32 = 5;
const JOURNAL_PAUSE: Duration = Duration::from_millis(500);

/// Why an attempt does not go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// It has to end.
    Raised(Cause),
    /// The agent cannot do its part.
    Trouble(String),
    /// The driver, or what it left, is to blame.
    Failed(DriverFailure),
}

impl From<GitError> for Stop {
    fn from(error: GitError) -> Self {
        match error {
            GitError::NestedRepository { .. }
            | GitError::TooLarge { .. }
            | GitError::PushRejected { .. } => Self::Failed(DriverFailure {
                reason: words(&error),
                log_tail: String::new(),
                not_started: false,
            }),
            other => Self::Trouble(words(&other)),
        }
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::Trouble(words(&error))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Trouble(words(&error))
    }
}

/// An attempt under way.
pub(super) struct Work {
    pub(super) shared: Arc<Shared>,
    pub(super) claim: Claimed,
    pub(super) paths: AttemptPaths,
    pub(super) log: Arc<LogFile>,
    pub(super) signal: Arc<Signal>,
    pub(super) phase: watch::Sender<Phase>,
    /// Paths that the work has changed, once that is known.
    pub(super) touched: watch::Sender<Option<Vec<String>>>,
    pub(super) contacts: Arc<AtomicU64>,
    journal: Arc<Mutex<Journal>>,
    repo: Option<Arc<Repo>>,
    /// Where the driver's output begins in the log, if it ran in this process.
    pub(super) driver_from: u64,
    /// Tree of the result, if it was made in this process.
    pub(super) tree: Option<Oid>,
}

impl Work {
    pub(super) fn new(shared: &Arc<Shared>, claim: Claimed, journal: Journal) -> io::Result<Self> {
        let paths = shared.home.attempt(claim.attempt);
        Ok(Self {
            shared: Arc::clone(shared),
            log: Arc::new(LogFile::open(&paths.log())?),
            paths,
            signal: Arc::default(),
            phase: watch::Sender::new(Phase::Preparing),
            touched: watch::Sender::new(None),
            contacts: Arc::default(),
            journal: Arc::new(Mutex::new(journal)),
            repo: None,
            driver_from: 0,
            tree: None,
            claim,
        })
    }

    pub(super) fn beat(&self) -> Beat {
        Beat {
            client: self.shared.client.clone(),
            claim: self.claim.clone(),
            signal: Arc::clone(&self.signal),
            contacts: Arc::clone(&self.contacts),
        }
    }

    /// Looks at the journal.
    pub(super) fn facts<T>(&self, look: impl FnOnce(&Facts) -> T) -> T {
        look(
            self.journal
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .facts(),
        )
    }

    pub(super) fn step(&self) -> Step {
        self.facts(|facts| facts.step)
    }

    /// Writes a step down; a disk that is full for a moment is waited for.
    pub(super) async fn record(&self, entry: Entry) -> Result<(), Stop> {
        let mut tries = 0;
        loop {
            let (journal, entry) = (Arc::clone(&self.journal), entry.clone());
            let written = tokio::task::spawn_blocking(move || {
                let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
                journal.record(entry)
            });
            tries += 1;
            match written.await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error @ JournalError::Write { .. })) if tries < JOURNAL_TRIES => {
                    tracing::warn!(attempt = %self.claim.attempt, error = words(&error), "trying again");
                    self.unless_stopped(tokio::time::sleep(JOURNAL_PAUSE))
                        .await?;
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(join) => return Err(Stop::Trouble(join.to_string())),
            }
        }
    }

    /// A point at which a test breaks the agent.
    pub(super) async fn reach(&self, point: &'static str) -> Result<(), Stop> {
        Ok(reach(&self.shared.config.faults, point).await?)
    }

    /// A line of the harness in the attempt's log.
    pub(super) fn say(&self, text: &str) {
        if let Err(error) = self.log.append(format!("devlab: {text}\n").as_bytes()) {
            tracing::warn!(attempt = %self.claim.attempt, %error, text, "cannot write to the log");
        }
    }

    /// The end of the log from `from` on, as text.
    pub(super) fn tail_from(&self, from: u64) -> String {
        let from = from.max(self.log.length().saturating_sub(LOG_TAIL_BYTES_MAX as u64));
        self.text(from, LOG_TAIL_BYTES_MAX)
    }

    /// A part of the log as text of at most [`LOG_TAIL_BYTES_MAX`] bytes.
    pub(super) fn text(&self, from: u64, bytes_max: usize) -> String {
        let bytes = self.log.read(from, bytes_max).unwrap_or_default();
        last_bytes(&String::from_utf8_lossy(&bytes), LOG_TAIL_BYTES_MAX)
    }

    /// Does something unless the attempt is stopped first.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            cause = self.signal.raised() => Err(Stop::Raised(cause)),
            done = work => Ok(done),
        }
    }

    /// File work off the async threads.
    pub(super) async fn files<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, Stop> {
        Ok(blocking(work).await?)
    }

    /// The agent's copy of the project.
    pub(super) async fn repo(&mut self) -> Result<Arc<Repo>, Stop> {
        if let Some(repo) = &self.repo {
            return Ok(Arc::clone(repo));
        }
        let repository = self
            .claim
            .repository
            .as_ref()
            .ok_or_else(|| Stop::Trouble("this attempt has no repository".to_owned()))?;
        let shared = &self.shared;
        let repo = shared
            .repos
            .open(&shared.home, &shared.git, repository.project)
            .await?;
        self.repo = Some(Arc::clone(&repo));
        Ok(repo)
    }

    /// The copy, once [`Work::repo`] has opened it.
    pub(super) fn cache(&self) -> Result<&devlab_forge::worktree::Cache, Stop> {
        match &self.repo {
            Some(repo) => Ok(&repo.cache),
            None => Err(Stop::Trouble("the project's copy is not open".to_owned())),
        }
    }

    /// The project on the server, with the attempt's token.
    pub(super) fn remote(&self) -> Result<Remote, Stop> {
        let repository = self
            .claim
            .repository
            .as_ref()
            .ok_or_else(|| Stop::Trouble("this attempt has no repository".to_owned()))?;
        let url = join_url(&self.shared.config.url, &repository.git_path);
        let credential = Credential::basic(GIT_USER, &repository.git_token);
        Ok(Remote::new(&url, Some(credential))?)
    }

    /// Repeats a call to the git server while it cannot be reached. Tries count only while the
    /// server answers heartbeats: a network that is gone is waited for.
    pub(super) async fn remotely<F, Fut>(&self, call: F) -> Result<(), Stop>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(), GitError>>,
    {
        let (mut pause, mut tries) = (Pause::default(), 0);
        let mut contacts = self.contacts.load(Ordering::Relaxed);
        loop {
            let error = match self.unless_stopped(call()).await? {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !error.is_transient() {
                // A token ends with its attempt; that is no trouble of the agent's.
                if matches!(error, GitError::Denied { .. } | GitError::Missing { .. }) {
                    self.still_ours().await?;
                }
                return Err(error.into());
            }
            let now = self.contacts.load(Ordering::Relaxed);
            tries += u32::from(now != contacts);
            contacts = now;
            if tries >= REMOTE_TRIES {
                return Err(error.into());
            }
            tracing::info!(attempt = %self.claim.attempt, error = words(&error), "trying again");
            self.unless_stopped(pause.wait(None)).await?;
        }
    }

    /// Asks the server whether this attempt may still write, until it answers.
    pub(super) async fn still_ours(&self) -> Result<(), Stop> {
        let beat = self.beat();
        let mut pause = Pause::default();
        loop {
            let phase = *self.phase.borrow();
            match self.unless_stopped(beat.once(phase, None)).await? {
                Ok(()) => return Ok(()),
                Err(error) if error.is_retryable() => {
                    self.unless_stopped(pause.wait(error.retry_after())).await?;
                }
                // Beating has raised the signal if the attempt is over.
                Err(error) => match self.signal.cause() {
                    Some(cause) => return Err(Stop::Raised(cause)),
                    None => return Err(Stop::Trouble(words(&error))),
                },
            }
        }
    }

    /// Runs a command under a supervisor that is in the journal before anything starts.
    pub(super) async fn supervise(
        &self,
        spec: &DriverSpec,
        entry: fn(ProcessRef) -> Entry,
        point: &'static str,
    ) -> Result<DriverOutcome, Stop> {
        let driver = &self.shared.driver;
        let ready = driver.prepare(spec, &self.log)?;
        self.record(entry(ready.supervisor())).await?;
        let (outcome, reached) = tokio::join!(
            driver.run(ready, spec, &self.log, self.signal.token()),
            self.reach(point)
        );
        reached?;
        if outcome.survivors > 0 {
            let problem = format!(
                "{} processes of {} do not end",
                outcome.survivors, spec.name
            );
            return Err(Stop::Trouble(problem));
        }
        match &outcome.end {
            DriverEnd::Cancelled => Err(Stop::Raised(self.signal.cause().unwrap_or(Cause::Halted))),
            DriverEnd::Failed { problem } => Err(Stop::Trouble(problem.clone())),
            DriverEnd::Exited { .. }
            | DriverEnd::Signaled { .. }
            | DriverEnd::TimedOut
            | DriverEnd::OutputLimit => Ok(outcome),
        }
    }

    /// A run of `sh` in a folder, with a home of its own that is new.
    pub(super) async fn run_spec(
        &self,
        name: &str,
        command: DriverCommand,
        cwd: std::path::PathBuf,
        home: &str,
    ) -> Result<DriverSpec, Stop> {
        let (home, tmp) = self.paths.private(home);
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let vars = [
            ("HOME".to_owned(), text(&home)),
            ("TMPDIR".to_owned(), text(&tmp)),
        ];
        self.files(move || {
            std::fs::create_dir_all(&home)?;
            std::fs::create_dir_all(&tmp)
        })
        .await?;
        Ok(DriverSpec {
            command,
            vars: vars.into(),
            cwd,
            scratch: self.paths.run(),
            name: name.to_owned(),
            mark: self.claim.attempt.to_string(),
            time_limit: Duration::from_secs(devlab_core::limits::TIMEOUT_SECS_DEFAULT.into()),
            output_limit_bytes: devlab_core::limits::OUTPUT_BYTES_DEFAULT,
        })
    }
}

/// How a run ended, in words.
pub(super) fn end_in_words(outcome: &DriverOutcome, spec_secs: u32) -> String {
    match &outcome.end {
        DriverEnd::Exited { code } => format!("exit code {code}"),
        DriverEnd::Signaled { signal } => format!("ended by signal {signal}"),
        DriverEnd::TimedOut => format!("time limit of {spec_secs} s"),
        DriverEnd::OutputLimit => format!("more than {} bytes of output", outcome.output_bytes),
        DriverEnd::Cancelled => "stopped on request".to_owned(),
        DriverEnd::Failed { problem } => problem.clone(),
    }
}

/// The exit code that a receipt has.
pub(super) fn exit_code(outcome: &DriverOutcome) -> i32 {
    match &outcome.end {
        DriverEnd::Exited { code } => *code,
        DriverEnd::Signaled { signal } => signal.saturating_add(128),
        DriverEnd::TimedOut
        | DriverEnd::OutputLimit
        | DriverEnd::Cancelled
        | DriverEnd::Failed { .. } => outcome.exit_code().into(),
    }
}

/// A command line of a project's, as people write it.
pub(super) fn shell(text: &str) -> Vec<String> {
    ["sh", "-c", text].map(str::to_owned).into()
}

/// The end of a text, in whole characters.
pub(super) fn last_bytes(text: &str, bytes_max: usize) -> String {
    let mut from = text.len().saturating_sub(bytes_max);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default().to_owned()
}

/// An object id that the server named.
pub(super) fn oid(text: &str) -> Result<Oid, Stop> {
    text.parse()
        .map_err(|_| Stop::Trouble(format!("the server named {text:?}, which is no commit")))
}

/// A ref that the server named.
pub(super) fn ref_name(text: &str) -> Result<RefName, Stop> {
    text.parse()
        .map_err(|_| Stop::Trouble(format!("the server named {text:?}, which is no ref")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_text_has_whole_characters() {
        assert_eq!(last_bytes("aäö", 3), "ö");
        assert_eq!(last_bytes("aäö", 4), "äö");
        assert_eq!(last_bytes("abc", 10), "abc");
    }
}

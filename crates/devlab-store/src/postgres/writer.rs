//! The thread that writes.
//!
//! All writers of a lab come one after the other: a batch begins by taking the turn (a row lock),
//! and its commit gives it back. Inside its turn a batch sees everything that was committed before,
//! and nobody else changes anything, so its units are as if they ran alone.
//!
//! A batch whose commit was not answered, because the connection was cut, may or may not have
//! happened. The writer asks the database for the number of its last batch before it does anything
//! else, so it is never done twice.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use devlab_core::error::StorageErrorKind;
use devlab_core::tx::Effect;
use devlab_core::{Clock, Error, Result, StorageError, Timestamp};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::conn::{Numbers, PgConn, Wait};
use super::connect::Target;
use super::errors::{no_answer, storage_error};
use super::fetch::fetch;
use super::flush::flush;
use super::overlay::{Overlay, Stop};
use super::session::OverlaySession;
use super::wake::Told;
use crate::faults::{FaultHook, FaultPoint};
use crate::guarded;
use crate::jobs::Jobs;
use crate::sql::Session;
use crate::sql::codec::int;
use crate::{RandomSource, WriteUnit};

/// How often the units of a batch are begun again, each time knowing more, before those that still
/// ask for more run on the connection.
const ROUNDS_MAX: u32 = 12;
/// First pause before the database is tried again; doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(20);
/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Each statement sees what was committed before it, so before the turn was got as well.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const TURN: &str = "SELECT tasks, events FROM turn WHERE one FOR UPDATE";
/// Asked after the turn was got: before that it may have been waited for.
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8";
const LAST_BATCH: &str = "SELECT batch FROM writers WHERE id = $1";
const END_TURN: &str = "UPDATE turn SET tasks = $1, events = $2 WHERE one";
const NOTE_BATCH: &str = "INSERT INTO writers (id, batch, at) VALUES ($1, $2, now()) \
    ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, at = excluded.at \
    WHERE writers.batch < excluded.batch";

/// A unit of work and who waits for it.
pub(super) struct UnitJob {
    pub(super) unit: WriteUnit,
    pub(super) answer: oneshot::Sender<Result<()>>,
}

/// What a batch came to: for each unit its outcome, and what is to be done after the commit.
struct Done {
    outcomes: Vec<Result<()>>,
    effects: Vec<Effect>,
}

/// Why a batch did not happen.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The database went away: the batch is tried again.
    Lost(StorageError),
    /// Something of the batch cannot be written: its units are run one by one.
    Failed(StorageError),
}

/// The thread that writes.
pub(super) struct Writer {
    pub(super) id: Uuid,
    pub(super) target: Target,
    pub(super) jobs: Arc<Jobs<UnitJob>>,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) random: RandomSource,
    pub(super) told: Told,
    pub(super) batch_max: usize,
    /// How long a batch goes on with units that run on the connection.
    pub(super) batch_time: Duration,
    /// Units for which a batch had no time, for the next one.
    pub(super) left: VecDeque<UnitJob>,
    pub(super) patience: Duration,
    pub(super) faults: Option<FaultHook>,
    pub(super) client: Option<ClientWrapper>,
    pub(super) batch: u64,
    /// Since when the database has been away. All that waits has this much patience together.
    pub(super) away_since: Option<Instant>,
    pub(super) overlay: Overlay,
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self, runtime: &Runtime) {
        let mut waiting = VecDeque::new();
        while !waiting.is_empty() || self.jobs.wait(&mut waiting, self.batch_max) {
            let most = waiting.len().min(self.batch_max);
            let units: Vec<UnitJob> = waiting.drain(..most).collect();
            self.jobs.hold(waiting.len());
            self.commit(runtime, units);
            // They have waited longer than any other.
            self.left.append(&mut waiting);
            std::mem::swap(&mut self.left, &mut waiting);
            self.jobs.hold(waiting.len());
        }
        self.client = None;
    }

    /// Runs a batch until it is committed, or the database has been away for too long.
    fn commit(&mut self, runtime: &Runtime, mut units: Vec<UnitJob>) {
        let (mut pause, mut one_by_one) = (PAUSE_FIRST, false);
        // What the batch came to if its commit happened although nobody said so.
        let mut unknown: Option<Done> = None;
        self.batch += 1;
        let done = loop {
            match self.try_batch(runtime, &mut units, one_by_one, &mut unknown) {
                Ok(done) => break Ok(done),
                Err(Trouble::Failed(error)) if one_by_one => break Err(error),
                Err(Trouble::Failed(error)) => {
                    tracing::warn!(%error, units = units.len(), "a batch cannot be done together: its units are run one by one");
                    one_by_one = true;
                }
                Err(Trouble::Lost(error)) => {
                    self.client = None;
                    // The runtime closes the connection only when it runs, and a turn goes with it.
                    runtime.block_on(tokio::task::yield_now());
                    let away_since = *self.away_since.get_or_insert_with(Instant::now);
                    if away_since.elapsed() + pause > self.patience {
                        break Err(error);
                    }
                    tracing::warn!(%error, units = units.len(), "the database is away; trying again");
                    runtime.block_on(async { tokio::time::sleep(pause).await });
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        };
        match done {
            Ok(done) => {
                self.away_since = None;
                self.jobs.tally.committed(units.len());
                self.told.commit(done.effects);
                for (job, outcome) in units.into_iter().zip(done.outcomes) {
                    // Whoever asked may have gone; what was written stays.
                    drop(job.answer.send(outcome));
                }
            }
            Err(error) => {
                tracing::error!(%error, units = units.len(), "a batch could not be committed");
                for job in units {
                    drop(job.answer.send(Err(Error::Storage(error.clone()))));
                }
            }
        }
    }

    fn try_batch(
        &mut self,
        runtime: &Runtime,
        units: &mut Vec<UnitJob>,
        one_by_one: bool,
        unknown: &mut Option<Done>,
    ) -> std::result::Result<Done, Trouble> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            Some(_) | None => runtime
                .block_on(self.target.writer())
                .map_err(Trouble::Lost)?,
        };
        match self.in_turn(runtime, &client, units, one_by_one, unknown) {
            Ok((done, is_usable)) => {
                self.client = is_usable.then_some(client);
                Ok(done)
            }
            Err(Trouble::Failed(error)) => {
                if wait(runtime, &self.target, simple(&client, "ROLLBACK")).is_ok() {
                    self.client = Some(client);
                }
                Err(Trouble::Failed(error))
            }
            Err(lost) => Err(lost),
        }
    }

    /// Does the batch in its turn. Also says whether the connection can be used again.
    fn in_turn(
        &mut self,
        runtime: &Runtime,
        client: &ClientWrapper,
        units: &mut Vec<UnitJob>,
        one_by_one: bool,
        unknown: &mut Option<Done>,
    ) -> std::result::Result<(Done, bool), Trouble> {
        let turn = self.jobs.tally.waits();
        let (numbers, now) = wait(runtime, &self.target, self.begin(client))?;
        drop(turn);
        if unknown.is_some() {
            // A statement of its own: it sees what was committed before the turn was got. Until it
            // is answered the batch stays in question.
            let last = wait(runtime, &self.target, last_batch(client, self.id))?;
            if last == Some(self.batch)
                && let Some(done) = unknown.take()
            {
                // A connection that does not give the turn back is not used again.
                let ended = wait(runtime, &self.target, simple(client, "ROLLBACK"));
                return Ok((done, ended.is_ok()));
            }
            *unknown = None;
        }
        if !one_by_one {
            self.let_in(units);
        }
        let mut run = Run {
            outcomes: units.iter().map(|_| None).collect(),
            effects: units.iter().map(|_| Vec::new()).collect(),
        };
        self.overlay = Overlay::default();
        if !one_by_one {
            self.run_together(runtime, client, units, &numbers, now, &mut run)?;
            wait(runtime, &self.target, flush(client, &self.overlay, now))?;
        }
        self.run_directly(runtime, client, units, &numbers, now, &mut run)?;
        self.fault(FaultPoint::BeforeCommit)?;
        self.left.extend(run.leave(units));
        *unknown = Some(run.done());
        wait(runtime, &self.target, self.end(client, &numbers))?;
        self.fault(FaultPoint::AfterCommit)?;
        let done = unknown.take().ok_or_else(|| {
            Trouble::Failed(StorageError::new(
                StorageErrorKind::Other,
                "a batch has no outcome",
            ))
        });
        Ok((done?, true))
    }

    /// Takes in what came while others had their turn: with several servers that is as much as there
    /// was at first, and each turn costs a commit.
    fn let_in(&self, units: &mut Vec<UnitJob>) {
        let mut late = VecDeque::new();
        self.jobs
            .take(&mut late, self.batch_max.saturating_sub(units.len()));
        units.extend(late);
    }

    /// Takes the turn.
    async fn begin(
        &self,
        client: &ClientWrapper,
    ) -> std::result::Result<(Numbers, Timestamp), Trouble> {
        let lost = |error: tokio_postgres::Error| Trouble::Lost(storage_error(&error));
        let turn = client.prepare_cached(TURN).await.map_err(lost)?;
        let clock = client.prepare_cached(CLOCK).await.map_err(lost)?;
        let (begun, turn, clock) = futures::future::join3(
            client.batch_execute(BEGIN),
            client.query_one(&turn, &[]),
            client.query_one(&clock, &[]),
        )
        .await;
        begun.map_err(lost)?;
        let (turn, clock) = (turn.map_err(lost)?, clock.map_err(lost)?);
        let number = |at: usize| u64::try_from(turn.get::<_, i64>(at)).unwrap_or(0);
        let numbers = Numbers::default();
        numbers.tasks.set(number(0));
        numbers.events.set(number(1));
        let now = match &self.clock {
            Some(clock) => clock.now(),
            None => Timestamp::from_millis(clock.get(0)),
        };
        Ok((numbers, now))
    }

    /// Gives the turn back, with everything that was written.
    async fn end(
        &self,
        client: &ClientWrapper,
        numbers: &Numbers,
    ) -> std::result::Result<(), Trouble> {
        let work = async {
            let end = client.prepare_cached(END_TURN).await?;
            let note = client.prepare_cached(NOTE_BATCH).await?;
            let (tasks, events) = (int(numbers.tasks.get()), int(numbers.events.get()));
            let batch = int(self.batch);
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&tasks, &events];
            let noted: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&self.id, &batch];
            let (ended, noted, committed) = futures::future::join3(
                client.execute(&end, &params),
                client.execute(&note, &noted),
                client.batch_execute("COMMIT"),
            )
            .await;
            // In this order: the commit of a failed transaction succeeds, as a rollback.
            ended?;
            let noted = noted?;
            committed.map(|()| noted)
        };
        match work.await {
            Ok(1) => Ok(()),
            Ok(_) => Err(Trouble::Lost(StorageError::new(
                StorageErrorKind::Other,
                "a batch was noted before",
            ))),
            Err(error) => Err(Trouble::of(&error)),
        }
    }

    /// Runs the units against the overlay, again and again until each of them knows all it needs.
    fn run_together(
        &mut self,
        runtime: &Runtime,
        client: &ClientWrapper,
        units: &mut [UnitJob],
        numbers: &Numbers,
        now: Timestamp,
        run: &mut Run,
    ) -> std::result::Result<(), Trouble> {
        let mut direct: HashSet<usize> = HashSet::new();
        let at_first = (numbers.tasks.get(), numbers.events.get());
        for round in 0.. {
            self.overlay.begin_again();
            numbers.tasks.set(at_first.0);
            numbers.events.set(at_first.1);
            let (mut needs, mut asked) = (HashSet::new(), Vec::new());
            for (at, job) in units.iter_mut().enumerate() {
                if direct.contains(&at) {
                    continue;
                }
                match self.run_one(job, numbers, now) {
                    Ok((outcome, effects)) => {
                        run.outcomes[at] = Some(outcome);
                        run.effects[at] = effects;
                    }
                    Err(Stop::Missing(need)) => {
                        needs.insert(need);
                        asked.push(at);
                    }
                    Err(Stop::Direct) => {
                        run.forget(at);
                        direct.insert(at);
                    }
                }
            }
            if needs.is_empty() {
                tracing::debug!(
                    units = units.len(),
                    direct = direct.len(),
                    round,
                    "a batch knows all it needs"
                );
                break;
            }
            if round >= ROUNDS_MAX {
                for at in &asked {
                    run.forget(*at);
                }
                direct.extend(asked);
            } else {
                wait(
                    runtime,
                    &self.target,
                    fetch(client, &mut self.overlay, needs),
                )?;
            }
        }
        Ok(())
    }

    /// Runs one unit against the overlay.
    fn run_one(
        &mut self,
        job: &mut UnitJob,
        numbers: &Numbers,
        now: Timestamp,
    ) -> std::result::Result<(Result<()>, Vec<Effect>), Stop> {
        let before = (numbers.tasks.get(), numbers.events.get());
        let mut session = OverlaySession {
            overlay: &mut self.overlay,
            now,
            random: &self.random,
            numbers,
            effects: Vec::new(),
            stopped: None,
        };
        let outcome = guarded(|| (job.unit)(&mut session));
        let (effects, stopped) = (std::mem::take(&mut session.effects), session.stopped.take());
        if stopped.is_none() && outcome.is_ok() {
            self.overlay.keep();
            return Ok((outcome, effects));
        }
        self.overlay.take_back();
        numbers.tasks.set(before.0);
        numbers.events.set(before.1);
        match stopped {
            Some(stop) => Err(stop),
            None => Ok((outcome, Vec::new())),
        }
    }

    /// Runs the units that have no outcome yet on the connection, each in a savepoint: as many as
    /// there is time for, and at least one.
    fn run_directly(
        &self,
        runtime: &Runtime,
        client: &ClientWrapper,
        units: &mut [UnitJob],
        numbers: &Numbers,
        now: Timestamp,
        run: &mut Run,
    ) -> std::result::Result<(), Trouble> {
        let conn = PgConn {
            wait: Wait::Own(runtime),
            client,
            answer_max: self.target.answer_max,
            numbers: Some(numbers),
            lost: std::cell::Cell::new(false),
        };
        let (mut is_first, until) = (true, Instant::now() + self.batch_time);
        for (at, job) in units.iter_mut().enumerate() {
            if run.outcomes[at].is_some() {
                continue;
            }
            if !std::mem::take(&mut is_first) && Instant::now() >= until {
                break;
            }
            let before = (numbers.tasks.get(), numbers.events.get());
            let mut session = Session::new(&conn, now, &self.random);
            let outcome = session
                .begin()
                .and_then(|()| guarded(|| (job.unit)(&mut session)));
            let ended = session.finish(outcome);
            if conn.lost.get() {
                let error = match ended {
                    Err(Error::Storage(error)) => error,
                    Ok(_) | Err(Error::Refused(_)) => {
                        StorageError::new(StorageErrorKind::Other, "the connection was lost")
                    }
                };
                return Err(Trouble::Lost(error));
            }
            run.outcomes[at] = Some(match ended {
                Ok(effects) => {
                    run.effects[at] = effects;
                    Ok(())
                }
                Err(error) => {
                    numbers.tasks.set(before.0);
                    numbers.events.set(before.1);
                    Err(error)
                }
            });
        }
        Ok(())
    }

    fn fault(&self, point: FaultPoint) -> std::result::Result<(), Trouble> {
        match &self.faults {
            Some(hook) => hook(point).map_err(|kind| {
                let detail = format!("injected at {}", point.as_str());
                Trouble::Lost(StorageError::new(kind, detail))
            }),
            None => Ok(()),
        }
    }
}

/// Waits for an answer; a database that says nothing for so long counts as gone.
pub(super) fn wait<T>(
    runtime: &Runtime,
    target: &Target,
    question: impl Future<Output = std::result::Result<T, Trouble>>,
) -> std::result::Result<T, Trouble> {
    let answered = async { tokio::time::timeout(target.answer_max, question).await };
    runtime
        .block_on(answered)
        .unwrap_or_else(|_| Err(Trouble::Lost(no_answer())))
}

/// Runs a statement that gives nothing.
pub(super) async fn simple(client: &ClientWrapper, sql: &str) -> std::result::Result<(), Trouble> {
    client
        .batch_execute(sql)
        .await
        .map_err(|error| Trouble::of(&error))
}

async fn last_batch(client: &ClientWrapper, id: Uuid) -> std::result::Result<Option<u64>, Trouble> {
    let found = async {
        let statement = client.prepare_cached(LAST_BATCH).await?;
        client.query_opt(&statement, &[&id]).await
    };
    // Whatever went wrong: the question stays open.
    let found = found
        .await
        .map_err(|error| Trouble::Lost(storage_error(&error)))?;
    Ok(found.map(|row| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)))
}

/// What the units of a batch have come to so far.
struct Run {
    outcomes: Vec<Option<Result<()>>>,
    effects: Vec<Vec<Effect>>,
}

impl Run {
    /// The unit is run again.
    fn forget(&mut self, at: usize) {
        self.outcomes[at] = None;
        self.effects[at].clear();
    }

    /// Takes out the units that there was no time for.
    fn leave(&mut self, units: &mut Vec<UnitJob>) -> Vec<UnitJob> {
        let mut outcomes = self.outcomes.iter();
        let is_left = |_: &mut UnitJob| outcomes.next().is_some_and(Option::is_none);
        let left = units.extract_if(.., is_left).collect();
        self.outcomes.retain(Option::is_some);
        left
    }

    fn done(self) -> Done {
        Done {
            outcomes: self
                .outcomes
                .into_iter()
                .map(|outcome| outcome.unwrap_or(Ok(())))
                .collect(),
            effects: self.effects.into_iter().flatten().collect(),
        }
    }
}

impl Drop for Writer {
    /// However the thread ends, nobody waits for it any longer.
    fn drop(&mut self) {
        self.jobs.close();
        let mut abandoned = VecDeque::new();
        while self.jobs.take(&mut abandoned, usize::MAX) > 0 {
            abandoned.clear();
        }
    }
}

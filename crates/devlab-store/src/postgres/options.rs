//! What a PostgreSQL store is opened with.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::Clock;

use crate::faults::FaultHook;
use crate::{EffectSink, RandomSource};

/// Most units of work in one transaction.
pub const BATCH_UNITS_MAX: usize = 256;
/// How long a transaction goes on with units that need the connection for each of their statements;
/// what is left of them is done in the next turn, after those of others.
pub const BATCH_TIME_MAX: Duration = Duration::from_millis(100);
/// Most units of work that may wait for the writer.
pub const QUEUE_UNITS_MAX: usize = 8192;
/// Most connections that read at one time; more reads wait for one.
pub const READERS: usize = 8;
/// How long a unit waits for a database that is away (a restart, a failover) before its caller is
/// told.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long an answer is waited for: longer than PostgreSQL lets a statement run, so it only ends a
/// wait for a server that has stopped, behind something that still takes what it is sent.
pub const ANSWER_MAX: Duration = Duration::from_secs(40);
/// How long a writing transaction may stand still before PostgreSQL ends it: a process that is
/// paused in its turn keeps the others waiting no longer.
pub const TURN_IDLE_MAX: Duration = Duration::from_secs(10);
/// How long after a cut the connection that listens is made again.
pub const LISTEN_RETRY: Duration = Duration::from_secs(1);

/// What [`super::PostgresStore::open`] needs.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?…`, as libpq writes it. `sslmode` is
    /// `disable`, `prefer` or `require`; a certificate is always verified, against the
    /// certificates of the system and those of the file `sslrootcert`.
    pub url: String,
    /// A clock in place of the database's own, for tests.
    pub clock: Option<Arc<dyn Clock>>,
    /// Randomness of ids.
    pub random: RandomSource,
    /// Told what to do after each commit, of this process and of others.
    pub effects: EffectSink,
    /// Reading connections, at least 1.
    pub readers: usize,
    /// Most units in one transaction, at least 1.
    pub batch_max: usize,
    /// How long one transaction goes on with units that need the connection for each statement.
    pub batch_time: Duration,
    /// Most units that may wait; more get `Busy`.
    pub queue_max: usize,
    /// How long a unit waits for a database that is away.
    pub patience: Duration,
    /// How long an answer of the database is waited for. A connection that has given none is not used
    /// again.
    pub answer_max: Duration,
    /// Faults to inject, for tests.
    pub faults: Option<FaultHook>,
}

impl PostgresOptions {
    /// The defaults, for a database.
    #[must_use]
    pub fn new(url: impl Into<String>, effects: EffectSink) -> Self {
        Self {
            url: url.into(),
            clock: None,
            random: Arc::new(rand::random::<u128>),
            effects,
            readers: READERS,
            batch_max: BATCH_UNITS_MAX,
            batch_time: BATCH_TIME_MAX,
            queue_max: QUEUE_UNITS_MAX,
            patience: PATIENCE,
            answer_max: ANSWER_MAX,
            faults: None,
        }
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("readers", &self.readers)
            .field("batch_max", &self.batch_max)
            .field("queue_max", &self.queue_max)
            .finish_non_exhaustive()
    }
}

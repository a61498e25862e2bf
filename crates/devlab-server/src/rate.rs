//! How many requests a token may send.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use devlab_core::TokenId;
use devlab_core::auth::{Principal, Role};
use governor::clock::{Clock as _, MonotonicClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::problem::{ApiError, Kind, Result};

/// Requests after which tokens that have been quiet are forgotten.
const FORGET_EVERY: u32 = 1 << 16;

/// A rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second, on average.
    pub per_sec: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate; zero counts as one.
    #[must_use]
    pub const fn new(per_sec: u32, burst: u32) -> Self {
        const fn at_least_one(n: u32) -> NonZeroU32 {
            match NonZeroU32::new(n) {
                Some(n) => n,
                None => NonZeroU32::MIN,
            }
        }
        Self {
            per_sec: at_least_one(per_sec),
            burst: at_least_one(burst),
        }
    }

    fn quota(self) -> Quota {
        Quota::per_second(self.per_sec).allow_burst(self.burst)
    }
}

/// Rates in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// For each token of a person or a program: admin, operator, viewer, metrics. `None` is no
    /// limit.
    pub people: Option<Rate>,
    /// For each token of agents, and each attempt's own. `None` is no limit.
    pub agents: Option<Rate>,
    /// For all callers together whom nobody knows: once for tokens that are not valid, and once for
    /// changes without a token.
    pub unknown: Rate,
}

/// For a person or a program: far more than a page with live streams or a script sends.
const PEOPLE: Rate = Rate::new(2_000, 4_000);
/// For agents. All agents of a lab may share one token, and the benchmark's 64 do: 5,000 tasks per
/// second are about 15,000 requests per second. This is four times that, so no fleet meets it; it
/// stops a loop gone wild on a machine that could serve more. What agents do is bounded more
/// tightly elsewhere: claims by the work that there is, logs by their length, repositories by
/// their places, all of them by the connections.
const AGENTS: Rate = Rate::new(60_000, 120_000);
/// For guesses. An agent or a page with a token that has ended asks a few times per minute.
const UNKNOWN: Rate = Rate::new(100, 500);

impl Default for Rates {
    fn default() -> Self {
        Self {
            people: Some(PEOPLE),
            agents: Some(AGENTS),
            unknown: UNKNOWN,
        }
    }
}

type PerToken = DefaultKeyedRateLimiter<TokenId>;

/// Counts requests.
pub(crate) struct Limiter {
    people: Option<PerToken>,
    agents: Option<PerToken>,
    /// Two counts, so that guesses at tokens do not shut out the one who has the login link.
    guesses: DefaultDirectRateLimiter,
    public: DefaultDirectRateLimiter,
    clock: MonotonicClock,
    count: AtomicU32,
}

impl Limiter {
    pub(crate) fn new(rates: Rates) -> Self {
        let per_token = |rate: Option<Rate>| rate.map(|rate| RateLimiter::dashmap(rate.quota()));
        Self {
            people: per_token(rates.people),
            agents: per_token(rates.agents),
            guesses: RateLimiter::direct(rates.unknown.quota()),
            public: RateLimiter::direct(rates.unknown.quota()),
            clock: MonotonicClock,
            count: AtomicU32::new(0),
        }
    }

    /// Counts a request of a known caller.
    pub(crate) fn check(&self, principal: &Principal) -> Result<()> {
        let limiter = match principal.role {
            Role::Agent => &self.agents,
            Role::Admin | Role::Operator | Role::Viewer | Role::Metrics => &self.people,
        };
        let Some(limiter) = limiter else {
            return Ok(());
        };
        if self.count.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            // Attempts' tokens come and go, so both lists grow.
            for limiter in [&self.people, &self.agents].into_iter().flatten() {
                limiter.retain_recent();
            }
        }
        limiter
            .check_key(&principal.token)
            .map_err(|wait| too_many(wait.wait_time_from(self.clock.now())))
    }

    /// Counts a token that was looked up and is not valid.
    pub(crate) fn check_guess(&self) -> Result<()> {
        self.check_direct(&self.guesses)
    }

    /// Counts a change that is asked for without a token.
    pub(crate) fn check_public(&self) -> Result<()> {
        self.check_direct(&self.public)
    }

    fn check_direct(&self, limiter: &DefaultDirectRateLimiter) -> Result<()> {
        limiter
            .check()
            .map_err(|wait| too_many(wait.wait_time_from(self.clock.now())))
    }
}

fn too_many(wait: std::time::Duration) -> ApiError {
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    ApiError::new(
        Kind::RATE_LIMITED,
        format!("try again in {} ms", wait.as_millis()),
    )
    .retry_after(secs.max(1))
}

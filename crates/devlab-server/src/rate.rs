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
    /// limit. Agents have none: what they may do is bounded by the work that there is.
    pub people: Option<Rate>,
    /// For all unknown tokens together: each one costs a look into the database.
    pub unknown: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            people: Some(Rate::new(2_000, 4_000)),
            unknown: Rate::new(100, 500),
        }
    }
}

/// Counts requests.
pub(crate) struct Limiter {
    people: Option<DefaultKeyedRateLimiter<TokenId>>,
    unknown: DefaultDirectRateLimiter,
    clock: MonotonicClock,
    count: AtomicU32,
}

impl Limiter {
    pub(crate) fn new(rates: Rates) -> Self {
        Self {
            people: rates.people.map(|rate| RateLimiter::dashmap(rate.quota())),
            unknown: RateLimiter::direct(rates.unknown.quota()),
            clock: MonotonicClock,
            count: AtomicU32::new(0),
        }
    }

    /// Counts a request of a known caller.
    pub(crate) fn check(&self, principal: &Principal) -> Result<()> {
        let Some(people) = &self.people else {
            return Ok(());
        };
        match principal.role {
            Role::Agent => return Ok(()),
            Role::Admin | Role::Operator | Role::Viewer | Role::Metrics => {}
        }
        if self.count.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            people.retain_recent();
        }
        people
            .check_key(&principal.token)
            .map_err(|wait| too_many(wait.wait_time_from(self.clock.now())))
    }

    /// Counts a request with an unknown token.
    pub(crate) fn check_unknown(&self) -> Result<()> {
        self.unknown
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

//! What all handlers share.

use std::net::IpAddr;
use std::sync::Arc;

use devlab_core::Clock;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::context::RequestIds;
use crate::hosts::AllowedHosts;
use crate::metrics::Metrics;
use crate::rate::{Limiter, Rates};

/// What the binary decides.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Address that is listened on.
    pub bind: IpAddr,
    /// Further names that the server answers to (`DEVLAB_ALLOWED_HOSTS`).
    pub allowed_hosts: Vec<String>,
    /// Limits of requests per time.
    pub rates: Rates,
    /// A short random text that differs between starts: request ids begin with it.
    pub instance: String,
}

/// What all handlers share.
pub struct App {
    /// Who calls.
    pub auth: Arc<Auth>,
    /// Counters.
    pub metrics: Metrics,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when the server stops: streams and long polls end then.
    pub shutdown: CancellationToken,
    pub(crate) hosts: AllowedHosts,
    pub(crate) limiter: Limiter,
    pub(crate) request_ids: RequestIds,
}

impl App {
    /// Puts it together.
    #[must_use]
    pub fn new(
        config: ServerConfig,
        auth: Arc<Auth>,
        clock: Arc<dyn Clock>,
        shutdown: CancellationToken,
    ) -> Self {
        let names = config.allowed_hosts.iter().map(String::as_str);
        Self {
            auth,
            metrics: Metrics::new(),
            clock,
            shutdown,
            hosts: AllowedHosts::new(config.bind, names),
            limiter: Limiter::new(config.rates),
            request_ids: RequestIds::new(config.instance),
        }
    }
}

/// The state of the router.
pub type AppState = Arc<App>;

//! What all handlers share.

use std::net::IpAddr;
use std::sync::Arc;

use devlab_core::Clock;
use devlab_core::server::{ServerRole, ServerRoles};
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::context::RequestIds;
use crate::forward::Forwarder;
use crate::hosts::AllowedHosts;
use crate::metrics::Metrics;
use crate::policy::{Access, Roles};
use crate::problem::{ApiError, Kind, Result};
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
    /// What this server does.
    pub roles: ServerRoles,
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
    /// Where requests go that another server has to answer; `None` if there is no other.
    pub(crate) forward: Option<Forwarder>,
    roles: ServerRoles,
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
            forward: None,
            roles: config.roles,
        }
    }

    /// The same with other servers to pass requests on to.
    #[must_use]
    pub fn with_others(mut self, forward: Forwarder) -> Self {
        self.forward = Some(forward);
        self
    }

    /// Refuses what is not for this server's roles: without `api` it answers git clients, what
    /// other servers pass on, its own dashboard, and whoever looks whether it is well.
    pub(crate) fn expect_role(&self, access: Access, by: CameBy) -> Result<()> {
        let is_served = match access {
            Access::Public => true,
            Access::Git(_) => self.roles.has(ServerRole::Git) || self.roles.has(ServerRole::Api),
            Access::Roles(roles) => {
                self.roles.has(ServerRole::Api)
                    || roles == Roles::METRICS
                    || match by {
                        CameBy::Listener => false,
                        CameBy::OtherServer => self.roles.has(ServerRole::Git),
                        CameBy::Dashboard => true,
                    }
            }
        };
        match is_served {
            true => Ok(()),
            false => Err(ApiError::new(
                Kind::WRONG_SERVER,
                format!("it has the roles {}", self.roles),
            )),
        }
    }
}

/// How a request came to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CameBy {
    /// The listener for programs.
    Listener,
    /// That too, from another server of the lab, which has passed it on.
    OtherServer,
    /// The dashboard of this server, which only one with that role has.
    Dashboard,
}

/// The state of the router.
pub type AppState = Arc<App>;

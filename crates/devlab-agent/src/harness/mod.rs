//! The harness: claim → workspace → driver → commit → push → checks → receipts → completion.
//!
//! [`run`] is an agent's life. It registers, goes on with what its journals hold, then asks for
//! work with one question at a time ([`claims`]) while a slot is free. Each attempt is attended to
//! by itself ([`attempt`]): its steps are in [`prepare`], [`drive`], [`deliver`] and [`checks`],
//! each on disk before the next; beside them run its heartbeats ([`beat`]) and the upload of its
//! log ([`upload`]). Trees are used again by the next attempt ([`trees`]). One long poll for the whole agent hears what to stop ([`control`]).
//!
//! *Invariant:* an attempt does nothing for a server that has said that it is over, and goes on
//! while the server says nothing.
//! *Invariant:* a server is told an outcome until it has answered; an attempt of which the outcome
//! is not known is done again from its base, or left to its lease.

mod attempt;
mod beat;
mod checks;
mod claims;
mod config;
mod context;
mod control;
mod deliver;
mod drive;
mod keep;
mod life;
mod look;
mod pause;
pub mod points;
mod prepare;
mod repos;
mod shared;
mod signal;
mod talk;
mod trees;
mod upload;
mod work;

use std::io;

use devlab_api::client::ClientError;
use devlab_forge::Error as GitError;

use crate::workspace::HomeError;

pub use config::{AgentConfig, COLLECT_EVERY_DEFAULT, DRAIN_DEFAULT, Withhold};
pub use life::run;

/// Why an agent cannot work.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// There is no usable git.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The machine says no.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// The server does not want this agent.
    #[error("the server refuses this agent ({what}): {}", advice(.source))]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its answer.
        #[source]
        source: Box<ClientError>,
    },
}

/// What a person can do about a refusal.
fn advice(error: &ClientError) -> String {
    match error {
        ClientError::Unauthorized(_) => {
            "its token is unknown, revoked or over; make one with `devlab token create --role \
             agent` and give it as DEVLAB_TOKEN"
                .to_owned()
        }
        ClientError::Problem { problem, .. } => problem.help.clone(),
        ClientError::Foreign { .. } => {
            "something else answers at this address; see DEVLAB_URL".to_owned()
        }
        ClientError::Transport { .. } | ClientError::Decode { .. } | ClientError::Config(_) => {
            "see DEVLAB_URL, and that server and agent are of the same version".to_owned()
        }
    }
}

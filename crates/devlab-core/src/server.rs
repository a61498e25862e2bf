//! Servers of a lab, and which of them has a project's repository.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::error::Refusal;
use crate::id::ServerId;
use crate::limits::SERVER_TERM;
use crate::time::Timestamp;

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServerRole {
    /// Answers people, programs and agents.
    Api,
    /// Runs the loops that look after the whole lab.
    Loops,
    /// Has repositories on its disk, and runs their trains.
    Git,
    /// Has the listener for people: the app, their sessions, and the API behind these.
    Dashboard,
}

impl ServerRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Api, Self::Loops, Self::Git, Self::Dashboard];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Loops => "loops",
            Self::Git => "git",
            Self::Dashboard => "dashboard",
        }
    }
}

/// What a server does, at least one thing. Written as names with commas between: `api,git`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerRoles(BTreeSet<ServerRole>);

impl ServerRoles {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(ServerRole::ALL.into())
    }

    /// Whether it does everything that a lab of one server needs: people can do without the app.
    #[must_use]
    pub fn are_a_lab(&self) -> bool {
        ServerRole::ALL
            .into_iter()
            .all(|role| self.has(role) || role == ServerRole::Dashboard)
    }

    /// Whether it does this.
    #[must_use]
    pub fn has(&self, role: ServerRole) -> bool {
        self.0.contains(&role)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = ServerRole> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for ServerRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, role) in self.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            write!(f, "{comma}{}", role.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for ServerRoles {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let wrong = || {
            let names: Vec<_> = ServerRole::ALL
                .into_iter()
                .map(ServerRole::as_str)
                .collect();
            let names = names.join(", ");
            Refusal::invalid(
                "roles",
                format!("one or more of {names}, with commas between"),
            )
        };
        let mut roles = BTreeSet::new();
        for name in text.split(',').map(str::trim) {
            let mut all = ServerRole::ALL.into_iter();
            roles.insert(all.find(|role| role.as_str() == name).ok_or_else(wrong)?);
        }
        Ok(Self(roles))
    }
}

/// A server of the lab: a process, and the disk that outlives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Id of its data folder.
    pub id: ServerId,
    /// Name of its machine.
    pub name: String,
    /// Where the other servers reach it.
    pub url: String,
    /// What it does.
    pub roles: ServerRoles,
    /// Version of its program.
    pub version: String,
    /// Number of its start, higher with each: tells its process from an earlier one.
    pub run: u64,
    /// When it started.
    pub started_at: Timestamp,
    /// When it last said that it is there.
    pub seen_at: Timestamp,
    /// Whether it has stopped and said so.
    pub left: bool,
}

impl Server {
    /// Whether it is there, as far as is known. One that was seen later than now, because the clock
    /// went back since, is there once it says so again.
    #[must_use]
    pub fn is_there(&self, now: Timestamp) -> bool {
        !self.left && now < self.seen_at.plus(SERVER_TERM) && self.seen_at.since(now) <= SERVER_TERM
    }
}

/// Which server has a project's repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Home {
    /// The server; `None` for a project that was made before servers had ids, or that was restored,
    /// until the server that has its repository starts.
    pub server: Option<ServerId>,
    /// Changes whenever the home does: what was begun under another epoch is refused.
    pub epoch: u64,
    /// Set while the repository is on its way to this server: nobody changes it meanwhile.
    pub moving_to: Option<ServerId>,
}

/// Who runs a loop that runs in one place at a time, and when it last did what it does on a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopState {
    /// Name of the loop.
    pub name: String,
    /// The server that runs it.
    pub holder: Option<ServerId>,
    /// Start of that server ([`Server::run`]).
    pub run: u64,
    /// Until when, unless it says again that it does.
    pub until: Timestamp,
    /// Start of the last period in which it ran; see [`crate::rules::servers::fire`].
    pub fired_at: Option<Timestamp>,
}

impl LoopState {
    /// Whether nobody runs it any more: its time is over, or ends later than anybody could have said,
    /// because the clock went back since, by more than a term.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now || self.until.since(now) > 2 * SERVER_TERM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_they_are_written() {
        let roles: ServerRoles = "git, api".parse().unwrap();
        assert_eq!(roles.to_string(), "api,git");
        assert!(roles.has(ServerRole::Git) && !roles.has(ServerRole::Loops));
        assert_eq!(ServerRoles::all().to_string(), "api,loops,git,dashboard");
        for (text, is_a_lab) in [
            ("api,loops,git", true),
            ("api,loops,git,dashboard", true),
            ("api,git,dashboard", false),
            ("dashboard", false),
        ] {
            let roles: ServerRoles = text.parse().unwrap();
            assert_eq!(roles.are_a_lab(), is_a_lab, "{text}");
        }
        for wrong in ["", "api,", "all", "API"] {
            assert!(wrong.parse::<ServerRoles>().is_err(), "{wrong:?}");
        }
    }
}

//! What a route asks of its callers, and what it allows them.

use std::time::Duration;

use devlab_core::auth::Role;
use devlab_core::limits::{HOOK_BYTES_MAX, LOG_CHUNK_BYTES_MAX};

/// Largest body of an ordinary request, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Largest body of `schedule`, in bytes: a graph of
/// [`devlab_core::limits::GRAPH_TASKS_MAX`] tasks with goals of 8 KiB.
pub const SCHEDULE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long an ordinary request may take, its body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// Who may read an org: viewer, operator, admin.
    pub const READ: Self = Self::of(&[Role::Viewer, Role::Operator, Role::Admin]);
    /// Who may change projects and tasks: operator, admin.
    pub const CHANGE: Self = Self::of(&[Role::Operator, Role::Admin]);
    /// Who may change tokens and agents.
    pub const ADMIN: Self = Self::of(&[Role::Admin]);
    /// Who does tasks.
    pub const AGENT: Self = Self::of(&[Role::Agent]);
    /// Who reads `/metrics`.
    pub const METRICS: Self = Self::of(&[Role::Metrics, Role::Admin]);
    /// Everybody with a token.
    pub const ALL: Self = Self::of(&Role::ALL);

    const fn bit(role: Role) -> u8 {
        match role {
            Role::Admin => 1,
            Role::Operator => 2,
            Role::Viewer => 4,
            Role::Agent => 8,
            Role::Metrics => 16,
        }
    }

    /// The set of these roles.
    #[must_use]
    pub const fn of(roles: &[Role]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < roles.len() {
            bits |= Self::bit(roles[i]);
            i += 1;
        }
        Self(bits)
    }

    /// Both sets together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a role is in the set.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & Self::bit(role) != 0
    }

    /// The roles, strongest first.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// A token with one of these roles.
    Roles(Roles),
    /// git: a token with one of these roles or an attempt's own, also as the password of Basic.
    Git(Roles),
}

/// What a route asks and allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Who may call it.
    pub access: Access,
    /// Largest body that [`crate::extract`] reads, in bytes. A handler that takes the body as a
    /// stream bounds it itself.
    pub body_bytes_max: usize,
    /// How long it may take; `None` for streams and long polls, which end by themselves.
    pub timeout: Option<Duration>,
    /// Whether it may need a repository, so that another server may have to answer.
    pub at_home: bool,
}

impl Policy {
    /// An ordinary route for these roles.
    #[must_use]
    pub const fn roles(roles: Roles) -> Self {
        Self {
            access: Access::Roles(roles),
            body_bytes_max: BODY_BYTES_MAX,
            timeout: Some(REQUEST_TIMEOUT),
            at_home: false,
        }
    }

    /// A route for anybody.
    #[must_use]
    pub const fn public() -> Self {
        Self {
            access: Access::Public,
            ..Self::roles(Roles::ALL)
        }
    }

    /// A route for git clients.
    #[must_use]
    pub const fn git(roles: Roles) -> Self {
        Self {
            access: Access::Git(roles),
            body_bytes_max: 0,
            timeout: None,
            at_home: false,
        }
    }

    /// The same for a long poll or a stream, which bounds its own time.
    #[must_use]
    pub const fn waiting(self) -> Self {
        Self {
            timeout: None,
            ..self
        }
    }

    /// The same for what may need a repository. Its handler has to find that out before it does
    /// anything else, because another server then does it all.
    #[must_use]
    pub const fn at_home(self) -> Self {
        Self {
            at_home: true,
            ..self
        }
    }

    /// The same for the graphs of `schedule`.
    #[must_use]
    pub const fn large(self) -> Self {
        Self {
            body_bytes_max: SCHEDULE_BYTES_MAX,
            ..self
        }
    }

    /// The same for what forges send.
    #[must_use]
    pub const fn hooks(self) -> Self {
        Self {
            body_bytes_max: HOOK_BYTES_MAX,
            ..self
        }
    }

    /// The same for log chunks.
    #[must_use]
    pub const fn log_chunks(self) -> Self {
        Self {
            body_bytes_max: LOG_CHUNK_BYTES_MAX,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_roles_contain_each_other_and_the_others_stand_apart() {
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            assert!(Roles::READ.has(role));
            assert!(!Roles::AGENT.has(role));
        }
        assert!(Roles::CHANGE.has(Role::Admin) && !Roles::CHANGE.has(Role::Viewer));
        assert_eq!(Roles::ADMIN.iter().collect::<Vec<_>>(), [Role::Admin]);
        for role in [Role::Agent, Role::Metrics] {
            assert!(!Roles::READ.has(role));
        }
        assert!(Roles::READ.or(Roles::AGENT).has(Role::Agent));
    }
}

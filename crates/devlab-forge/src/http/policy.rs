//! What a client of a repository may see and change.

use crate::git::Cmd;
use crate::http::pktline::Command;
use crate::name::{Oid, RefName};
use crate::repo::PUSH_BYTES_MAX;

/// What may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchPolicy {
    /// Nothing.
    Refused,
    /// Every object of the repository.
    All,
    /// These refs and their history; the client does not learn that there are others.
    Only(Vec<RefName>),
}

/// What may be pushed. Refs are never deleted by a push, and branches only move forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceivePolicy {
    /// Nothing.
    Refused,
    /// An attempt's own ref, and no other.
    Only {
        /// The ref.
        name: RefName,
        /// Commits that the client has for certain (its base), so that it does not send them.
        haves: Vec<Oid>,
    },
    /// Branches and new tags, except what is under `devlab/`.
    Branches {
        /// Branches that may not be pushed.
        protected: Vec<RefName>,
    },
}

impl FetchPolicy {
    /// Whether the newer protocol may be spoken: its clients may ask for any object by id.
    pub(crate) fn allows_v2(&self) -> bool {
        matches!(self, Self::All)
    }

    pub(crate) fn configure(&self, command: Cmd) -> Cmd {
        // Who copies a large repository hears that it is being made ready.
        let command = command
            .config("uploadpack.allowFilter", "true")
            .config("uploadpack.keepAlive", "1");
        match self {
            Self::Refused => command.config("http.uploadpack", "false"),
            Self::All => command
                .config("http.uploadpack", "true")
                .config("uploadpack.allowAnySHA1InWant", "true"),
            Self::Only(refs) => {
                let hidden = command
                    .config("http.uploadpack", "true")
                    .config("uploadpack.allowTipSHA1InWant", "false")
                    .config("uploadpack.allowReachableSHA1InWant", "false")
                    .config("uploadpack.allowAnySHA1InWant", "false")
                    .config("uploadpack.hideRefs", "HEAD")
                    .config("uploadpack.hideRefs", "refs");
                refs.iter().fold(hidden, |command, name| {
                    command.config("uploadpack.hideRefs", format!("!{name}"))
                })
            }
        }
    }
}

impl ReceivePolicy {
    pub(crate) fn configure(&self, command: Cmd) -> Cmd {
        let command = command
            .config("receive.denyNonFastForwards", "true")
            .config("receive.denyDeletes", "true")
            .config("receive.advertisePushOptions", "false")
            .config("receive.maxInputSize", PUSH_BYTES_MAX.to_string());
        match self {
            Self::Refused => command.config("http.receivepack", "false"),
            Self::Only { name, .. } => command
                .config("http.receivepack", "true")
                .config("receive.hideRefs", "refs")
                .config("receive.hideRefs", format!("!{name}")),
            Self::Branches { .. } => command
                .config("http.receivepack", "true")
                .config("receive.hideRefs", "refs/devlab")
                .config("receive.hideRefs", "refs/heads/devlab"),
        }
    }

    /// Why a command is not allowed, in words for the person who pushed.
    pub(crate) fn objection(&self, command: &Command) -> Option<&'static str> {
        if command.new.is_zero() {
            return Some("refs are not deleted by a push");
        }
        let name = command.name.as_str();
        match self {
            Self::Refused => Some("this token may not push here"),
            Self::Only { name: own, .. } if command.name == *own => None,
            Self::Only { .. } => Some("an attempt may push only its own ref"),
            Self::Branches { protected } if protected.contains(&command.name) => {
                Some("this branch is moved by devlab only; propose a change with a task")
            }
            Self::Branches { .. }
                if name == "refs/heads/devlab" || name.starts_with("refs/heads/devlab/") =>
            {
                Some("branches under devlab/ belong to the lab")
            }
            Self::Branches { .. } if name.starts_with("refs/heads/") => None,
            Self::Branches { .. } if name.starts_with("refs/tags/") && command.old.is_zero() => {
                None
            }
            Self::Branches { .. } if name.starts_with("refs/tags/") => {
                Some("a tag cannot be moved")
            }
            Self::Branches { .. } => Some("only branches and tags can be pushed"),
        }
    }
}

//! `devlab provenance`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// A repository on this machine.
#[derive(Debug, Args)]
pub(crate) struct RepoHere {
    /// The clone; default: the one of the current folder
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
}

/// `devlab provenance`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProvenanceCommand {
    /// Verify how a commit came to be, with nothing but this clone and the org's root key; needs no
    /// lab
    Verify {
        /// The merge of a goal, by any name that git knows
        commit: String,
        #[command(flatten)]
        here: RepoHere,
        /// The org's root key, as 64 hexadecimal digits, or a file with it; default: the one that
        /// `devlab provenance fetch` has stored in this clone
        #[arg(long, value_name = "FILE|HEX")]
        key: Option<String>,
    },
    /// Bring the provenance of a project into this clone, and store the root key of its org
    Fetch {
        #[command(flatten)]
        here: RepoHere,
        /// Project, by id or name; default: the one that the clone came from
        #[arg(long, value_name = "PROJECT")]
        project: Option<String>,
        /// Org, by id or name; a project's name is unique in its org only
        #[arg(long)]
        org: Option<String>,
    },
    /// Print the root key of an org; as JSON, all its keys
    Key {
        /// Org, by id or name
        #[arg(long, default_value = "default")]
        org: String,
    },
    /// Give an org a new key, which the old one signs
    Rotate {
        /// Org, by id or name
        #[arg(long, default_value = "default")]
        org: String,
    },
}

//! `devlab policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Whose policy is meant: the org's, unless a project or a goal is named.
#[derive(Debug, Args)]
pub(crate) struct PolicyLevel {
    /// Org, by id or name
    #[arg(long)]
    pub(crate) org: Option<String>,
    /// The policy of a project, by id or name
    #[arg(long, value_name = "PROJECT", conflicts_with = "goal")]
    pub(crate) project: Option<String>,
    /// The policy of a goal
    #[arg(long, value_name = "GOAL", conflicts_with = "org")]
    pub(crate) goal: Option<String>,
}

/// `devlab policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show what an org, a project or a goal says itself
    Show(PolicyLevel),
    /// Set what it says; an empty file says nothing
    Set {
        /// The policy, as YAML or JSON (- is standard input)
        file: PathBuf,
        #[command(flatten)]
        level: PolicyLevel,
        /// Why
        #[arg(long, default_value = "", hide_default_value = true)]
        why: String,
        /// Only if it takes the place of the policy of this number; 0 is none
        #[arg(long, value_name = "N")]
        instead_of: Option<u32>,
    },
    /// Show what is in force there, which level says it, and how much runs under each limit
    Explain(PolicyLevel),
    /// List what it said before, and who set it
    History(PolicyLevel),
}

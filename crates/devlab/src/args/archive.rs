//! Commands about archives, and about what a lab stores.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `devlab backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Where it goes: one file if the name ends in .tar, otherwise a folder
    pub(crate) to: PathBuf,
}

/// `devlab restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The archive
    pub(crate) from: PathBuf,
    /// Replace the lab that is there
    #[arg(long)]
    pub(crate) replace: bool,
    /// Take the place of blobs over from a lab that does not go on
    #[arg(long)]
    pub(crate) take_blobs: bool,
}

/// `devlab db`.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Make the schema of the configured store, or bring it up to date
    Migrate,
}

/// `devlab org export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Id or name
    pub(crate) org: String,
    /// Where it goes: one file if the name ends in .tar, otherwise a folder
    pub(crate) to: PathBuf,
}

/// `devlab org import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The archive
    pub(crate) from: PathBuf,
    /// Another name for it here
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

//! `devlab schedule`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::nouns::Paging;

/// A schedule by id or name.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScheduleNamed {
    /// Id or name
    pub(crate) name: String,
    /// Org, by id or name; a schedule's name is unique in its org only
    #[arg(long)]
    pub(crate) org: Option<String>,
}

/// Who sends webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Forge {
    Github,
    Gitlab,
    /// And Gitea
    Forgejo,
}

/// What happens in a forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HookEvent {
    Push,
    PullRequest,
}

/// A schedule to make.
#[derive(Debug, Args)]
pub(crate) struct ScheduleAdd {
    /// Its name: 1 to 63 of a-z 0-9 -
    pub(crate) name: String,
    /// What is wanted each time; {branch}, {commit}, {pr}, {date} and the like are filled in
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub(crate) task: Option<String>,
    /// What is scheduled each time, as JSON of POST /v1/schedule (- is standard input)
    #[arg(long)]
    pub(crate) file: Option<PathBuf>,
    /// Minute, hour, day, month and day of the week, such as "0 6 * * MON-FRI"
    #[arg(long, value_name = "EXPRESSION", required_unless_present = "on")]
    pub(crate) cron: Option<String>,
    /// Time zone of --cron
    #[arg(long, value_name = "ZONE", default_value = "UTC", requires = "cron")]
    pub(crate) zone: String,
    /// Start another goal while the last one is not over
    #[arg(long, requires = "cron")]
    pub(crate) overlap: bool,
    /// Start it when this forge says that something happened, in place of --cron
    #[arg(long, value_enum, value_name = "FORGE", conflicts_with = "cron")]
    pub(crate) on: Option<Forge>,
    /// What has to happen there; anything if left out
    #[arg(long, value_enum, value_name = "EVENT", requires = "on")]
    pub(crate) event: Vec<HookEvent>,
    /// A pattern of branches that are pushed to, or that a request goes into; any if left out
    #[arg(long, value_name = "PATTERN", requires = "on")]
    pub(crate) branch: Vec<String>,
    /// Org, by id or name
    #[arg(long)]
    pub(crate) org: Option<String>,
    /// Project of its goals, by id or name
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// The command that does it; it gets what is filled in as DEVLAB_START_BRANCH and so on
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "file")]
    pub(crate) command: Vec<String>,
}

/// `devlab schedule`.
#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Make one that starts at times, or by a webhook, whose secret is printed once
    Add(Box<ScheduleAdd>),
    /// List them
    List {
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one, with what it has started
    Show(ScheduleNamed),
    /// Let nothing start it
    Pause(ScheduleNamed),
    /// Let it go on; what it missed meanwhile is not made up for
    Resume(ScheduleNamed),
    /// Start it now
    Run(ScheduleNamed),
    /// Give its webhook another secret, which is printed once
    Secret(ScheduleNamed),
    /// Remove it; its goals stay
    Remove(ScheduleNamed),
}

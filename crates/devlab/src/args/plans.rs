//! `devlab plan`, and how commands are given a plan.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::nouns::{Named, OptionalWords};

/// What a plan is made of.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(false))]
pub(crate) struct PlanFrom {
    /// A plan file, as YAML or JSON (- is standard input)
    #[arg(long, value_name = "FILE", group = "input")]
    pub(crate) plan: Option<PathBuf>,
    /// Folder of a Spec-Kit feature, such as specs/001-login-page
    #[arg(long, value_name = "FOLDER", group = "input")]
    pub(crate) spec_kit: Option<String>,
    /// Stories of the feature run one after the other
    #[arg(long, requires = "spec_kit")]
    pub(crate) stories_in_turn: bool,
}

/// What a plan of a lab's goal is made of.
#[derive(Debug, Args)]
pub(crate) struct PlanOfGoal {
    #[command(flatten)]
    pub(crate) from: PlanFrom,
    /// Branch or commit of the project to read the feature at; its default branch if left out
    #[arg(long, value_name = "REV", requires = "spec_kit")]
    pub(crate) at: Option<String>,
    /// Why it is wanted
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) why: String,
    /// Carry it out at once; otherwise it waits for `devlab plan approve`
    #[arg(long)]
    pub(crate) approve: bool,
    /// The command that does each task of the feature. If left out, the one of the plan before does,
    /// or, without that, agents with a driver of their own
    #[arg(last = true, value_name = "CMD", requires = "spec_kit")]
    pub(crate) command: Vec<String>,
}

/// What is not as it was when a feature is planned again.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Again {
    /// Agents with a driver of their own do each task of the feature, whatever did before
    #[arg(long, requires = "spec_kit", conflicts_with = "command")]
    pub(crate) no_command: bool,
    /// Stories of the feature may run at the same time, though they did not before
    #[arg(long, requires = "spec_kit", conflicts_with = "stories_in_turn")]
    pub(crate) stories_in_parallel: bool,
}

/// What becomes of work under way that a plan does not want any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnRunning {
    /// It is called off
    Cancel,
    /// It goes on to its end
    Finish,
}

/// A revision of a goal's plan.
#[derive(Debug, Args)]
pub(crate) struct RevisionOf {
    /// Id of the goal, or of another task that has a plan
    pub(crate) name: String,
    /// Number of the revision
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u32>,
}

/// `devlab plan`.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Say what a plan file or feature on this machine comes to; needs no lab. `--output dot` prints
    /// a graph for Graphviz
    Compile {
        #[command(flatten)]
        from: PlanFrom,
        /// Print a graph.
        #[arg(skip)]
        dot: bool,
    },
    /// Print the JSON Schema of plan files
    Schema,
    /// Show a revision: the current one, or else the newest
    Show(RevisionOf),
    /// Show what a revision changes: the newest, compared with the one it was made from
    Diff {
        #[command(flatten)]
        of: RevisionOf,
        /// Compare it with this revision
        #[arg(long, value_name = "N")]
        from: Option<u32>,
    },
    /// List all revisions, and who decided what
    History(Named),
    /// Propose another plan
    Propose {
        /// Id of the goal, or of a task below it: one that nobody has tried yet can get a plan of
        /// its own
        name: String,
        #[command(flatten)]
        plan: Box<PlanOfGoal>,
        #[command(flatten)]
        again: Again,
        /// What becomes of work that it does not want, if it is approved at once; policy says so if
        /// left out
        #[arg(long, value_enum)]
        running: Option<OnRunning>,
    },
    /// Carry out a revision: the one that waits for it, if no other does
    Approve {
        #[command(flatten)]
        of: RevisionOf,
        #[command(flatten)]
        words: OptionalWords,
        /// What becomes of work under way that it does not want; policy says so if left out
        #[arg(long, value_enum)]
        running: Option<OnRunning>,
    },
    /// Say no to a revision: the one that waits, if no other does
    Reject {
        #[command(flatten)]
        of: RevisionOf,
        #[command(flatten)]
        words: OptionalWords,
    },
}

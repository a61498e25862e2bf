//! Commands that talk to a lab.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::archive::{Export, Import};
use super::plans::PlanOfGoal;

/// Which part of a list.
#[derive(Debug, Clone, Args)]
pub(crate) struct Paging {
    /// Most items; all that there are if left out
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
}

/// Something by id or name.
#[derive(Debug, Clone, Args)]
pub(crate) struct Named {
    /// Id or name
    pub(crate) name: String,
}

/// `devlab org`.
#[derive(Debug, Subcommand)]
pub(crate) enum OrgCommand {
    /// List orgs
    List(Paging),
    /// Make one
    Create(Named),
    /// Show one
    Show(Named),
    /// Change one
    Update {
        /// Id or name
        name: String,
        /// How long logs, artifacts and refs of attempts stay after the end of their goal: days,
        /// such as 90d, forever, or default, which is as the lab says
        #[arg(long, value_name = "DAYS")]
        retention: String,
    },
    /// Take one along: everything of it, as an archive
    Export(Export),
    /// Take one in that was exported, with the ids that it had
    Import(Import),
}

/// `devlab retention`.
#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// List the goals that ended so long ago that what their attempts left is due to go
    List {
        /// Org, by id or name; default: all that you see
        #[arg(long)]
        org: Option<String>,
    },
    /// Let go of it now; the server does it once an hour by itself
    Run {
        /// Org, by id or name; default: all that you see
        #[arg(long)]
        org: Option<String>,
        /// Only say what would go, as list does
        #[arg(long)]
        dry_run: bool,
    },
}

/// A project by id or name.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProjectNamed {
    /// Id or name
    pub(crate) name: String,
    /// Org, by id or name; a project's name is unique in its org only
    #[arg(long)]
    pub(crate) org: Option<String>,
}

/// `devlab project`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// List projects
    List {
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Make an empty one; push to its clone-url, or use `devlab run` in a checkout
    Create {
        /// Name: 1 to 63 of a-z 0-9 -
        name: String,
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        /// Branch that goals go into
        #[arg(long)]
        default_branch: Option<String>,
        /// Where people work on it
        #[arg(long)]
        upstream: Option<String>,
    },
    /// Make one from an https address
    Import {
        /// Name: 1 to 63 of a-z 0-9 -
        name: String,
        /// The address
        from: String,
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        /// Branch that goals go into
        #[arg(long)]
        default_branch: Option<String>,
    },
    /// Show one
    Show(ProjectNamed),
    /// What .devlab/project.toml says on the default branch
    Settings(ProjectNamed),
    /// Address for git
    CloneUrl(ProjectNamed),
    /// Move the repository to another server of the lab; work on it waits meanwhile
    Move {
        #[command(flatten)]
        project: ProjectNamed,
        /// The server: its id, or the name of its machine (`devlab peers` lists them)
        #[arg(long, value_name = "SERVER")]
        to: String,
        /// The server that has it now will not come back: take what the other one has of it from an
        /// earlier move, if no commit is missing there that the lab has accepted
        #[arg(long)]
        lost: bool,
    },
    /// Exchange commits between this checkout and its project
    Sync {
        /// Push what landed to this remote's branch too, with your own git credentials
        #[arg(long, value_name = "REMOTE")]
        push: Option<String>,
    },
}

/// `devlab goal`.
#[derive(Debug, Subcommand)]
pub(crate) enum GoalCommand {
    /// List goals
    List {
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        /// Only in this state
        #[arg(long)]
        state: Option<String>,
        /// Archived ones too
        #[arg(long)]
        archived: bool,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one and all its tasks
    Show(Named),
    /// Make one that is done by a plan
    Create {
        #[command(flatten)]
        plan: Box<PlanOfGoal>,
        /// Whether a person reviews its result; what the plan says if left out
        #[arg(long)]
        review: Option<bool>,
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        /// Project, by id or name
        #[arg(long)]
        project: Option<String>,
    },
    /// Schedule a graph from a JSON file (- is standard input)
    Schedule {
        /// The file
        file: PathBuf,
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        /// Project, by id or name
        #[arg(long)]
        project: Option<String>,
    },
    /// Call it off
    Cancel(Named),
}

/// `devlab task`.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List tasks
    List {
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        /// Children of this task
        #[arg(long)]
        parent: Option<String>,
        /// Everything that serves this goal
        #[arg(long)]
        goal: Option<String>,
        /// Only in this state
        #[arg(long)]
        state: Option<String>,
        /// Words in the title
        #[arg(long)]
        text: Option<String>,
        /// Archived ones too
        #[arg(long)]
        archived: bool,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one; with --output json, also what went wrong on the way to what is done
    Show(Named),
    /// Make one
    Create(Box<TaskNew>),
    /// Change it; its words and its command only until work on it starts
    Update(Box<TaskUpdate>),
    /// Say something to whoever does it; if its driver cannot hear it now, the next attempt does
    Tell {
        /// Id of the task
        name: String,
        #[command(flatten)]
        words: Words,
    },
    /// Answer what its agent asks; the next attempt hears it, and goes on
    Answer(Answer),
    /// What there is to choose from, or, with an alternative, take that one: the others are called off
    Choose {
        /// Id of the task that has alternatives
        name: String,
        /// The alternative: its number or its id
        alternative: Option<String>,
    },
    /// Call it off
    Cancel(Named),
    /// Let it be tried again
    Retry(Named),
    /// Hide it from lists
    Archive(Named),
    /// Approve what waits for it: a draft, the start of a task, the publication of a result, or that an
    /// alternative is the one that is taken
    Approve(Named),
    /// Its log; with --output json, an object for each line of it, one a line
    Logs {
        /// Id of the task
        name: String,
        /// Go on as it grows, with later attempts too
        #[arg(short, long)]
        follow: bool,
        /// The number of an attempt; the newest if left out
        #[arg(long, value_name = "N")]
        attempt: Option<u32>,
        /// Begin with the last N lines
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        tail: Option<u32>,
    },
    /// Its attempts
    Attempts(Named),
    /// The receipts of its checks
    Receipts(Named),
    /// Where it, or what is below it, will touch the same paths as other tasks
    Conflicts(Named),
    /// Fetch its result into a branch of this checkout, and switch to it
    Checkout {
        /// Id of the task
        name: String,
        /// Branch; devlab/<title> if left out
        #[arg(long, value_name = "BRANCH")]
        into: Option<String>,
    },
    /// Its result as a diff
    Diff(Named),
    /// The commits of its result
    Log(Named),
}

/// `devlab task create`.
#[derive(Debug, Args)]
pub(crate) struct TaskNew {
    /// One line
    pub(crate) title: String,
    /// What is wanted, in words
    #[arg(long)]
    pub(crate) goal: Option<String>,
    /// Org, by id or name
    #[arg(long)]
    pub(crate) org: Option<String>,
    /// Project, by id or name
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Composite that it belongs to
    #[arg(long)]
    pub(crate) parent: Option<String>,
    /// Tasks that have to be done first
    #[arg(long, value_name = "ID")]
    pub(crate) depends_on: Vec<String>,
    /// A check besides the project's, run by sh and called after its words; may be given several times
    #[arg(long = "check", value_name = "CMD")]
    pub(crate) checks: Vec<String>,
    /// Files to keep of what it leaves, besides the project's, such as 'target/report/**'; may be
    /// given several times
    #[arg(long = "artifact", value_name = "PATTERN")]
    pub(crate) artifacts: Vec<String>,
    /// Files and folders that it will touch, by commas: what overlaps with other tasks is shown
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    pub(crate) paths: Vec<String>,
    /// Labels that an agent needs, by commas
    #[arg(long, value_delimiter = ',')]
    pub(crate) labels: Vec<String>,
    /// Higher is earlier
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    pub(crate) priority: i16,
    /// Whether a person reviews the result
    #[arg(long)]
    pub(crate) review: Option<bool>,
    /// It does things outside that must not be repeated by themselves
    #[arg(long)]
    pub(crate) side_effects: bool,
    /// It waits for an approval
    #[arg(long)]
    pub(crate) draft: bool,
    /// Try it N times at once, 2 to 8, and take one of the results
    #[arg(long, value_name = "N")]
    pub(crate) best_of: Option<u8>,
    /// Time limit of the command in seconds
    #[arg(long, value_name = "SECS")]
    pub(crate) driver_timeout: Option<u32>,
    /// The command that does it
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// `devlab task update`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct TaskUpdate {
    /// Id of the task
    pub(crate) name: String,
    /// One line
    #[arg(long, group = "change")]
    pub(crate) title: Option<String>,
    /// What is wanted, in words
    #[arg(long, group = "change")]
    pub(crate) goal: Option<String>,
    /// Higher is earlier
    #[arg(long, group = "change", allow_hyphen_values = true)]
    pub(crate) priority: Option<i16>,
    /// Tasks that have to be done first, besides those that have to already
    #[arg(long, group = "change", value_name = "ID")]
    pub(crate) depends_on: Vec<String>,
    /// The script that does it, run by sh; a task that waits for somebody takes a new one too
    #[arg(long, group = "change", value_name = "SCRIPT")]
    pub(crate) driver_command: Option<String>,
    /// Time limit of the script or command in seconds
    #[arg(long, value_name = "SECS")]
    pub(crate) driver_timeout: Option<u32>,
    /// The command that does it, instead of a script
    #[arg(
        last = true,
        group = "change",
        value_name = "CMD",
        conflicts_with = "driver_command"
    )]
    pub(crate) command: Vec<String>,
}

/// `devlab run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// What is wanted, in words
    pub(crate) goal: String,
    /// A check besides the project's, run by sh and called after its words; may be given several
    /// times
    #[arg(long = "check", value_name = "CMD")]
    pub(crate) checks: Vec<String>,
    /// Files to keep of what it leaves, besides the project's, such as 'target/report/**'; may be
    /// given several times
    #[arg(long = "artifact", value_name = "PATTERN")]
    pub(crate) artifacts: Vec<String>,
    /// Files and folders that it will touch, by commas: what overlaps with other tasks is shown
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    pub(crate) paths: Vec<String>,
    /// Name of the project, the first time; the checkout's folder if left out
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Org, by id or name
    #[arg(long)]
    pub(crate) org: Option<String>,
    /// Start without the commits at HEAD that are not in the project's branch
    #[arg(long)]
    pub(crate) without_head: bool,
    /// Let a person review the result before it is merged
    #[arg(long)]
    pub(crate) review: bool,
    /// Labels that an agent needs, by commas
    #[arg(long, value_delimiter = ',')]
    pub(crate) labels: Vec<String>,
    /// Time limit of the command in seconds
    #[arg(long, value_name = "SECS")]
    pub(crate) driver_timeout: Option<u32>,
    /// Try it N times at once, 2 to 8, and take one of the results
    #[arg(long, value_name = "N")]
    pub(crate) best_of: Option<u8>,
    /// Schedule it and leave
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// The command that does it; if left out, agents with a driver of their own take it
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// `devlab patch`.
#[derive(Debug, Subcommand)]
pub(crate) enum PatchCommand {
    /// List patches that are open
    List {
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        /// Those in another state: open, merged or closed
        #[arg(long, default_value = "open")]
        state: String,
        /// Those in every state
        #[arg(long, conflicts_with = "state")]
        all: bool,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one with its discussion
    Show(Named),
    /// Its diff
    Diff(Named),
    /// Say something; a result that waits for its review goes back to work with it
    Comment {
        /// Id of the patch
        name: String,
        #[command(flatten)]
        words: Words,
        /// For people only: nothing goes back to work
        #[arg(long)]
        note: bool,
    },
    /// Let its head in
    Accept {
        /// Id of the patch
        name: String,
        #[command(flatten)]
        words: OptionalWords,
    },
    /// Send it back to work, with words
    Reject {
        /// Id of the patch
        name: String,
        #[command(flatten)]
        words: Words,
    },
}

/// An answer to what an agent asks.
#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// Id of the task
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) reply: Reply,
    /// Only if this is still what is asked
    #[arg(long, value_name = "NUMBER")]
    pub(crate) number: Option<u32>,
}

/// Words, or one of the choices.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Reply {
    /// The answer in words
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// The choice with this number, as `devlab task show` numbers them
    #[arg(long, value_name = "N")]
    pub(crate) choice: Option<u32>,
}

/// What a person says of a patch.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Words {
    /// The words
    words: Option<String>,
    /// The same, as a flag
    #[arg(short, long, value_name = "WORDS")]
    message: Option<String>,
}

impl Words {
    /// The words, however they were given; the parser made sure that they were.
    pub(crate) fn text(self) -> String {
        self.words.or(self.message).unwrap_or_default()
    }
}

/// What a person says of a patch, if anything.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub(crate) struct OptionalWords {
    /// Words to go with it
    words: Option<String>,
    /// The same, as a flag
    #[arg(short, long, value_name = "WORDS")]
    message: Option<String>,
}

impl OptionalWords {
    /// The words, however they were given; empty if there are none.
    pub(crate) fn text(self) -> String {
        self.words.or(self.message).unwrap_or_default()
    }
}

/// `devlab agents`.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// List agents
    List {
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one
    Show(Named),
    /// Give it no new work
    Drain(Named),
    /// Forget it
    Remove(Named),
}

/// `devlab token`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// List tokens, without their secrets
    List {
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Make one; its secret is printed this once
    Create {
        /// admin, operator, viewer, agent or metrics
        role: String,
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        /// What it is for
        #[arg(long, default_value = "")]
        note: String,
        /// How long it is good, such as 90d, 12h or 30m; for ever if left out
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Make one useless
    Revoke(Named),
}

/// `devlab artifact`.
#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactCommand {
    /// Files that the last attempt at a task left
    List {
        /// Id of the task
        name: String,
        /// The number of another attempt
        #[arg(long, value_name = "N")]
        attempt: Option<u32>,
    },
    /// Fetch one of them, or all
    Get {
        /// Id of the task
        name: String,
        /// Path, as `devlab artifact list` shows it; all if left out
        path: Option<String>,
        /// The number of another attempt
        #[arg(long, value_name = "N")]
        attempt: Option<u32>,
        /// Folder that they go into, with their paths; - prints the one that is named
        #[arg(long, value_name = "DIR", default_value = ".")]
        into: PathBuf,
    },
}

//! The command line.

mod lab;
mod nouns;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use lab::{
    AgentArgs, Demo, Down, Logs, ServerArgs, SuperviseArgs, SuperviseExecArgs, Up,
};
pub(crate) use nouns::{
    AgentsCommand, GoalCommand, OrgCommand, Paging, PatchCommand, ProjectCommand, Run, TaskCommand,
    TaskNew, TokenCommand,
};

/// What `--help` says of exit codes.
const EXIT_CODES: &str = "\
Exit codes:
  0  it worked
  1  the thing itself failed: a task needs attention, a check does not hold
  2  the command line or a setting is wrong
  3  no lab answers
  4  the token is missing, unknown, or not allowed to
  5  there is no such thing
  6  it took too long

Settings come from defaults, devlab.toml in DEVLAB_HOME, the environment and flags, in this
order; `devlab config` prints them and where each comes from.";

/// devlab: a lab in which people and coding agents build software together
#[derive(Debug, Parser)]
#[command(name = "devlab", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of all commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Server to talk to, such as http://127.0.0.1:18080
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    pub(crate) url: Option<String>,
    /// Token to use; DEVLAB_TOKEN keeps it out of the process table
    #[arg(long, global = true, value_name = "TOKEN", help_heading = "Connection")]
    pub(crate) token: Option<String>,
    /// How to print
    #[arg(long, global = true, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

/// All commands.
#[derive(Debug, Subcommand)]
#[command(infer_subcommands = false)]
pub(crate) enum Command {
    /// Get something done in this checkout
    Run(Run),
    /// Start the lab on this machine: the server and local agents
    Up(Up),
    /// Stop the lab on this machine
    Down(Down),
    /// Run the server alone, in the foreground
    Server(ServerArgs),
    /// Run one agent, in the foreground
    Agent(AgentArgs),
    /// Show several agents at work on a real repository
    Demo(Demo),
    /// Say what is missing on this machine, and how to get it
    Doctor,
    /// The log of the lab and its local agents
    Logs(Logs),
    /// Orgs
    #[command(subcommand)]
    Org(OrgCommand),
    /// Projects
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Goals: tasks that serve nothing else
    #[command(subcommand)]
    Goal(GoalCommand),
    /// Tasks
    #[command(subcommand)]
    Task(TaskCommand),
    /// Patches that wait for a review, and their discussion
    #[command(subcommand)]
    Patch(PatchCommand),
    /// Agents
    #[command(subcommand)]
    Agents(AgentsCommand),
    /// Tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// What happened
    Events {
        /// Go on as things happen
        #[arg(short, long)]
        follow: bool,
        /// Only what came after this place
        #[arg(long, default_value_t = 0, value_name = "SEQ")]
        after: u64,
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
    },
    /// Who changed what
    Audit {
        /// Org, by id or name
        #[arg(long)]
        org: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Whose token this is
    Whoami,
    /// Servers of the lab
    Peers,
    /// Places where agents run
    Clusters,
    /// What is in force, and where each value comes from
    Config,
    /// Completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// The process between an agent and a driver
    #[command(hide = true)]
    Supervise(SuperviseArgs),
    /// The last step before a driver
    #[command(hide = true)]
    SuperviseExec(SuperviseExecArgs),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["devlab"], words].concat())
    }

    #[test]
    fn words_about_a_patch_are_given_in_one_way() {
        for verb in ["comment", "accept", "reject"] {
            for words in [&["so"][..], &["-m", "so"], &["--message", "so"]] {
                let args = parse(&[&["patch", verb, "ID"], words].concat()).unwrap();
                let said = match args.command {
                    Command::Patch(PatchCommand::Accept { words, .. }) => words.text(),
                    Command::Patch(
                        PatchCommand::Comment { words, .. } | PatchCommand::Reject { words, .. },
                    ) => words.text(),
                    other => panic!("{other:?}"),
                };
                assert_eq!(said, "so", "{verb}");
            }
            assert!(parse(&["patch", verb, "ID", "so", "-m", "so"]).is_err());
        }
        assert!(parse(&["patch", "accept", "ID"]).is_ok());
        assert!(parse(&["patch", "comment", "ID"]).is_err());
        assert!(parse(&["patch", "reject", "ID"]).is_err());
    }
}

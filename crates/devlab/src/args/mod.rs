//! The command line.

mod archive;
mod lab;
mod nouns;
mod plans;
mod policies;
mod provenance;
mod schedules;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use archive::{Backup, DbCommand, Export, Import, Restore};
pub(crate) use lab::{
    AgentArgs, Demo, Down, Logs, ServerArgs, SuperviseArgs, SuperviseExecArgs, Up,
};
pub(crate) use nouns::{
    AgentsCommand, Answer, ArtifactCommand, GoalCommand, OrgCommand, Paging, PatchCommand,
    ProjectCommand, ProjectNamed, RetentionCommand, Run, TaskCommand, TaskNew, TaskUpdate,
    TokenCommand,
};
pub(crate) use plans::{Again, OnRunning, PlanCommand, PlanFrom, PlanOfGoal, RevisionOf};
pub(crate) use policies::{PolicyCommand, PolicyLevel};
pub(crate) use provenance::{ProvenanceCommand, RepoHere};
pub(crate) use schedules::{ScheduleAdd, ScheduleCommand, ScheduleNamed};

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
  7  the work is done, and waits for a review or a choice before it is merged
  8  no agent can do it: start one, or give the command
130  Ctrl-C ended it";

/// What `devlab --help` says on top.
const SETTINGS: &str = "\
Settings come from defaults, devlab.toml in DEVLAB_HOME, the environment and flags, in this
order; `devlab config` prints them and where each comes from.";

/// devlab: a lab in which people and coding agents build software together
#[derive(Debug, Parser)]
#[command(name = "devlab", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The whole command line. Every command says what its exit codes mean, because nobody looks for
/// that one level up.
pub(crate) fn command_line() -> clap::Command {
    with_exit_codes(Args::command()).after_help(format!("{EXIT_CODES}\n\n{SETTINGS}"))
}

fn with_exit_codes(command: clap::Command) -> clap::Command {
    command
        .after_help(EXIT_CODES)
        .mut_subcommands(with_exit_codes)
}

impl Args {
    /// Reads a command line; its first word is the program's name.
    ///
    /// # Errors
    /// What the parser says, `--help` and `--version` included.
    pub(crate) fn read(words: &[OsString]) -> Result<Self, clap::Error> {
        let mut args = Self::from_arg_matches(&command_line().try_get_matches_from(words)?)?;
        if args.global.form == Form::Dot {
            let Command::Plan(PlanCommand::Compile { dot, .. }) = &mut args.command else {
                let problem = "only `devlab plan compile` prints a graph: use table or json\n";
                return Err(command_line().error(clap::error::ErrorKind::InvalidValue, problem));
            };
            *dot = true;
        }
        Ok(args)
    }
}

/// Whether a command line asks for JSON, as far as that can be told of one that is wrong.
pub(crate) fn asks_for_json(words: &[OsString]) -> bool {
    let flags: Vec<&str> = words
        .iter()
        .map_while(|word| word.to_str().filter(|word| *word != "--"))
        .collect();
    flags.contains(&"--output=json") || flags.windows(2).any(|pair| pair == ["--output", "json"])
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
    #[arg(long = "output", global = true, value_enum, default_value_t = Form::Table, value_name = "FORM")]
    form: Form,
}

impl Global {
    /// How to print everything but graphs.
    pub(crate) fn output(&self) -> Output {
        match self.form {
            Form::Json => Output::Json,
            Form::Table | Form::Dot => Output::Table,
        }
    }
}

/// What `--output` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// For programs
    Json,
    /// A graph for Graphviz
    #[value(hide = true)]
    Dot,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The log of the lab and its local agents; as JSON, an object a line
    Logs(Logs),
    /// Take a backup of the lab, which may run meanwhile
    Backup(Backup),
    /// Put a backup back, on this machine, into a lab that is stopped
    Restore(Restore),
    /// Say whether everything that the lab names is there and as it says
    Verify,
    /// The store
    #[command(subcommand)]
    Db(DbCommand),
    /// Logs, artifacts and refs of goals that ended long ago
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Orgs
    #[command(subcommand)]
    Org(OrgCommand),
    /// Projects
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Goals: tasks that serve nothing else
    #[command(subcommand)]
    Goal(GoalCommand),
    /// Plans: how goals are done
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Policies: approvals, retries, time and how much runs at one time
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Schedules and webhooks that start goals
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Tasks
    #[command(subcommand)]
    Task(TaskCommand),
    /// Patches that wait for a review, and their discussion
    #[command(subcommand)]
    Patch(PatchCommand),
    /// Signed statements of how a commit came to be
    #[command(subcommand)]
    Provenance(ProvenanceCommand),
    /// Files that attempts left
    #[command(subcommand)]
    Artifact(ArtifactCommand),
    /// Agents
    #[command(subcommand)]
    Agents(AgentsCommand),
    /// Tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// What happened; as JSON, an object a line
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
        /// Words that all stand in the action, target, actor or request id
        #[arg(long)]
        text: Option<String>,
        /// At this time or later, like 2026-01-31T12:00:00Z
        #[arg(long)]
        since: Option<String>,
        /// Before this time
        #[arg(long)]
        until: Option<String>,
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

    fn words(words: &[&str]) -> Vec<OsString> {
        [&["devlab"], words]
            .concat()
            .iter()
            .map(OsString::from)
            .collect()
    }

    fn parse(of: &[&str]) -> Result<Args, clap::Error> {
        Args::read(&words(of))
    }

    /// Commands that do something, each with its name from the top.
    fn leaves(command: &clap::Command, name: &str, found: &mut Vec<(String, clap::Command)>) {
        let below: Vec<_> = command.get_subcommands().collect();
        for one in below.iter().filter(|one| one.get_name() != "help") {
            leaves(one, &format!("{name} {}", one.get_name()), found);
        }
        if below.is_empty() {
            found.push((name.to_owned(), command.clone()));
        }
    }

    #[test]
    fn every_command_takes_output_and_says_its_exit_codes() {
        let mut whole = command_line();
        whole.build();
        let mut found = Vec::new();
        leaves(&whole, "devlab", &mut found);
        assert!(found.len() > 50, "{}", found.len());
        for (name, command) in &mut found {
            let output = command
                .get_arguments()
                .find(|arg| arg.get_long() == Some("output"));
            let forms = output
                .map(clap::Arg::get_possible_values)
                .unwrap_or_default();
            let forms = forms.iter().filter(|form| !form.is_hide_set());
            let forms: Vec<&str> = forms.map(|form| form.get_name()).collect();
            assert_eq!(forms, ["table", "json"], "{name}");
            let help = command.render_long_help().to_string();
            assert!(help.contains("3  no lab answers"), "{name}: {help}");
        }
    }

    #[test]
    fn only_a_plan_that_is_compiled_is_a_graph() {
        let compiled = parse(&["plan", "compile", "--plan", "x", "--output", "dot"]).unwrap();
        let Command::Plan(PlanCommand::Compile { dot, .. }) = compiled.command else {
            panic!("{compiled:?}")
        };
        assert!(dot);
        let refused = parse(&["plan", "show", "x", "--output", "dot"]).unwrap_err();
        assert!(
            refused.to_string().contains("use table or json"),
            "{refused}"
        );
    }

    #[test]
    fn a_wrong_command_line_may_ask_for_json_too() {
        for (line, json) in [
            (&["nonsense", "--output", "json"][..], true),
            (&["--output=json", "nonsense"], true),
            (&["nonsense", "--output", "table"], false),
            (&["run", "x", "--", "tool", "--output=json"], false),
        ] {
            assert_eq!(asks_for_json(&words(line)), json, "{line:?}");
        }
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

//! Plans: compiled here, proposed to a lab, shown and decided.

mod compile;
mod print;

use std::path::Path;

use devlab_api::client::{Client, ClientError};
use devlab_api::plan::{
    ApprovePlan, CreateGoal, FileInput, OnRunning as WireRunning, PlanInput, PlanRevision,
    ProposePlan, RejectPlan, SpecKitInput,
};
use devlab_api::task::{Command, Driver};
use devlab_core::TaskId;
use devlab_core::plan::PlanState;

use super::{file, find};
use crate::args::{Again, OnRunning, Output, PlanCommand, PlanOfGoal, RevisionOf};
use crate::context::Context;
use crate::failure::Failure;
use crate::show;

/// `devlab plan`.
pub(crate) async fn run(context: &Context, command: PlanCommand) -> anyhow::Result<()> {
    match command {
        PlanCommand::Compile { from, dot } => compile::run(context, &from, dot),
        PlanCommand::Schema => show::bytes(devlab_core::plan::file::SCHEMA.as_bytes()),
        PlanCommand::Show(of) => {
            let (client, id, revision) = found(context, &of, Unnamed::Shown).await?;
            let plan = client.plan(id, revision.number).await?;
            print::detail(context.output, &plan)
        }
        PlanCommand::Diff { of, from } => {
            let (client, id, revision) = found(context, &of, Unnamed::Newest).await?;
            let diff = client.plan_diff(id, revision.number, from).await?;
            print::diff(context.output, &diff)
        }
        PlanCommand::History(named) => {
            let client = context.client()?;
            let id = find::task(&client, &named.name).await?;
            print::history(context.output, &client.plans(id).await?.items)
        }
        PlanCommand::Propose {
            name,
            plan,
            again,
            running,
        } => propose(context, &name, *plan, again, running).await,
        PlanCommand::Approve { of, words, running } => {
            let (client, id, revision) = found(context, &of, Unnamed::Open).await?;
            let ruling = ApprovePlan {
                why: words.text(),
                running: running.map(wire),
            };
            let plan = client.approve_plan(id, revision.number, &ruling).await?;
            print::decided(context.output, &plan.revision)
        }
        PlanCommand::Reject { of, words } => {
            let (client, id, revision) = found(context, &of, Unnamed::Open).await?;
            let why = words.text();
            let ruling = RejectPlan { why };
            let revision = client.reject_plan(id, revision.number, &ruling).await?;
            print::decided(context.output, &revision)
        }
    }
}

/// Which revision a command means that was given no number.
#[derive(Clone, Copy)]
enum Unnamed {
    Newest,
    /// The current one, or else the newest.
    Shown,
    /// The one that waits for a decision. Of several none: which one was looked at is not known.
    Open,
}

impl Unnamed {
    fn of(self, all: &[PlanRevision]) -> anyhow::Result<Option<&PlanRevision>> {
        let with = |state| all.iter().filter(move |r| r.state == state);
        match self {
            Self::Newest => Ok(all.last()),
            Self::Shown => Ok(with(PlanState::Current).next().or(all.last())),
            Self::Open if with(PlanState::Proposed).count() > 1 => {
                let numbers: Vec<_> = with(PlanState::Proposed)
                    .map(|r| r.number.to_string())
                    .collect();
                Err(Failure::usage(format!(
                    "revisions {} wait for a decision: name one with --revision",
                    numbers.join(", ")
                )))
            }
            Self::Open => Ok(with(PlanState::Proposed).next()),
        }
    }
}

async fn found(
    context: &Context,
    of: &RevisionOf,
    unnamed: Unnamed,
) -> anyhow::Result<(Client, TaskId, PlanRevision)> {
    let client = context.client()?;
    let id = find::task(&client, &of.name).await?;
    let all = client.plans(id).await?.items;
    let revision = match of.revision {
        Some(number) => all.iter().find(|r| r.number == number),
        None => unnamed.of(&all)?,
    };
    let missing = || match all.is_empty() {
        true => Failure::not_found(format!("{id} has no plan")),
        false => Failure::not_found(format!("{id} has no such revision of its plan")),
    };
    let revision = revision.cloned().ok_or_else(missing)?;
    Ok((client, id, revision))
}

fn wire(running: OnRunning) -> WireRunning {
    match running {
        OnRunning::Cancel => WireRunning::Cancel,
        OnRunning::Finish => WireRunning::Finish,
    }
}

/// Where a goal goes, and how its result gets there.
pub(crate) struct Place {
    pub(crate) org: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) review: Option<bool>,
}

/// `devlab goal create`.
pub(crate) async fn create_goal(
    context: &Context,
    plan: PlanOfGoal,
    place: Place,
) -> anyhow::Result<()> {
    let client = context.client()?;
    let goal = CreateGoal {
        org: place.org,
        project: place.project,
        input: input(&plan, Again::default())?,
        depends_on: Vec::new(),
        review: place.review,
        why: plan.why,
        approve: plan.approve,
    };
    let made = client.create_goal(&goal).await.map_err(problems)?;
    if context.output == Output::Json {
        return show::json(&made);
    }
    print::detail(context.output, &made.plan)?;
    show::line("")?;
    print::decided(context.output, &made.plan.revision)
}

async fn propose(
    context: &Context,
    name: &str,
    plan: PlanOfGoal,
    again: Again,
    running: Option<OnRunning>,
) -> anyhow::Result<()> {
    let client = context.client()?;
    let id = find::task(&client, name).await?;
    let all = client.plans(id).await?.items;
    let current = all.iter().find(|r| r.state == PlanState::Current);
    let wanted = ProposePlan {
        input: input(&plan, again)?,
        parent: current.map(|revision| revision.number),
        why: plan.why,
        approve: plan.approve,
        running: running.map(wire),
    };
    let made = client.propose_plan(id, &wanted).await.map_err(problems)?;
    if context.output == Output::Json {
        return show::json(&made);
    }
    let diff = client.plan_diff(id, made.revision.number, None).await?;
    print::diff(context.output, &diff)?;
    show::line("")?;
    print::decided(context.output, &made.revision)
}

fn input(plan: &PlanOfGoal, again: Again) -> anyhow::Result<PlanInput> {
    if let Some(folder) = &plan.from.spec_kit {
        let argv = plan.command.clone();
        let driver = (!argv.is_empty()).then(|| {
            Driver::Command(Command {
                argv,
                ..Command::default()
            })
        });
        let stories_in_parallel = match plan.from.stories_in_turn {
            true => Some(false),
            false => again.stories_in_parallel.then_some(true),
        };
        return Ok(PlanInput::SpecKit(SpecKitInput {
            folder: folder.clone(),
            at: plan.at.clone(),
            stories_in_parallel,
            driver,
            no_driver: again.no_command,
        }));
    }
    let file = plan.from.plan.as_deref().unwrap_or(Path::new("-"));
    Ok(PlanInput::File(FileInput {
        name: file.display().to_string(),
        text: file::read(file)?,
    }))
}

/// Names everything that is wrong with a plan, one problem a line.
fn problems(error: ClientError) -> anyhow::Error {
    let lines: Vec<String> = match error.problem() {
        Some(problem) => {
            let all = problem.problems.iter().cloned();
            all.map(|one| devlab_core::plan::Problem::from(one).to_string())
                .collect()
        }
        None => Vec::new(),
    };
    match lines.is_empty() {
        true => error.into(),
        false => Failure::usage(format!("this is not a plan:\n{}", lines.join("\n"))),
    }
}

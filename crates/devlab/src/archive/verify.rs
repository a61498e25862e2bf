//! `devlab verify`.

use devlab_api::archive::{LabProblem, LabReport};
use devlab_orchestrator::archive::{Report, verify};

use super::Lab;
use crate::args::Output;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::show;

pub(crate) async fn run(context: &Context) -> anyhow::Result<()> {
    let report = match Lab::find(context).await? {
        Lab::Running(client) => client.verify().await?,
        Lab::Stopped(lab) => {
            let report = Box::pin(verify(&lab.estate)).await?;
            lab.close().await?;
            to_wire(report)
        }
    };
    match context.output {
        Output::Json => show::json(&report)?,
        Output::Table => table(&report)?,
    }
    holds(&report)
}

pub(crate) fn to_wire(report: Report) -> LabReport {
    LabReport {
        ok: report.problems.is_empty(),
        projects: report.counted.projects,
        elsewhere: report.counted.elsewhere,
        tasks: report.counted.tasks,
        objects: report.counted.objects,
        blobs: report.counted.blobs,
        receipts: report.counted.receipts,
        merges: report.counted.merges,
        problems: report
            .problems
            .into_iter()
            .map(|problem| LabProblem {
                place: problem.place,
                what: problem.what,
                help: problem.help.to_owned(),
            })
            .collect(),
        more: report.more,
    }
}

/// What was looked at and what was found, for people.
pub(crate) fn table(report: &LabReport) -> anyhow::Result<()> {
    show::line(&format!(
        "looked at {}, {}, {} that they name, {}, {}, {}",
        show::count(report.projects, "project"),
        show::count(report.tasks, "task"),
        show::count(report.objects, "object"),
        show::count(report.blobs, "blob"),
        show::count(report.receipts, "receipt"),
        show::count(report.merges, "merge"),
    ))?;
    for problem in &report.problems {
        let LabProblem { place, what, help } = problem;
        let (red, end) = (show::RED, "\n  → ");
        show::line(&format!("{red}✗{red:#} {place}: {what}{end}{help}"))?;
    }
    if report.more > 0 {
        show::line(&format!("and {}", show::count(report.more, "problem more")))?;
    }
    if report.elsewhere > 0 {
        show::line(&format!(
            "{} on the disks of other servers: start the lab, which then looks at them too",
            match report.elsewhere {
                1 => "1 repository is".to_owned(),
                many => format!("{many} repositories are"),
            }
        ))?;
    }
    if report.ok {
        let green = show::GREEN;
        show::line(&format!("{green}✓{green:#} everything holds"))?;
    }
    Ok(())
}

/// The exit code that a report stands for.
pub(crate) fn holds(report: &LabReport) -> anyhow::Result<()> {
    if report.ok {
        return Ok(());
    }
    let count = report.problems.len() as u64 + report.more;
    Err(Failure::new(
        Exit::Failed,
        format!("{} found", show::count(count, "problem")),
    ))
}

//! How long a Spec-Kit feature takes to become a plan: `devlab plan compile`, from its start to its
//! end, against the number of tasks.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::process::Command;
use tokio::time::Instant;

use super::Session;
use crate::args::Planner;
use crate::lab::data_folder;
use crate::stats::{Metrics, Samples};

/// Tasks of one phase.
const PHASE: u32 = 100;
/// How often each size is compiled in a run.
const REPEATS: u32 = 5;

pub(crate) async fn run(session: &mut Session<'_>, size: &Planner) -> anyhow::Result<Metrics> {
    ensure!(
        session.args.url.is_none(),
        "planner measures the executable: leave --url out"
    );
    // Only to know which version it is.
    session.lab().await?.stop().await?;
    let mut metrics = Metrics::new();
    let folder = data_folder(session.args)?;
    for (name, tasks) in [("few", size.few), ("many", size.many), ("most", size.most)] {
        std::fs::write(folder.path().join("spec.md"), spec())?;
        std::fs::write(folder.path().join("tasks.md"), feature(tasks)?)?;
        let mut samples = Samples::default();
        for _ in 0..REPEATS {
            let start = Instant::now();
            compile(&session.args.server_bin, folder.path()).await?;
            samples.push(start.elapsed());
        }
        samples.report(&format!("compile_{name}"), &mut metrics);
    }
    let per_task = |name: &str, tasks: u32| {
        let millis = metrics.get(&format!("compile_{name}_p50_ms"));
        millis.map(|millis| millis / f64::from(tasks))
    };
    let ratio = per_task("most", size.most)
        .zip(per_task("many", size.many))
        .map(|(most, many)| most / many)
        .context("nothing was compiled")?;
    metrics.insert("compile_per_task_ratio".to_owned(), ratio);
    Ok(metrics)
}

async fn compile(binary: &Path, folder: &Path) -> anyhow::Result<()> {
    let status = Command::new(binary)
        .args(["plan", "compile", "--output", "dot", "--spec-kit"])
        .arg(folder)
        .stdout(Stdio::null())
        .status()
        .await
        .with_context(|| format!("cannot run {}", binary.display()))?;
    ensure!(status.success(), "the feature did not compile: {status}");
    Ok(())
}

/// Two stories, with words as people write them.
fn spec() -> String {
    let story = |number: u32| {
        format!(
            "### User Story {number} - A journey (Priority: P{number})\n\n\
             A person does something, as FR-00{number} says.\n\n**Acceptance Scenarios**:\n\n\
             1. **Given** a state, **When** something happens, **Then** another one follows\n\n"
        )
    };
    format!(
        "# Feature Specification: Large\n\n{}{}- **FR-001**: It MUST work\n- **FR-002**: Always\n",
        story(1),
        story(2)
    )
}

/// Phases of a story each, in which every fifth task waits for those before it.
fn feature(tasks: u32) -> anyhow::Result<String> {
    let mut text = String::from("# Tasks: Large\n");
    for id in 0..tasks {
        if id % PHASE == 0 {
            let phase = id / PHASE + 1;
            let story = phase % 2 + 1;
            write!(
                text,
                "\n## Phase {phase}: User Story {story} - A journey\n\n"
            )?;
        }
        let parallel = if id % 5 == 0 { "" } else { "[P] " };
        writeln!(
            text,
            "- [ ] T{id:06} {parallel}Write part {id} in src/part_{id}.rs as FR-001 says"
        )?;
    }
    Ok(text)
}

//! `devlab plan compile`: what an input on this machine comes to, without a lab.

use std::fmt::{self, Write};
use std::mem::ManuallyDrop;
use std::path::Path;

use devlab_core::check::Sha256Hex;
use devlab_core::plan::file::File;
use devlab_core::plan::spec_kit::{SPEC_FILE, SpecKit, TASKS_FILE};
use devlab_core::plan::{Plan, PlanTask, Planner, PlannerKind};
use serde::Serialize;

use crate::args::{Output, PlanFrom};
use crate::client::file;
use crate::context::Context;
use crate::failure::Failure;
use crate::show;

/// What a program gets.
#[derive(Serialize)]
struct Compiled<'p> {
    planner: PlannerKind,
    input: Sha256Hex,
    plan: &'p Plan,
}

pub(super) fn run(context: &Context, from: &PlanFrom, dot: bool) -> anyhow::Result<()> {
    let planner = planner(from)?;
    let plan = planner.plan().map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Failure::usage(format!("this is not a plan:\n{}", lines.join("\n")))
    })?;
    // The process ends with it. To take a large one apart first takes a fifth of the time of making it.
    let plan = ManuallyDrop::new(plan);
    if dot {
        return show::bytes(graph(&plan).as_bytes());
    }
    match context.output {
        Output::Json => show::json(&Compiled {
            planner: planner.kind(),
            input: planner.input_hash(),
            plan: &plan,
        }),
        Output::Table => table(&plan),
    }
}

fn planner(from: &PlanFrom) -> anyhow::Result<Box<dyn Planner>> {
    if let Some(folder) = &from.spec_kit {
        let folder = folder.trim_end_matches('/');
        return Ok(Box::new(SpecKit {
            folder: folder.to_owned(),
            spec: file::read(&Path::new(folder).join(SPEC_FILE))?,
            tasks: file::read(&Path::new(folder).join(TASKS_FILE))?,
            stories_in_parallel: !from.stories_in_turn,
            driver: None,
        }));
    }
    let file = from.plan.as_deref().unwrap_or(Path::new("-"));
    Ok(Box::new(File {
        name: file.display().to_string(),
        text: file::read(file)?,
    }))
}

fn table(plan: &Plan) -> anyhow::Result<()> {
    show::line(&format!(
        "{}: {}",
        plan.goal.title,
        show::count(plan.count() as u64, "task")
    ))?;
    let mut rows = Vec::new();
    collect(&plan.tasks, 0, &mut rows);
    show::table(&["key", "needs", "title"], rows.into_iter())?;
    for warning in &plan.warnings {
        show::note(&format!("{0}note:{0:#} {warning}", show::YELLOW));
    }
    Ok(())
}

fn collect(tasks: &[PlanTask], depth: usize, rows: &mut Vec<Vec<String>>) {
    for task in tasks {
        let done = if task.done { " (done)" } else { "" };
        rows.push(vec![
            format!("{:1$}{2}{done}", "", depth * 2, task.key),
            task.depends_on.join(" "),
            show::short(&task.spec.title, 70),
        ]);
        collect(&task.tasks, depth + 1, rows);
    }
}

/// A graph for Graphviz: an arrow leads from what is done first.
fn graph(plan: &Plan) -> String {
    let mut text = String::from("digraph plan {\n  rankdir=LR; node [shape=box];\n");
    nodes(&plan.tasks, "", &mut text);
    text.push_str("}\n");
    text
}

fn nodes(tasks: &[PlanTask], prefix: &str, text: &mut String) {
    for task in tasks {
        let below = format!("{prefix}{}/", task.key);
        let id = Quoted(&[prefix, &task.key]);
        let title = show::short(&task.spec.title, 40);
        let label = Quoted(&[&task.key, "\n", &title]);
        let style = if task.done { ", style=dashed" } else { "" };
        // Writing to a text cannot fail.
        writeln!(text, "  {id} [label={label}{style}];").ok();
        for key in &task.depends_on {
            writeln!(text, "  {} -> {id};", Quoted(&[prefix, key])).ok();
        }
        for child in &task.tasks {
            let child = Quoted(&[&below, &child.key]);
            writeln!(text, "  {child} -> {id} [style=dotted];").ok();
        }
        nodes(&task.tasks, &below, text);
    }
}

/// Texts one after the other, as one quoted name.
struct Quoted<'t>(&'t [&'t str]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for text in self.0 {
            if !text
                .bytes()
                .any(|byte| matches!(byte, b'\\' | b'"' | b'\n'))
            {
                f.write_str(text)?;
                continue;
            }
            for part in text.split_inclusive(['\\', '"', '\n']) {
                let plain = part.trim_end_matches(['\\', '"', '\n']);
                f.write_str(plain)?;
                match part[plain.len()..].chars().next() {
                    Some('\n') => f.write_str("\\n")?,
                    Some(special) => write!(f, "\\{special}")?,
                    None => {}
                }
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_for_graphviz_whatever_is_in_it() {
        let name = Quoted(&["a\\\\", "\n", "say \"b\"\n", ""]);
        assert_eq!(name.to_string(), r#""a\\\\\nsay \"b\"\n""#);
    }
}

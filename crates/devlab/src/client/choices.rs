//! Several attempts at once: what there is to choose from, and choosing.

use devlab_api::choice::{ChoiceAlternative, ChooseTask, TaskChoice};
use devlab_api::client::Client;
use devlab_core::TaskId;
use devlab_core::state::StateName;

use super::find::{self, brief};
use crate::args::Output;
use crate::context::Context;
use crate::failure::Failure;
use crate::show;

/// `devlab task choose`.
pub(crate) async fn run(
    context: &Context,
    client: &Client,
    name: &str,
    alternative: Option<&str>,
) -> anyhow::Result<()> {
    let task = find::task(client, name).await?;
    let Some(alternative) = alternative else {
        return print(context.output, &client.choice(task).await?);
    };
    let one = named(client, task, alternative).await?;
    let wanted = ChooseTask {
        alternative: one,
        head: None,
    };
    let choice = client.choose(task, &wanted).await?;
    if context.output == Output::Json {
        return show::json(&choice);
    }
    show::line(&format!(
        "{} is taken; `devlab task choose {}` shows the others, which are called off",
        brief(&one),
        brief(&task)
    ))
}

/// An alternative by its number or its id.
async fn named(client: &Client, task: TaskId, name: &str) -> anyhow::Result<TaskId> {
    // Longer digits are the end of an id.
    let number = Some(name).filter(|name| name.len() < 3);
    let Some(number) = number.and_then(|name| name.parse::<usize>().ok()) else {
        return find::task(client, name).await;
    };
    let all = client.choice(task).await?.alternatives;
    let one = number.checked_sub(1).and_then(|at| all.get(at));
    let one = one.map(|one| one.task);
    one.ok_or_else(|| Failure::usage(format!("there are alternatives 1 to {}", all.len())))
}

/// What there is to choose from.
pub(crate) fn print(output: Output, choice: &TaskChoice) -> anyhow::Result<()> {
    if output == Output::Json {
        return show::json(choice);
    }
    let columns = [
        "number", "id", "state", "checks", "changes", "commit", "title",
    ];
    let rows = (1..).zip(&choice.alternatives).map(|(number, one)| {
        vec![
            u32::to_string(&number),
            brief(&one.task),
            state(choice, one),
            checks(one),
            size(one),
            one.head
                .as_deref()
                .map(show::commit)
                .unwrap_or_default()
                .to_owned(),
            show::short(&one.title, 60),
        ]
    });
    show::table(&columns, rows)?;
    if let (Some(by), Some(chosen)) = (&choice.by, &choice.chosen) {
        show::note(&format!("{by} took {}", brief(chosen)));
    } else if choice.alternatives.iter().any(|one| one.choosable) {
        let id = brief(&choice.task);
        show::note(&format!(
            "`devlab task choose {id} NUMBER` takes one; `devlab task diff` of an alternative shows it"
        ));
    }
    Ok(())
}

fn state(choice: &TaskChoice, one: &ChoiceAlternative) -> String {
    if choice.chosen == Some(one.task) {
        return format!("taken, {}", one.state);
    }
    match (one.choosable, one.state) {
        (true, _) => "can be chosen".to_owned(),
        (false, StateName::Waiting) => match one.waiting_for {
            Some(reason) => format!("waiting: {}", super::tasks::waiting(reason)),
            None => one.state.to_string(),
        },
        (false, _) => one.state.to_string(),
    }
}

fn checks(one: &ChoiceAlternative) -> String {
    let passed = one.checks.iter().filter(|check| check.passed).count();
    match one.checks.len() {
        0 => String::new(),
        all => format!("{passed} of {all} passed"),
    }
}

fn size(one: &ChoiceAlternative) -> String {
    match one.diff {
        Some(diff) => format!("{} files +{} -{}", diff.files, diff.added, diff.removed),
        None => String::new(),
    }
}

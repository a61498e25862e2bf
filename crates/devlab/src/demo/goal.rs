//! The demo's goal, as it is scheduled.

use std::path::Path;

use anyhow::Context as _;
use devlab_api::plan::{CreateGoal, PlanInput, SpecKitInput};
use devlab_api::task::{Command, Driver, Schedule};

use super::history::FEATURE;

/// Stands for the folder of the demo's files in the arguments of drivers.
const FOLDER: &str = "{demo}";

/// Reads `goal.json`, for drivers that are in `demo`. No person reviews: nobody may be there.
pub(super) fn schedule(text: &str, demo: &Path, project: &str) -> anyhow::Result<Schedule> {
    let demo = demo
        .to_str()
        .context("the temporary folder's name is not UTF-8")?;
    let mut schedule: Schedule = serde_json::from_str(text).context("goal.json")?;
    for task in &mut schedule.tasks {
        if let Some(Driver::Command(command)) = &mut task.driver {
            for argument in &mut command.argv {
                *argument = argument.replace(FOLDER, demo);
            }
        }
    }
    schedule.project = Some(project.to_owned());
    schedule.review = Some(false);
    Ok(schedule)
}

/// The same work as a goal that is planned from the feature. Its tasks have the titles of those of
/// `goal.json`, which is how the driver knows what to do.
pub(super) fn feature(demo: &Path, project: &str) -> anyhow::Result<CreateGoal> {
    let worker = demo.join("drivers/worker.mjs");
    let worker = worker
        .to_str()
        .context("the temporary folder's name is not UTF-8")?;
    Ok(CreateGoal {
        org: None,
        project: Some(project.to_owned()),
        input: PlanInput::SpecKit(SpecKitInput {
            folder: FEATURE.to_owned(),
            at: None,
            stories_in_parallel: None,
            driver: Some(Driver::Command(Command {
                argv: vec!["node".to_owned(), worker.to_owned()],
                ..Command::default()
            })),
            no_driver: false,
        }),
        depends_on: Vec::new(),
        review: Some(false),
        why: "the feature is described".to_owned(),
        approve: true,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::demo::{files, kill};

    #[test]
    fn the_goal_is_a_graph_whose_drivers_are_there() {
        let folder = tempfile::tempdir().unwrap();
        // A name that JSON would have to escape.
        let demo = folder.path().join("with \"quotes\"");
        files::write_to(&demo).unwrap();
        let schedule = schedule(&files::text("goal.json").unwrap(), &demo, "tally").unwrap();
        assert_eq!(
            (schedule.project.as_deref(), schedule.review),
            (Some("tally"), Some(false))
        );
        assert!(schedule.tasks.len() >= 8, "{}", schedule.tasks.len());
        let keys: BTreeSet<&str> = schedule
            .tasks
            .iter()
            .map(|task| task.key.as_str())
            .collect();
        assert!(keys.contains(kill::VICTIM));
        for task in &schedule.tasks {
            for key in &task.depends_on {
                assert!(keys.contains(key.as_str()), "{} needs {key}", task.key);
            }
            let Some(Driver::Command(command)) = &task.driver else {
                panic!("{} has no driver", task.key);
            };
            assert!(Path::new(&command.argv[1]).is_file(), "{:?}", command.argv);
            assert!(
                command
                    .argv
                    .iter()
                    .all(|argument| !argument.contains(FOLDER))
            );
        }
    }

    #[test]
    fn the_feature_is_the_same_graph() {
        use devlab_core::plan::Planner as _;
        use devlab_core::plan::spec_kit::SpecKit;

        let text = |name: &str| files::text(name).unwrap();
        let schedule = schedule(&text("goal.json"), Path::new("/d"), "tally").unwrap();
        let feature = SpecKit {
            folder: FEATURE.to_owned(),
            spec: text(&format!("{FEATURE}/spec.md")),
            tasks: text(&format!("{FEATURE}/tasks.md")),
            stories_in_parallel: true,
            driver: None,
        };
        let plan = feature.plan().unwrap();
        let title_of = |key: &str| {
            let known = schedule.tasks.iter().find(|task| task.key == key);
            known.unwrap().title.clone()
        };
        assert_eq!(plan.tasks.len(), schedule.tasks.len());
        for task in &schedule.tasks {
            let same = plan.tasks.iter().find(|one| one.spec.title == task.title);
            let same = same.unwrap_or_else(|| panic!("{} is not in the feature", task.title));
            let of_plan = same.depends_on.iter().map(|key| {
                let needed = plan.tasks.iter().find(|one| one.key == *key);
                needed.unwrap().spec.title.clone()
            });
            let wanted = task.depends_on.iter().map(|key| title_of(key));
            let (of_plan, wanted): (BTreeSet<_>, BTreeSet<_>) =
                (of_plan.collect(), wanted.collect());
            assert_eq!(of_plan, wanted, "{}", task.title);
        }
    }

    #[test]
    fn as_many_tasks_can_begin_at_once_as_there_are_agents() {
        let text = files::text("goal.json").unwrap();
        let schedule = schedule(&text, Path::new("/d"), "tally").unwrap();
        let roots = schedule
            .tasks
            .iter()
            .filter(|task| task.depends_on.is_empty());
        assert_eq!(roots.count(), crate::demo::stage::NAMES.len());
    }
}

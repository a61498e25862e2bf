//! Any two texts as a feature: no panic, no endless loop; what is a plan is one again with its boxes
//! ticked, and the same one.
#![no_main]

use std::collections::BTreeSet;

use devlab_core::plan::spec_kit::{SpecKit, tick};
use devlab_core::plan::{Planner, diff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str, bool)| {
    let (tasks, spec, stories_in_parallel) = texts;
    let feature = SpecKit {
        folder: "specs/001-fuzz".to_owned(),
        spec: spec.to_owned(),
        tasks: tasks.to_owned(),
        stories_in_parallel,
        driver: None,
    };
    let Ok(plan) = feature.plan() else { return };
    let ids: BTreeSet<&str> = plan.tasks.iter().map(|task| task.key.as_str()).collect();
    let ticked = SpecKit {
        tasks: tick(tasks, &ids, tasks, tasks),
        ..feature.clone()
    };
    assert_eq!(ticked.input_hash(), feature.input_hash());
    let mut again = ticked.plan().expect("ticks break nothing");
    diff::without_new_ticks(&plan.tasks, &mut again.tasks);
    assert_eq!(plan, again);
});

//! Any text as a plan file: no panic, no endless loop; problems are never empty, and what is done is not made.
#![no_main]

use devlab_core::plan::Planner;
use devlab_core::plan::file::File;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = File {
        name: "plan.yaml".to_owned(),
        text: text.to_owned(),
    };
    match file.plan() {
        Ok(plan) => {
            assert!(plan.count() > 0);
            let open = plan.tasks.iter().filter(|task| !task.is_done());
            assert_eq!(
                plan.children().len(),
                open.count(),
                "what is done is not made"
            );
        }
        Err(problems) => assert!(!problems.is_empty()),
    }
});

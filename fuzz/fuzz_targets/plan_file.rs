//! Any text as a plan file: no panic, no endless loop; problems are never empty.
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
        Ok(plan) => assert!(plan.count() > 0),
        Err(problems) => assert!(!problems.is_empty()),
    }
});

//! Faults that a test injects into this process (`DEVLAB_FAULTS`).

use std::sync::Arc;

use devlab_agent::faults::{FaultPlan, Faults, NoFaults};
use devlab_core::error::StorageErrorKind;

use crate::failure::Failure;
use crate::settings::Settings;

/// The plan of this process; nothing without one.
pub(crate) fn plan(settings: &Settings) -> anyhow::Result<Arc<dyn Faults>> {
    let (text, record) = (settings.faults(), settings.faults_record());
    if text.is_none() && record.is_none() {
        return Ok(Arc::new(NoFaults));
    }
    let plan: FaultPlan = text
        .unwrap_or_default()
        .parse()
        .map_err(|error| Failure::usage(format!("DEVLAB_FAULTS: {error}")))?;
    Ok(match record {
        Some(path) => Arc::new(plan.record_to(path.to_owned())),
        None => Arc::new(plan),
    })
}

/// The plan, as a store asks for it.
pub(crate) fn of_store(plan: Arc<dyn Faults>) -> devlab_store::faults::FaultHook {
    Arc::new(move |point| {
        plan.hit(point.as_str())
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::StorageFull => StorageErrorKind::Full,
                _ => StorageErrorKind::Other,
            })
    })
}

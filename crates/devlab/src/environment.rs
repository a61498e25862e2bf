//! The environment of this process, read once at the start. Nothing else in devlab reads it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What the environment was when the process began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Reads all of it.
    pub(crate) fn read() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// One of these pairs, for tests.
    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self(pairs.collect())
    }

    /// A variable's text; one that is empty or not UTF-8 counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.get(OsStr::new(name))?.to_str()?;
        (!value.is_empty()).then_some(value)
    }

    /// A variable as it is.
    pub(crate) fn raw(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// What a child process needs of it and may have: no token, no key.
    pub(crate) fn for_agents(&self) -> BTreeMap<OsString, OsString> {
        let names = devlab_agent::driver::PASSED_THROUGH.iter().copied();
        names
            .chain([
                "DEVLAB_LOG",
                "DEVLAB_LOG_FORMAT",
                "DEVLAB_FAULTS",
                "DEVLAB_FAULTS_RECORD",
            ])
            .filter_map(|name| Some((name.into(), self.raw(name)?.to_owned())))
            .collect()
    }
}

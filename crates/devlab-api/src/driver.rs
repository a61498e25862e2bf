//! What is run: checks, and what does a task.

use std::collections::BTreeMap;

use devlab_core::check;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A command that must pass on a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Name that people see.
    pub name: String,
    /// Shell command, run in a clean checkout.
    pub run: String,
    /// Time limit in seconds; default 1800.
    #[serde(default = "timeout_default")]
    pub timeout_secs: u32,
}

fn timeout_default() -> u32 {
    devlab_core::limits::TIMEOUT_SECS_DEFAULT
}

impl From<check::Check> for Check {
    fn from(check: check::Check) -> Self {
        Self {
            name: check.name,
            run: check.run,
            timeout_secs: check.timeout_secs,
        }
    }
}

impl From<Check> for check::Check {
    fn from(check: Check) -> Self {
        Self {
            name: check.name,
            run: check.run,
            timeout_secs: check.timeout_secs,
        }
    }
}

/// How a task is done. Exactly one member is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// A command or a script.
    Command(Command),
}

/// The `command` driver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Program and arguments. Give either this or `script`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// A script for `sh -eu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Variables added to the cleared environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Time limit in seconds; default 1800.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_secs: Option<u32>,
}

impl From<Driver> for check::DriverSpec {
    fn from(driver: Driver) -> Self {
        let Driver::Command(command) = driver;
        Self::Command(check::CommandSpec {
            argv: command.argv,
            script: command.script,
            env: command.env,
            timeout_secs: command.timeout_secs.unwrap_or_else(timeout_default),
        })
    }
}

impl From<check::DriverSpec> for Driver {
    fn from(driver: check::DriverSpec) -> Self {
        let check::DriverSpec::Command(command) = driver;
        Self::Command(Command {
            argv: command.argv,
            script: command.script,
            env: command.env,
            timeout_secs: Some(command.timeout_secs),
        })
    }
}

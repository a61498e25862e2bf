//! Execution policies.

use devlab_core::{ProjectId, TaskId};

use super::{Client, ClientError};
use crate::policy::{PolicyView, SetPolicy};

type Result<T> = std::result::Result<T, ClientError>;

/// Whose policy is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyOf {
    /// An org's, by id or name.
    Org(String),
    /// A project's.
    Project(ProjectId),
    /// A goal's.
    Goal(TaskId),
}

impl PolicyOf {
    fn path(&self) -> [String; 3] {
        let (noun, id) = match self {
            Self::Org(org) => ("orgs", org.clone()),
            Self::Project(id) => ("projects", id.to_string()),
            Self::Goal(id) => ("tasks", id.to_string()),
        };
        [noun.to_owned(), id, "policy".to_owned()]
    }
}

impl Client {
    /// `GET /orgs/{org}/policy`, `/projects/{id}/policy` or `/tasks/{id}/policy`.
    pub async fn policy(&self, of: &PolicyOf) -> Result<PolicyView> {
        let path = of.path();
        self.get(&path.each_ref().map(String::as_str)).fetch().await
    }

    /// `PUT` of the same.
    pub async fn set_policy(&self, of: &PolicyOf, policy: &SetPolicy) -> Result<PolicyView> {
        let path = of.path();
        let call = self.put(&path.each_ref().map(String::as_str));
        call.json(policy).fetch().await
    }
}

//! What is stored about templates.

use crate::error::Result;
use crate::id::{OrgId, ServerId, TaskId, TemplateId};
use crate::time::Timestamp;
use crate::tx::Page;

use super::{Firing, Template};

/// What is stored about templates, to read.
pub trait ReadTemplates {
    /// A template of goals.
    fn template(&mut self, id: TemplateId) -> Result<Option<Template>>;
    /// Templates, newest first.
    fn templates(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Template>>;
    /// Templates whose schedule starts them at or before `now`, earliest first.
    fn due_templates(&mut self, now: Timestamp, limit: u32) -> Result<Vec<TemplateId>>;
    /// A start of a template.
    fn firing(&mut self, template: TemplateId, key: &str) -> Result<Option<Firing>>;
    /// Whether a start of a template has a delivery of this id.
    fn has_delivery(&mut self, template: TemplateId, delivery: &str) -> Result<bool>;
    /// The newest starts of a template, newest first.
    fn firings(&mut self, template: TemplateId, limit: u32) -> Result<Vec<Firing>>;
    /// The goal that a template made last.
    fn last_goal(&mut self, template: TemplateId) -> Result<Option<TaskId>>;
    /// How many starts of a template have no outcome, and how many have been noted since.
    fn count_firings(&mut self, template: TemplateId, since: Timestamp) -> Result<(u64, u64)>;
    /// Starts without an outcome, oldest first: of templates whose project's repository a server
    /// has, or of those without a project.
    fn pending_firings(&mut self, home: Option<ServerId>, limit: u32) -> Result<Vec<Firing>>;
}

/// What is stored about templates, to write.
pub trait WriteTemplates {
    /// Stores a template of goals, or replaces it.
    fn put_template(&mut self, template: &Template) -> Result<()>;
    /// Removes a template with its starts. Its goals stay.
    fn delete_template(&mut self, id: TemplateId) -> Result<()>;
    /// Stores a start of a template, or replaces its outcome.
    fn put_firing(&mut self, firing: &Firing) -> Result<()>;
    /// Forgets starts with an outcome that were noted before a time, and before the one that made
    /// the last goal.
    fn forget_firings(&mut self, template: TemplateId, before: Timestamp) -> Result<()>;
}

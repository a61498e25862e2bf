//! What a unit does with templates of goals is rare: it runs on the connection.

use devlab_core::template::{Firing, ReadTemplates, Template, WriteTemplates};
use devlab_core::tx::Page;
use devlab_core::{OrgId, Result, ServerId, TaskId, TemplateId, Timestamp};

use super::session::OverlaySession;

impl ReadTemplates for OverlaySession<'_> {
    fn template(&mut self, _: TemplateId) -> Result<Option<Template>> {
        self.direct()
    }
    fn templates(&mut self, _: Option<OrgId>, _: Page) -> Result<Vec<Template>> {
        self.direct()
    }
    fn due_templates(&mut self, _: Timestamp, _: u32) -> Result<Vec<TemplateId>> {
        self.direct()
    }
    fn firing(&mut self, _: TemplateId, _: &str) -> Result<Option<Firing>> {
        self.direct()
    }
    fn has_delivery(&mut self, _: TemplateId, _: &str) -> Result<bool> {
        self.direct()
    }
    fn firings(&mut self, _: TemplateId, _: u32) -> Result<Vec<Firing>> {
        self.direct()
    }
    fn last_goal(&mut self, _: TemplateId) -> Result<Option<TaskId>> {
        self.direct()
    }
    fn count_firings(&mut self, _: TemplateId, _: Timestamp) -> Result<(u64, u64)> {
        self.direct()
    }
    fn pending_firings(&mut self, _: Option<ServerId>, _: u32) -> Result<Vec<Firing>> {
        self.direct()
    }
}

impl WriteTemplates for OverlaySession<'_> {
    fn put_template(&mut self, _: &Template) -> Result<()> {
        self.direct()
    }
    fn delete_template(&mut self, _: TemplateId) -> Result<()> {
        self.direct()
    }
    fn put_firing(&mut self, _: &Firing) -> Result<()> {
        self.direct()
    }
    fn forget_firings(&mut self, _: TemplateId, _: Timestamp) -> Result<()> {
        self.direct()
    }
}

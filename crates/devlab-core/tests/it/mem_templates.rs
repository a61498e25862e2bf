//! The transaction in memory: templates of goals.

use devlab_core::template::{Firing, Outcome, ReadTemplates, Template, WriteTemplates};
use devlab_core::tx::Page;
use devlab_core::{OrgId, Result, ServerId, TaskId, TemplateId, Timestamp};

use crate::mem::MemTx;

impl MemTx {
    fn newest(&self, template: TemplateId) -> Vec<Firing> {
        let all = self.firings.values();
        let mut found: Vec<_> = all.filter(|f| f.template == template).cloned().collect();
        found.sort_by(|a, b| (b.at, &b.key).cmp(&(a.at, &a.key)));
        found
    }
}

impl ReadTemplates for MemTx {
    fn template(&mut self, id: TemplateId) -> Result<Option<Template>> {
        Ok(self.templates.get(&id).cloned())
    }
    fn templates(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Template>> {
        let all = self.templates.values().rev();
        let of = all.filter(|t| org.is_none_or(|org| t.org == org));
        let after = of.filter(|t| page.after.is_none_or(|after| t.id.uuid() < after));
        Ok(after.take(page.limit as usize).cloned().collect())
    }
    fn due_templates(&mut self, now: Timestamp, limit: u32) -> Result<Vec<TemplateId>> {
        let all = self.templates.values();
        let due = all.filter_map(|t| Some((t.next_at.filter(|at| *at <= now)?, t.id)));
        let mut due: Vec<_> = due.collect();
        due.sort_unstable();
        due.truncate(limit as usize);
        Ok(due.into_iter().map(|(_, id)| id).collect())
    }
    fn firing(&mut self, template: TemplateId, key: &str) -> Result<Option<Firing>> {
        Ok(self.firings.get(&(template, key.to_owned())).cloned())
    }
    fn has_delivery(&mut self, template: TemplateId, delivery: &str) -> Result<bool> {
        let is = |f: &Firing| f.delivery.as_deref() == Some(delivery);
        Ok(self.newest(template).iter().any(is))
    }
    fn firings(&mut self, template: TemplateId, limit: u32) -> Result<Vec<Firing>> {
        let mut newest = self.newest(template);
        newest.truncate(limit as usize);
        Ok(newest)
    }
    fn last_goal(&mut self, template: TemplateId) -> Result<Option<TaskId>> {
        let goal = |firing: &Firing| match firing.outcome {
            Some(Outcome::Goal(goal)) => Some(goal),
            Some(Outcome::None(_)) | None => None,
        };
        Ok(self.newest(template).iter().find_map(goal))
    }
    fn count_firings(&mut self, template: TemplateId, since: Timestamp) -> Result<(u64, u64)> {
        let all = self.newest(template);
        let count = |is: &dyn Fn(&Firing) -> bool| all.iter().filter(|f| is(f)).count() as u64;
        let pending = count(&|f| f.outcome.is_none());
        Ok((pending, count(&|f| f.at > since)))
    }
    fn pending_firings(&mut self, home: Option<ServerId>, limit: u32) -> Result<Vec<Firing>> {
        let is_here = |f: &Firing| {
            let project = self.templates.get(&f.template).and_then(|t| t.project);
            let project = project.and_then(|project| self.projects.get(&project));
            match project {
                Some(project) => home.is_some() && project.home.server == home,
                None => home.is_none(),
            }
        };
        let all = self.firings.values();
        let found = all.filter(|f| f.outcome.is_none() && is_here(f));
        let mut found: Vec<_> = found.cloned().collect();
        found.sort_by(|a, b| (a.at, a.template, &a.key).cmp(&(b.at, b.template, &b.key)));
        found.truncate(limit as usize);
        Ok(found)
    }
}

impl WriteTemplates for MemTx {
    fn put_template(&mut self, template: &Template) -> Result<()> {
        self.templates.insert(template.id, template.clone());
        Ok(())
    }
    fn delete_template(&mut self, id: TemplateId) -> Result<()> {
        self.templates.remove(&id);
        self.firings.retain(|(template, _), _| *template != id);
        Ok(())
    }
    fn put_firing(&mut self, firing: &Firing) -> Result<()> {
        let key = (firing.template, firing.key.clone());
        self.firings.insert(key, firing.clone());
        Ok(())
    }
    fn forget_firings(&mut self, template: TemplateId, before: Timestamp) -> Result<()> {
        let goals = self.newest(template).into_iter();
        let mut goals = goals.filter(|f| matches!(f.outcome, Some(Outcome::Goal(_))));
        let before = goals.next().map_or(before, |last| last.at.min(before));
        let is_old = |f: &Firing| f.template == template && f.at < before && f.outcome.is_some();
        self.firings.retain(|_, firing| !is_old(firing));
        Ok(())
    }
}

//! Templates start goals: once for each time of a schedule, each delivery of a webhook, each wish.
//!
//! A start is noted first, with the key of what it is for, in the transaction that advances its
//! schedule or takes its delivery; [`settle`] then makes the goal in the transaction that ends the
//! start. Whoever does either, on however many servers, does it once.

use std::collections::BTreeMap;

use crate::error::{Error, Refusal, Result};
use crate::id::{OrgId, ProjectId, TaskId, TemplateId};
use crate::limits::{
    FIRINGS_HOUR_MAX, FIRINGS_KEPT, FIRINGS_PENDING_MAX, TEMPLATE_TASKS_MAX, TEMPLATES_MAX,
    TIMES_KEPT,
};
use crate::name::Name;
use crate::task::{Made, Through};
use crate::template::{Firing, Outcome, Template, Trigger, fill};
use crate::time::Timestamp;
use crate::tx::{Page, Read, Tx};

use super::schedule::{self, NewTask, Place};

/// What the keys of times begin with.
const AT: &str = "at:";
/// Newest starts among which one that waits for its goal is looked for: no more can wait.
const FIRINGS_LOOKED_AT: u32 = 100;
const _: () = assert!(FIRINGS_LOOKED_AT as u64 >= FIRINGS_PENDING_MAX);
/// Longest id of a delivery, in bytes.
const DELIVERY_BYTES_MAX: usize = 128;
const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

/// A template to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTemplate {
    /// Org.
    pub org: OrgId,
    /// Project of its goals.
    pub project: Option<ProjectId>,
    /// Name.
    pub name: Name,
    /// What is made.
    pub goal: NewTask,
    /// What starts it.
    pub trigger: Trigger,
    /// Who makes it.
    pub by: String,
}

/// Makes a template.
///
/// # Errors
/// [`Refusal::Invalid`] that names the field, [`Refusal::NameTaken`], [`Refusal::Limit`].
pub fn create(tx: &mut dyn Tx, new: &NewTemplate) -> Result<Template> {
    new.trigger.validate()?;
    schedule::validate(&new.goal, "", 0)?;
    if schedule::count(&new.goal) > TEMPLATE_TASKS_MAX {
        let limit = TEMPLATE_TASKS_MAX as u64;
        let what = "tasks of a template";
        return Err(Refusal::Limit { what, limit }.into());
    }
    let page = Page {
        after: None,
        limit: TEMPLATES_MAX,
    };
    let known = tx.templates(Some(new.org), page)?;
    if known.iter().any(|known| known.name == new.name) {
        let name = new.name.to_string();
        let kind = "schedule";
        return Err(Refusal::NameTaken { kind, name }.into());
    }
    if known.len() >= TEMPLATES_MAX as usize {
        let limit = u64::from(TEMPLATES_MAX);
        let what = "schedules of an org";
        return Err(Refusal::Limit { what, limit }.into());
    }
    let now = tx.now();
    let template = Template {
        id: TemplateId::new(now, tx.random()),
        org: new.org,
        project: new.project,
        name: new.name.clone(),
        goal: new.goal.clone(),
        next_at: new.trigger.next_after(now),
        trigger: new.trigger.clone(),
        enabled: true,
        secret: 1,
        by: new.by.clone(),
        created_at: now,
    };
    tx.put_template(&template)?;
    Ok(template)
}

/// Pauses a template, or lets it go on: with the next time of its schedule, whatever it missed.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn enable(tx: &mut dyn Tx, id: TemplateId, enabled: bool) -> Result<Template> {
    let mut template = load(tx, id)?;
    if template.enabled != enabled {
        let now = tx.now();
        template.enabled = enabled;
        template.next_at = match enabled {
            true => template.trigger.next_after(now),
            false => None,
        };
        tx.put_template(&template)?;
    }
    Ok(template)
}

/// Gives a webhook another secret. The one before is void.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Conflict`] for a schedule.
pub fn renew_secret(tx: &mut dyn Tx, id: TemplateId) -> Result<Template> {
    let mut template = load(tx, id)?;
    match template.trigger {
        Trigger::Hook(_) => {}
        Trigger::Cron(_) => {
            let why = "it starts on a schedule and has no secret".to_owned();
            return Err(Refusal::Conflict(why).into());
        }
    }
    template.secret += 1;
    tx.put_template(&template)?;
    Ok(template)
}

fn load(view: &mut dyn Tx, id: TemplateId) -> Result<Template> {
    Ok(view.template(id)?.ok_or(Refusal::NotFound("schedule"))?)
}

/// Notes the starts of schedules whose time has come, and when they start next. Of times that were
/// missed the last one is made up for. Returns how many there were.
///
/// # Errors
/// Storage only.
pub fn note_due(tx: &mut dyn Tx, limit: u32) -> Result<u64> {
    let now = tx.now();
    let mut count = 0;
    for id in tx.due_templates(now, limit)? {
        let Some(mut template) = tx.template(id)? else {
            continue;
        };
        let (Trigger::Cron(cron), Some(first)) = (&template.trigger, template.next_at) else {
            continue;
        };
        let at = cron.last_until(first, now);
        let (time, date) = cron.shown(at);
        let key = format!("{AT}{}", at.as_millis());
        let values = [("time", time), ("date", date)];
        // While nobody can make its goals, as its project's home is down, one start waits.
        // What a person asks for beside it is no time.
        let known = tx.firings(id, FIRINGS_LOOKED_AT)?;
        let waits = |one: &Firing| one.outcome.is_none() && one.key.starts_with(AT);
        if !known.iter().any(waits) && note(tx, &template, key, None, values.into_iter())?.is_some()
        {
            count += 1;
        }
        template.next_at = template.trigger.next_after(now);
        tx.put_template(&template)?;
    }
    Ok(count)
}

/// Reckons again when schedules start next, a page at a time: while the clock was ahead for a moment,
/// they were put off until then. Returns the last of a full page.
///
/// # Errors
/// Storage only.
pub fn reckon(tx: &mut dyn Tx, page: Page) -> Result<Option<TemplateId>> {
    let now = tx.now();
    let found = tx.templates(None, page)?;
    let is_full = found.len() >= usize::try_from(page.limit).unwrap_or(usize::MAX);
    let last = found.last().map(|template| template.id);
    for mut template in found {
        let next = template.trigger.next_after(now);
        if template
            .next_at
            .is_some_and(|at| next.is_some_and(|next| next < at))
        {
            template.next_at = next;
            tx.put_template(&template)?;
        }
    }
    Ok(last.filter(|_| is_full))
}

/// Notes a start, unless it is known. Forgets those of long ago.
fn note<'v>(
    tx: &mut dyn Tx,
    template: &Template,
    key: String,
    delivery: Option<String>,
    values: impl Iterator<Item = (&'v str, String)>,
) -> Result<Option<Firing>> {
    if tx.firing(template.id, &key)?.is_some() {
        return Ok(None);
    }
    let now = tx.now();
    let kept = match template.trigger {
        Trigger::Cron(_) => TIMES_KEPT,
        Trigger::Hook(_) => FIRINGS_KEPT,
    };
    tx.forget_firings(template.id, now.minus(kept))?;
    let mut values: BTreeMap<String, String> = values.map(|(n, v)| (n.to_owned(), v)).collect();
    values.insert("schedule".to_owned(), template.name.to_string());
    let firing = Firing {
        template: template.id,
        key,
        at: now,
        delivery,
        values,
        outcome: None,
    };
    tx.put_firing(&firing)?;
    Ok(Some(firing))
}

/// A delivery of a webhook whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Digest of what is signed. What is signed is known; the id that came with it is not signed.
    pub digest: String,
    /// Its id.
    pub id: Option<String>,
    /// What it says.
    pub values: BTreeMap<String, String>,
}

/// Notes the start that a delivery asks for.
///
/// # Errors
/// [`Refusal::Conflict`] for one that came before, and while the template is paused;
/// [`Refusal::Limit`] if there are too many.
pub fn arrive(tx: &mut dyn Tx, id: TemplateId, delivery: &Delivery) -> Result<Firing> {
    let template = load(tx, id)?;
    if !template.enabled {
        return Err(Refusal::Conflict("it is paused".to_owned()).into());
    }
    if delivery
        .id
        .as_ref()
        .is_some_and(|id| id.len() > DELIVERY_BYTES_MAX)
    {
        let problem = format!("must have at most {DELIVERY_BYTES_MAX} bytes");
        return Err(Refusal::invalid("delivery", problem).into());
    }
    let replayed = || Error::from(Refusal::Conflict("this delivery came before".to_owned()));
    if let Some(sent) = &delivery.id
        && tx.has_delivery(id, sent)?
    {
        return Err(replayed());
    }
    may_start(tx, id)?;
    let key = format!("hook:{}", delivery.digest);
    let values = delivery.values.iter().map(|(n, v)| (n.as_str(), v.clone()));
    let noted = note(tx, &template, key, delivery.id.clone(), values)?;
    noted.ok_or_else(replayed)
}

/// Notes a start that a person wants now.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Limit`] if there are too many.
pub fn wish(tx: &mut dyn Tx, id: TemplateId) -> Result<Firing> {
    let template = load(tx, id)?;
    may_start(tx, id)?;
    let key = format!("wish:{:032x}", tx.random());
    let now = tx.now();
    let values = match &template.trigger {
        Trigger::Cron(cron) => {
            let (time, date) = cron.shown(now);
            vec![("time", time), ("date", date)]
        }
        Trigger::Hook(_) => vec![("time", now.to_string())],
    };
    let noted = note(tx, &template, key, None, values.into_iter())?;
    Ok(noted.ok_or(Refusal::Conflict("it is noted".to_owned()))?)
}

/// Bounds what waits, and what comes in an hour.
fn may_start(tx: &mut dyn Tx, id: TemplateId) -> Result<()> {
    let since = tx.now().minus(HOUR);
    let (pending, lately) = tx.count_firings(id, since)?;
    if pending >= FIRINGS_PENDING_MAX {
        let what = "starts of a schedule that wait";
        let limit = FIRINGS_PENDING_MAX;
        return Err(Refusal::Limit { what, limit }.into());
    }
    if lately >= FIRINGS_HOUR_MAX {
        let what = "starts of a schedule in an hour";
        let limit = FIRINGS_HOUR_MAX;
        return Err(Refusal::Limit { what, limit }.into());
    }
    Ok(())
}

/// Makes the goal of a start that was noted. `None` if that was done already, or is not to be done
/// now.
///
/// # Errors
/// What [`schedule::create`] refuses; storage.
pub fn settle(tx: &mut dyn Tx, place: &Place, id: TemplateId, key: &str) -> Result<Option<TaskId>> {
    let Some((template, mut firing)) = pending(tx, id, key)? else {
        return Ok(None);
    };
    if let Some(open) = last_open(tx, &template)? {
        firing.outcome = Some(Outcome::None(format!("{open} is not over")));
        tx.put_firing(&firing)?;
        return Ok(None);
    }
    let goal = fill(&template.goal, &firing.values);
    let made = Made {
        by: template.by.clone(),
        through: Some(Through::Schedule {
            schedule: id,
            name: template.name.clone(),
        }),
    };
    let made = schedule::create(tx, place, &goal, &made)?;
    firing.outcome = Some(Outcome::Goal(made.id));
    tx.put_firing(&firing)?;
    Ok(Some(made.id))
}

/// Ends a start of which nothing comes.
///
/// # Errors
/// Storage only.
pub fn give_up(tx: &mut dyn Tx, id: TemplateId, key: &str, why: &str) -> Result<()> {
    if let Some((_, mut firing)) = pending(tx, id, key)? {
        firing.outcome = Some(Outcome::None(crate::template::one_line(why)));
        tx.put_firing(&firing)?;
    }
    Ok(())
}

fn pending(tx: &mut dyn Tx, id: TemplateId, key: &str) -> Result<Option<(Template, Firing)>> {
    let firing = tx.firing(id, key)?.filter(|known| known.outcome.is_none());
    Ok(tx.template(id)?.zip(firing))
}

/// The last goal of a schedule that starts one after the other, if it is not over.
fn last_open(tx: &mut dyn Tx, template: &Template) -> Result<Option<TaskId>> {
    match &template.trigger {
        Trigger::Cron(cron) if !cron.overlap => {}
        Trigger::Cron(_) | Trigger::Hook(_) => return Ok(None),
    }
    let Some(last) = tx.last_goal(template.id)? else {
        return Ok(None);
    };
    let task = tx.task(last)?;
    Ok(task.filter(|task| !task.state.is_end()).map(|_| last))
}

/// When a schedule has to be looked at next.
///
/// # Errors
/// Storage only.
pub fn is_due<R: Read + ?Sized>(view: &mut R, now: Timestamp) -> Result<bool> {
    Ok(!view.due_templates(now, 1)?.is_empty())
}

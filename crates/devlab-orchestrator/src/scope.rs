//! What a caller may see. A thing of another org is answered exactly like one that does not exist.

use devlab_core::attempt::Agent;
use devlab_core::auth::{Principal, Token};
use devlab_core::bytes::Artifact;
use devlab_core::name::Name;
use devlab_core::org::{Org, Project};
use devlab_core::patch::Patch;
use devlab_core::task::Task;
use devlab_core::template::Template;
use devlab_core::tx::Read;
use devlab_core::{
    AgentId, ArtifactId, OrgId, PatchId, ProjectId, Refusal, Result, TaskId, TemplateId, TokenId,
};

fn visible<T>(
    who: &Principal,
    found: Option<T>,
    org: impl Fn(&T) -> Option<OrgId>,
    kind: &'static str,
) -> Result<T> {
    let seen = found.filter(|thing| match org(thing) {
        Some(org) => who.sees(org),
        None => who.org.is_none(),
    });
    seen.ok_or_else(|| Refusal::NotFound(kind).into())
}

/// A task that the caller may see.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn task<R: Read + ?Sized>(view: &mut R, who: &Principal, id: TaskId) -> Result<Task> {
    let found = view.task(id)?;
    visible(who, found, |task| Some(task.org), "task")
}

/// A project that the caller may see.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn project<R: Read + ?Sized>(view: &mut R, who: &Principal, id: ProjectId) -> Result<Project> {
    let found = view.project(id)?;
    visible(who, found, |project| Some(project.org), "project")
}

/// An agent that the caller may see.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn agent<R: Read + ?Sized>(view: &mut R, who: &Principal, id: AgentId) -> Result<Agent> {
    let found = view.agent(id)?;
    visible(who, found, |agent| Some(agent.org), "agent")
}

/// A patch that the caller may see.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn patch<R: Read + ?Sized>(view: &mut R, who: &Principal, id: PatchId) -> Result<Patch> {
    let found = view.patch(id)?;
    visible(who, found, |patch| Some(patch.org), "patch")
}

/// An artifact that the caller may see.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn artifact<R: Read + ?Sized>(
    view: &mut R,
    who: &Principal,
    id: ArtifactId,
) -> Result<Artifact> {
    let found = view.artifact(id)?;
    visible(who, found, |artifact| Some(artifact.org), "artifact")
}

/// A token that the caller may see.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn token<R: Read + ?Sized>(view: &mut R, who: &Principal, id: TokenId) -> Result<Token> {
    let found = view.token(id)?;
    visible(who, found, |token| token.org, "token")
}

/// A schedule that the caller may see.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn template<R: Read + ?Sized>(
    view: &mut R,
    who: &Principal,
    id: TemplateId,
) -> Result<Template> {
    let found = view.template(id)?;
    visible(who, found, |template| Some(template.org), "schedule")
}

/// Whether a token still works: streams ask again before each look, so that they end with it.
///
/// # Errors
/// Storage only.
pub fn token_works<R: Read + ?Sized>(view: &mut R, id: TokenId) -> Result<bool> {
    let now = view.now();
    Ok(view.token(id)?.is_some_and(|token| token.is_valid(now)))
}

/// An org by id or name. A caller that is bound to an org may leave it out.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Invalid`] if it has to be given.
pub fn org<R: Read + ?Sized>(view: &mut R, who: &Principal, given: Option<&str>) -> Result<Org> {
    let found = match (given, who.org) {
        (None, Some(own)) => view.org(own)?,
        (None, None) => only_org(view)?,
        (Some(text), _) => match text.parse::<OrgId>() {
            Ok(id) => view.org(id)?,
            Err(_) => match text.parse::<Name>() {
                Ok(name) => view.org_by_name(&name)?,
                Err(_) => None,
            },
        },
    };
    visible(who, found, |org| Some(org.id), "org")
}

fn only_org<R: Read + ?Sized>(view: &mut R) -> Result<Option<Org>> {
    let page = devlab_core::tx::Page {
        after: None,
        limit: 2,
    };
    let mut orgs = view.orgs(None, page)?;
    if orgs.len() > 1 {
        return Err(Refusal::invalid("org", "say which org, by id or name").into());
    }
    Ok(orgs.pop())
}

/// A project by id or name.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn project_named<R: Read + ?Sized>(
    view: &mut R,
    who: &Principal,
    org: OrgId,
    given: &str,
) -> Result<Project> {
    let found = match given.parse::<ProjectId>() {
        Ok(id) => view.project(id)?.filter(|project| project.org == org),
        Err(_) => match given.parse::<Name>() {
            Ok(name) => view.project_by_name(org, &name)?,
            Err(_) => None,
        },
    };
    visible(who, found, |project| Some(project.org), "project")
}

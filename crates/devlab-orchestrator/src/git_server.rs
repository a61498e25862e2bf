//! Repositories over smart HTTP, and what a push means.

use std::sync::Arc;

use bytes::Bytes;
use devlab_core::attempt::{Attempt, AttemptKind};
use devlab_core::auth::{AuditEntry, Principal, Role};
use devlab_core::event::{EventKind, NewEvent};
use devlab_core::name::Name;
use devlab_core::org::Project;
use devlab_core::rules::servers::{self, Held};
use devlab_core::train::Target;
use devlab_core::tx::{Effect, Read};
use devlab_core::{RefName, Refusal};
use devlab_forge::http::{FetchPolicy, GitHttpRequest, PushedRef, ReceivePolicy};
use devlab_store::StoreExt;
use futures::stream::BoxStream;

use crate::error::Result;
use crate::lab::Lab;

/// What a git client may do in a repository.
struct GitAccess {
    fetch: FetchPolicy,
    receive: ReceivePolicy,
}

/// What a git client asks for before it pushes.
const RECEIVE_PACK_SERVICE: &str = "service=git-receive-pack";
/// The call of git's that changes refs.
const RECEIVE_PACK: &str = "/git-receive-pack";

/// A body, in pieces.
pub type GitBody = BoxStream<'static, std::io::Result<Bytes>>;

/// A call of a git client, as it came in.
pub struct GitCall {
    /// Who.
    pub who: Principal,
    /// Request id.
    pub request_id: String,
    /// Name of the org in the path.
    pub org: String,
    /// Name of the project in the path, without `.git`.
    pub project: String,
    /// What follows the repository in the path, with its first `/`.
    pub path_info: String,
    /// The query, without `?`.
    pub query: String,
    /// The method.
    pub method: String,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Git-Protocol`.
    pub git_protocol: Option<String>,
    /// The body.
    pub body: GitBody,
}

/// What a git client is told.
pub struct GitReply {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body. Dropping it ends git.
    pub body: GitBody,
}

impl Lab {
    /// Which server answers a git client, if it is not this one.
    ///
    /// # Errors
    /// As [`Lab::git`], and [`crate::Error::Elsewhere`].
    pub async fn expect_git_here(&self, who: &Principal, org: &str, project: &str) -> Result<()> {
        let (_, project) = self.git_access(who, org, project).await?;
        self.expect_here(&project)
    }

    /// Answers a git client. A push of a person's changes what the lab knows of the branch.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a repository that the caller may not see; git's own.
    pub async fn git(self: &Arc<Self>, call: GitCall) -> Result<GitReply> {
        if call.path_info != RECEIVE_PACK {
            return self.serve_git(call).await;
        }
        // A push goes on to its record even if its client goes away: the ref may have moved.
        let lab = Arc::clone(self);
        self.to_its_end(async move { lab.serve_git(call).await })
            .await?
    }

    async fn serve_git(&self, call: GitCall) -> Result<GitReply> {
        let (access, project) = self.git_access(&call.who, &call.org, &call.project).await?;
        let is_push = call.path_info == RECEIVE_PACK || call.query.contains(RECEIVE_PACK_SERVICE);
        let held = match is_push {
            true => Some(self.held_repo(&project).await?.1),
            false => {
                self.expect_here(&project)?;
                None
            }
        };
        if call.who.attempt.is_none() && call.query.contains(RECEIVE_PACK_SERVICE) {
            // A push whose record failed is not sent again: git says that all is there already.
            self.reconcile_branch(&project).await?;
        }
        let response = self.git_http.serve(GitHttpRequest {
            repo: self.repo_dir(project.org, project.id),
            path_info: call.path_info,
            query: call.query,
            method: call.method,
            content_type: call.content_type,
            content_encoding: call.content_encoding,
            git_protocol: call.git_protocol,
            body: call.body,
            remote_user: call.who.display(),
            fetch: access.fetch,
            receive: access.receive,
        });
        let response = response.await?;
        if let Some(held) = held
            && response.pushed.iter().any(|pushed| pushed.applied)
        {
            self.fault("push.after_ref")?;
            match call.who.attempt {
                // Nothing is recorded of it, but it counts only where its delivery is looked for.
                Some(_) => {
                    let is_home = self.store().read(move |view| servers::check(view, &held));
                    is_home.await?;
                }
                None => {
                    let pushed = &response.pushed;
                    self.after_push(&call.who, call.request_id, (&project, held), pushed)
                        .await?;
                }
            }
        }
        Ok(GitReply {
            status: response.status,
            headers: response.headers,
            body: response.body,
        })
    }

    async fn git_access(
        &self,
        who: &Principal,
        org: &str,
        project: &str,
    ) -> Result<(GitAccess, Project)> {
        let nothing = || Refusal::NotFound("repository");
        let org: Name = org.parse().map_err(|_| nothing())?;
        let name: Name = project.parse().map_err(|_| nothing())?;
        let who = who.clone();
        let found = self.store().read(move |view| {
            let org = view
                .org_by_name(&org)?
                .filter(|org| who.sees(org.id))
                .ok_or_else(nothing)?;
            let project = view.project_by_name(org.id, &name)?.ok_or_else(nothing)?;
            let access = match who.attempt {
                Some(attempt) => {
                    let attempt = view.attempt(attempt)?.filter(|a| a.state.may_write());
                    let attempt = attempt.ok_or_else(nothing)?;
                    GitAccess::of_attempt(view, &attempt, &project)?.ok_or_else(nothing)?
                }
                None => GitAccess::of_person(view, &who, &project)?,
            };
            Ok((access, project))
        });
        Ok(found.await?)
    }

    async fn after_push(
        &self,
        who: &Principal,
        request_id: String,
        (project, held): (&Project, Held),
        pushed: &[PushedRef],
    ) -> Result<()> {
        let names: Vec<String> = pushed
            .iter()
            .filter(|p| p.applied)
            .map(|p| p.name.to_string())
            .collect();
        let default = pushed
            .iter()
            .find(|p| p.applied && p.name == project.default_branch);
        let moved = default.map(|p| (p.old.clone(), p.new.clone()));
        let (who, project) = (who.clone(), project.clone());
        let done = self.write_held(held, move |tx| {
            let branch = &project.default_branch;
            let mut head = tx.branch_head(project.id, branch)?;
            if let Some((old, new)) = &moved
                && head == *old
            {
                // What is known may be ahead of this push already, if a train was quicker.
                head.clone_from(new);
                tx.set_branch_head(project.id, branch, head.as_ref())?;
            }
            tx.append_event(&NewEvent {
                org: project.org,
                kind: EventKind::ProjectPushed,
                project: Some(project.id),
                task: None,
                attempt: None,
                data: serde_json::json!({ "refs": names, "head": head }),
            })?;
            tx.append_audit(&AuditEntry {
                org: Some(project.org),
                at: tx.now(),
                actor: who.display(),
                action: "project.push",
                target: project.id.to_string(),
                request_id: request_id.clone(),
            })?;
            let branch = project.default_branch.clone();
            tx.effect(Effect::Train(Target {
                project: project.id,
                branch,
            }));
            Ok(())
        });
        done.await
    }
}

impl GitAccess {
    /// An attempt may fetch its base and its prior work, and push its own ref.
    fn of_attempt(
        view: &mut dyn Read,
        attempt: &Attempt,
        project: &Project,
    ) -> devlab_core::Result<Option<Self>> {
        let Some(task) = view
            .task(attempt.task)?
            .filter(|t| t.project == Some(project.id))
        else {
            return Ok(None);
        };
        if let Some(candidate) = attempt.candidate {
            let fetch = FetchPolicy::Only(vec![RefName::of_candidate(candidate)]);
            return Ok(Some(Self {
                fetch,
                receive: ReceivePolicy::Refused,
            }));
        }
        debug_assert_eq!(attempt.kind, AttemptKind::Work);
        let mut refs = vec![task.target(&project.default_branch)];
        for number in 1..attempt.number {
            refs.push(RefName::of_attempt(task.id, number));
        }
        if task.merges.is_some() {
            match task.parent {
                None => refs.push(RefName::of_upstream(task.id)),
                Some(parent) => {
                    let parent = view.task(parent)?;
                    refs.extend(parent.map(|parent| parent.target(&project.default_branch)));
                }
            }
        }
        let receive = ReceivePolicy::Only {
            name: RefName::of_attempt(task.id, attempt.number),
            haves: attempt
                .base
                .clone()
                .into_iter()
                .chain(attempt.prior.clone())
                .collect(),
        };
        Ok(Some(Self {
            fetch: FetchPolicy::Only(refs),
            receive,
        }))
    }

    /// People read everything; operators push branches. The default branch is theirs until it has a
    /// commit; from then on only trains move it.
    fn of_person(
        view: &mut dyn Read,
        who: &Principal,
        project: &Project,
    ) -> devlab_core::Result<Self> {
        let receive = match who.role {
            Role::Admin | Role::Operator if !project.archived => {
                let head = view.branch_head(project.id, &project.default_branch)?;
                let protected = head.map(|_| project.default_branch.clone());
                ReceivePolicy::Branches {
                    protected: protected.into_iter().collect(),
                }
            }
            Role::Admin | Role::Operator | Role::Viewer | Role::Agent | Role::Metrics => {
                ReceivePolicy::Refused
            }
        };
        let fetch = match who.role {
            Role::Admin | Role::Operator | Role::Viewer => FetchPolicy::All,
            Role::Agent | Role::Metrics => FetchPolicy::Refused,
        };
        Ok(Self { fetch, receive })
    }
}

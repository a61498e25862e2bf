//! The server, orgs, projects, tokens and the audit log.

use bytes::Bytes;
use devlab_core::{ProjectId, TokenId};

use super::query::{AuditQuery, Page, Params};
use super::{Client, ClientError};
use crate::project::{
    CreateOrg, CreateProject, Due, Folder, MoveProject, Org, Project, ProjectSettings, Retired,
    SyncProject, SyncResult, UpdateOrg, UpdateProject,
};
use crate::token::{CreateToken, Login, NewToken, Token};
use crate::{AuditEntry, Cluster, Health, List, Peer, WhoAmI};

type Result<T> = std::result::Result<T, ClientError>;

/// The server.
impl Client {
    /// `GET /health`: whether the process answers.
    pub async fn health(&self) -> Result<Health> {
        self.get(&["health"]).fetch().await
    }

    /// `GET /ready`: whether it can do work.
    pub async fn ready(&self) -> Result<Health> {
        self.get(&["ready"]).fetch().await
    }

    /// `GET /whoami`: whose token this is.
    pub async fn whoami(&self) -> Result<WhoAmI> {
        self.get(&["whoami"]).fetch().await
    }

    /// `GET /peers`: the servers of the lab.
    pub async fn peers(&self) -> Result<List<Peer>> {
        self.get(&["peers"]).fetch().await
    }

    /// `GET /clusters`: where agents run.
    pub async fn clusters(&self) -> Result<List<Cluster>> {
        self.get(&["clusters"]).fetch().await
    }

    /// `GET /audit`: who changed what, newest first.
    pub async fn audit(&self, query: &AuditQuery) -> Result<List<AuditEntry>> {
        self.get(&["audit"]).query(&query.params()).fetch().await
    }
}

/// Orgs.
impl Client {
    /// `GET /orgs`.
    pub async fn orgs(&self, page: &Page) -> Result<List<Org>> {
        let params = page.params(Params::default());
        self.get(&["orgs"]).query(&params).fetch().await
    }

    /// `POST /orgs`.
    pub async fn create_org(&self, org: &CreateOrg) -> Result<Org> {
        self.post(&["orgs"]).json(org).fetch().await
    }

    /// `GET /orgs/{org}`, by id or name.
    pub async fn org(&self, org: &str) -> Result<Org> {
        self.get(&["orgs", org]).fetch().await
    }

    /// `PATCH /orgs/{org}`.
    pub async fn update_org(&self, org: &str, change: &UpdateOrg) -> Result<Org> {
        self.patch(&["orgs", org]).json(change).fetch().await
    }

    /// `GET /orgs/{org}/retention`: what is due to go. Changes nothing.
    pub async fn due(&self, org: &str, page: &Page) -> Result<Due> {
        let params = page.params(Params::default());
        let call = self.get(&["orgs", org, "retention"]).query(&params);
        call.endless().fetch().await
    }

    /// `POST /orgs/{org}/retention`: lets go of some of what is due.
    pub async fn retire(&self, org: &str, page: &Page) -> Result<Retired> {
        let params = page.params(Params::default());
        let call = self.post(&["orgs", org, "retention"]).query(&params);
        call.endless().fetch().await
    }
}

/// Projects.
impl Client {
    /// `GET /projects`, of one org (by id or name) or of all that the caller sees.
    pub async fn projects(&self, org: Option<&str>, page: &Page) -> Result<List<Project>> {
        let params = page.params(Params::default().maybe("org", org));
        self.get(&["projects"]).query(&params).fetch().await
    }

    /// `POST /projects`.
    pub async fn create_project(&self, project: &CreateProject) -> Result<Project> {
        self.post(&["projects"]).json(project).fetch().await
    }

    /// `GET /projects/{id}`.
    pub async fn project(&self, project: ProjectId) -> Result<Project> {
        self.get(&["projects", &project.to_string()]).fetch().await
    }

    /// `PATCH /projects/{id}`.
    pub async fn update_project(
        &self,
        project: ProjectId,
        change: &UpdateProject,
    ) -> Result<Project> {
        self.patch(&["projects", &project.to_string()])
            .json(change)
            .fetch()
            .await
    }

    /// `GET /projects/{id}/settings`: what the default branch says now.
    pub async fn project_settings(&self, project: ProjectId) -> Result<ProjectSettings> {
        self.get(&["projects", &project.to_string(), "settings"])
            .fetch()
            .await
    }

    /// `GET /projects/{id}/tree`: a folder at a commit, or at the head of the default branch.
    pub async fn project_tree(
        &self,
        project: ProjectId,
        commit: Option<&str>,
        path: &str,
    ) -> Result<Folder> {
        let params = Params::default().maybe("commit", commit);
        self.get(&["projects", &project.to_string(), "tree"])
            .query(&params.maybe("path", Some(path)))
            .fetch()
            .await
    }

    /// `GET /projects/{id}/blob`: a file at a commit, or at the head of the default branch.
    pub async fn project_blob(
        &self,
        project: ProjectId,
        commit: Option<&str>,
        path: &str,
    ) -> Result<Bytes> {
        let params = Params::default().maybe("commit", commit);
        self.get(&["projects", &project.to_string(), "blob"])
            .query(&params.maybe("path", Some(path)))
            .fetch_bytes()
            .await
    }

    /// `POST /projects/{id}/move`: moves the repository to another server, however long that takes.
    pub async fn move_project(&self, project: ProjectId, to: &MoveProject) -> Result<Project> {
        self.post(&["projects", &project.to_string(), "move"])
            .json(to)
            .endless()
            .fetch()
            .await
    }

    /// `POST /projects/{id}/sync`: takes the upstream's commit in. Push it first.
    pub async fn sync_project(&self, project: ProjectId, sync: &SyncProject) -> Result<SyncResult> {
        self.post(&["projects", &project.to_string(), "sync"])
            .json(sync)
            .fetch()
            .await
    }
}

/// Tokens.
impl Client {
    /// `GET /tokens`, without their secrets.
    pub async fn tokens(&self, org: Option<&str>, page: &Page) -> Result<List<Token>> {
        let params = page.params(Params::default().maybe("org", org));
        self.get(&["tokens"]).query(&params).fetch().await
    }

    /// `POST /tokens`: the answer has the secret, this once.
    pub async fn create_token(&self, token: &CreateToken) -> Result<NewToken> {
        self.post(&["tokens"]).json(token).fetch().await
    }

    /// `DELETE /tokens/{id}`: revokes it.
    pub async fn revoke_token(&self, token: TokenId) -> Result<()> {
        self.delete(&["tokens", &token.to_string()]).done().await
    }

    /// `POST /login`: exchanges a login link's code, which works once.
    pub async fn login(&self, login: &Login) -> Result<NewToken> {
        self.post(&["login"]).json(login).fetch().await
    }
}

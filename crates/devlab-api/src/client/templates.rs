//! Schedules and webhooks.

use devlab_core::TemplateId;

use super::query::Params;
use super::{Client, ClientError, Page};
use crate::List;
use crate::template::{CreateTemplate, NewTemplate, Start, Template, UpdateTemplate};

type Result<T> = std::result::Result<T, ClientError>;

impl Client {
    /// `GET /schedules`.
    pub async fn templates(&self, org: Option<&str>, page: &Page) -> Result<List<Template>> {
        let params = page.params(Params::default().maybe("org", org));
        self.get(&["schedules"]).query(&params).fetch().await
    }

    /// `POST /schedules`: the answer has a webhook's secret, this once.
    pub async fn create_template(&self, new: &CreateTemplate) -> Result<NewTemplate> {
        self.post(&["schedules"]).json(new).fetch().await
    }

    /// `GET /schedules/{id}`.
    pub async fn template(&self, id: TemplateId) -> Result<Template> {
        self.get(&["schedules", &id.to_string()]).fetch().await
    }

    /// `PATCH /schedules/{id}`.
    pub async fn update_template(&self, id: TemplateId, to: &UpdateTemplate) -> Result<Template> {
        let call = self.patch(&["schedules", &id.to_string()]);
        call.json(to).fetch().await
    }

    /// `POST /schedules/{id}/run`.
    pub async fn run_template(&self, id: TemplateId) -> Result<Start> {
        let call = self.post(&["schedules", &id.to_string(), "run"]);
        call.fetch().await
    }

    /// `POST /schedules/{id}/secret`: the answer has the secret, this once.
    pub async fn renew_template_secret(&self, id: TemplateId) -> Result<NewTemplate> {
        let call = self.post(&["schedules", &id.to_string(), "secret"]);
        call.fetch().await
    }

    /// `DELETE /schedules/{id}`.
    pub async fn delete_template(&self, id: TemplateId) -> Result<()> {
        self.delete(&["schedules", &id.to_string()]).done().await
    }
}

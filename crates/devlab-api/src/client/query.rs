//! Addresses: paths and queries.

use devlab_core::{ProjectId, TaskId};
use url::Url;

use super::ClientError;

/// Parameters of a query, in order.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(&'static str, String)>);

impl Params {
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    pub(super) fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn flag(self, name: &'static str, set: bool) -> Self {
        if set { self.with(name, true) } else { self }
    }

    pub(super) fn append_to(&self, url: &mut Url) {
        if !self.0.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(self.0.iter().map(|(name, value)| (name, value)));
        }
    }
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// `next` of the page before; the first page if absent.
    pub cursor: Option<String>,
    /// Most items; the server's default (50) if absent, at most 500.
    pub limit: Option<u32>,
}

impl Page {
    pub(super) fn params(&self, params: Params) -> Params {
        params
            .maybe("cursor", self.cursor.as_ref())
            .maybe("limit", self.limit)
    }
}

/// Which tasks. What is left out does not narrow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskQuery {
    /// Org, by id or name.
    pub org: Option<String>,
    /// Project.
    pub project: Option<ProjectId>,
    /// Children of this task.
    pub parent: Option<TaskId>,
    /// Everything that serves this goal.
    pub goal: Option<TaskId>,
    /// Only tasks without a parent.
    pub goals_only: bool,
    /// Names of states, separated by commas: `ready,running`.
    pub state: Option<String>,
    /// Words in the title.
    pub text: Option<String>,
    /// Archived ones too.
    pub archived: bool,
    /// Which part of them.
    pub page: Page,
}

impl TaskQuery {
    pub(super) fn params(&self) -> Params {
        let params = Params::default()
            .maybe("org", self.org.as_ref())
            .maybe("project", self.project)
            .maybe("parent", self.parent)
            .maybe("goal", self.goal)
            .flag("goals_only", self.goals_only)
            .maybe("state", self.state.as_ref())
            .maybe("text", self.text.as_ref())
            .flag("archived", self.archived);
        self.page.params(params)
    }
}

/// Which patches. What is left out does not narrow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchQuery {
    /// Org, by id or name.
    pub org: Option<String>,
    /// Project.
    pub project: Option<ProjectId>,
    /// `open`, `merged` or `closed`.
    pub state: Option<String>,
    /// Which part of them.
    pub page: Page,
}

impl PatchQuery {
    pub(super) fn params(&self) -> Params {
        let params = Params::default()
            .maybe("org", self.org.as_ref())
            .maybe("project", self.project)
            .maybe("state", self.state.as_ref());
        self.page.params(params)
    }
}

/// Which entries of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuery {
    /// Org, by id or name.
    pub org: Option<String>,
    /// Words that all stand in an entry.
    pub text: Option<String>,
    /// At this time or later.
    pub since: Option<String>,
    /// Before this time.
    pub until: Option<String>,
    /// Which part of them.
    pub page: Page,
}

impl AuditQuery {
    pub(super) fn params(&self) -> Params {
        let params = Params::default()
            .maybe("org", self.org.as_ref())
            .maybe("text", self.text.as_ref())
            .maybe("since", self.since.as_ref())
            .maybe("until", self.until.as_ref());
        self.page.params(params)
    }
}

/// Reads a server's address; the result ends in `/`.
pub(super) fn base(text: &str) -> Result<Url, ClientError> {
    let wrong = |why: &str| {
        ClientError::config(format!(
            "{text} is not the address of a server ({why}); it looks like http://127.0.0.1:18080"
        ))
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it begins with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ClientError::config(
            "an address carries no user and no password; use a token",
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// `base` + `v1` + segments, each escaped.
pub(super) fn route(base: &Url, segments: &[&str]) -> Result<Url, ClientError> {
    // An empty or dotted segment would make another route of it.
    if let Some(segment) = segments
        .iter()
        .find(|segment| matches!(**segment, "" | "." | ".."))
    {
        return Err(ClientError::config(format!(
            "\"{segment}\" is neither an id nor a name"
        )));
    }
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| ClientError::config(format!("{base} cannot have paths")))?
        .pop_if_empty()
        .push("v1")
        .extend(segments);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(server: &str, segments: &[&str]) -> String {
        route(&base(server).unwrap(), segments).unwrap().to_string()
    }

    #[test]
    fn routes_are_below_v1_of_the_address() {
        for (server, expected) in [
            (
                "http://127.0.0.1:18080",
                "http://127.0.0.1:18080/v1/tasks/x",
            ),
            (
                "http://127.0.0.1:18080/",
                "http://127.0.0.1:18080/v1/tasks/x",
            ),
            (
                "https://lab.example/a/b",
                "https://lab.example/a/b/v1/tasks/x",
            ),
            (
                "https://lab.example/a/?q#f",
                "https://lab.example/a/v1/tasks/x",
            ),
        ] {
            assert_eq!(routed(server, &["tasks", "x"]), expected);
        }
    }

    #[test]
    fn a_name_cannot_become_another_route() {
        assert_eq!(
            routed("http://h", &["orgs", "a/../b?c#d e"]),
            "http://h/v1/orgs/a%2F..%2Fb%3Fc%23d%20e"
        );
        for name in ["", ".", ".."] {
            assert!(route(&base("http://h").unwrap(), &["orgs", name]).is_err());
        }
    }

    #[test]
    fn an_address_is_checked() {
        for text in ["", "127.0.0.1:18080", "ftp://h", "http://u:p@h/", "unix:/x"] {
            assert!(matches!(base(text), Err(ClientError::Config(_))), "{text}");
        }
    }

    #[test]
    fn only_what_is_asked_is_in_the_query() {
        let url = |query: &TaskQuery| {
            let mut url = route(&base("http://h").unwrap(), &["tasks"]).unwrap();
            query.params().append_to(&mut url);
            url.to_string()
        };
        assert_eq!(url(&TaskQuery::default()), "http://h/v1/tasks");
        let query = TaskQuery {
            org: Some("acme".to_owned()),
            goals_only: true,
            state: Some("ready".to_owned()),
            text: Some("a&b=ü".to_owned()),
            page: Page {
                cursor: Some("c+1".to_owned()),
                limit: Some(7),
            },
            ..TaskQuery::default()
        };
        assert_eq!(
            url(&query),
            "http://h/v1/tasks?org=acme&goals_only=true&state=ready&text=a%26b%3D%C3%BC\
             &cursor=c%2B1&limit=7"
        );
    }
}

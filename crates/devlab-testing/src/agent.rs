//! An agent that does what a test says.

use std::sync::atomic::{AtomicU32, Ordering};

use devlab_api::agent::{
    Agent, Asked, Claim, Claimed, Completion, Delivery, DriverFailure, GivenUp, NewReceipt,
    Question, RegisterAgent, Update, Updated,
};
use devlab_api::client::{Client, ClientError};
use devlab_core::ask::AskKind;
use devlab_core::attempt::AttemptKind;
use devlab_core::check::Isolation;

use crate::git::Checkout;
use crate::server::client_of;

/// Longest that a scripted agent waits for work, in seconds.
const CLAIM_WAIT_SECS: u32 = 15;

/// An agent in this process: it claims, and ends attempts as it is told. It beats no heart by
/// itself.
#[derive(Debug)]
pub struct ScriptedAgent {
    /// Its client, for calls that have no method here.
    pub client: Client,
    /// What the server knows of it.
    pub agent: Agent,
    /// Secret of its token.
    pub secret: String,
    url: String,
    claims: AtomicU32,
}

impl ScriptedAgent {
    /// Registers at a server or a proxy.
    pub async fn register(
        url: String,
        secret: String,
        name: &str,
        labels: &[&str],
        capacity: u32,
    ) -> Self {
        let client = client_of(&url, &secret);
        let agent = RegisterAgent {
            org: None,
            name: name.to_owned(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            capacity,
            runtime: "local".to_owned(),
        };
        Self {
            agent: client.register_agent(&agent).await.unwrap(),
            client,
            secret,
            url,
            claims: AtomicU32::new(0),
        }
    }

    /// A claim with an id that was not used before.
    #[must_use]
    pub fn next_claim(&self, wait_secs: u32) -> Claim {
        let number = self.claims.fetch_add(1, Ordering::SeqCst);
        Claim {
            agent: self.agent.id,
            claim_id: format!("claim-{number}"),
            wait_secs,
        }
    }

    /// Waits for work.
    ///
    /// # Panics
    /// If there is none in good time.
    pub async fn claim(&self) -> Claimed {
        let claim = self.next_claim(CLAIM_WAIT_SECS);
        self.client.claim(&claim).await.unwrap().unwrap()
    }

    /// Work that there is now, if there is some.
    pub async fn claim_now(&self) -> Option<Claimed> {
        self.client.claim(&self.next_claim(0)).await.unwrap()
    }

    /// Extends a lease.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn heartbeat(&self, work: &Claimed) -> Result<Updated, ClientError> {
        self.update(work, None).await
    }

    /// Ends an attempt, or with `None` extends its lease.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn update(
        &self,
        work: &Claimed,
        complete: Option<Completion>,
    ) -> Result<Updated, ClientError> {
        let update = Update {
            task: work.task,
            attempt: work.attempt,
            phase: None,
            touched: None,
            complete,
        };
        self.client.update_attempt(&update).await
    }

    /// Ends an attempt of a task without a repository with success.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn finish(&self, work: &Claimed) -> Result<Updated, ClientError> {
        let delivery = Completion::Delivered(Delivery::default());
        self.update(work, Some(delivery)).await
    }

    /// Ends an attempt as one whose driver failed.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn fail(&self, work: &Claimed, reason: &str) -> Result<Updated, ClientError> {
        let failure = Completion::DriverFailed(DriverFailure {
            reason: reason.to_owned(),
            log_tail: String::new(),
            not_started: false,
        });
        self.update(work, Some(failure)).await
    }

    /// Ends an attempt with a question, and with what it has pushed so far.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn ask(
        &self,
        work: &Claimed,
        commit: Option<String>,
        text: &str,
        choices: &[&str],
    ) -> Result<Updated, ClientError> {
        let question = Question {
            kind: AskKind::Question,
            text: text.to_owned(),
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
        };
        let asked = Completion::Asked(Asked { commit, question });
        self.update(work, Some(asked)).await
    }

    /// Hands an attempt back.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn give_up(&self, work: &Claimed) -> Result<Updated, ClientError> {
        let given_up = Completion::GivenUp(GivenUp {
            reason: "told to".to_owned(),
        });
        self.update(work, Some(given_up)).await
    }

    /// Does an attempt with a repository as a real agent does: fetches its base with the attempt's
    /// own token, commits these files (unless it verifies), pushes, and completes with a receipt
    /// for each check, all with this exit code. Gives the commit.
    ///
    /// # Panics
    /// If git or the server refuses.
    pub async fn deliver(
        &self,
        work: &Claimed,
        files: &[(&str, &str)],
        exit_code: i32,
    ) -> (String, Updated) {
        let (checkout, commit) = self.push_work(work, files).await;
        let tree = checkout.git(&["rev-parse", "HEAD^{tree}"]).await;
        let delivery = self.delivery(work, &commit, &tree, exit_code);
        let done = self.update(work, Some(Completion::Delivered(delivery)));
        let done = done.await.unwrap();
        (commit, done)
    }

    /// A checkout of an attempt's base that may push its result, and the address to push to.
    ///
    /// # Panics
    /// If git fails.
    pub async fn check_out(&self, work: &Claimed) -> (Checkout, String) {
        let repository = work.repository.as_ref().unwrap();
        let url = format!("{}{}", self.url, repository.git_path);
        let checkout = Checkout::new().await.with_token(&repository.git_token);
        checkout
            .git(&["fetch", "-q", &url, &repository.base_ref])
            .await;
        checkout
            .git(&["checkout", "-q", "--detach", &repository.base])
            .await;
        (checkout, url)
    }

    /// The first half of [`ScriptedAgent::deliver`]: fetches, commits and pushes.
    ///
    /// # Panics
    /// If git fails.
    pub async fn push_work(&self, work: &Claimed, files: &[(&str, &str)]) -> (Checkout, String) {
        let repository = work.repository.as_ref().unwrap();
        let (checkout, url) = self.check_out(work).await;
        if work.kind == AttemptKind::Verify {
            return (checkout, repository.base.clone());
        }
        let commit = checkout.commit(files, &work.title).await;
        let to = format!("HEAD:{}", repository.push_ref);
        checkout.git(&["push", "-q", &url, &to]).await;
        (checkout, commit)
    }

    /// A delivery with one receipt for each check of an attempt. After a failed check none runs.
    ///
    /// # Panics
    /// If the attempt has no repository.
    #[must_use]
    pub fn delivery(&self, work: &Claimed, commit: &str, tree: &str, exit_code: i32) -> Delivery {
        let checks = &work.repository.as_ref().unwrap().checks;
        let ran = if exit_code == 0 { checks.len() } else { 1 };
        let receipts = checks.iter().take(ran).map(|check| NewReceipt {
            check: check.name.clone(),
            tree: tree.to_owned(),
            exit_code,
            duration_ms: 1,
            log_offset: 0,
            log_len: 0,
            log_tail: String::new(),
            isolation: Isolation::Process,
        });
        Delivery {
            heard: 0,
            commit: Some(commit.to_owned()),
            receipts: receipts.collect(),
        }
    }
}

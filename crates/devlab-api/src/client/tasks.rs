//! Tasks.

use bytes::Bytes;
use devlab_core::TaskId;

use super::query::{Page, Params, TaskQuery};
use super::{Client, ClientError};
use crate::List;
use crate::task::{
    AnswerTask, Attempt, Candidate, ChooseTask, Commit, Conflict, CreateTask, Edge, Receipt,
    Schedule, Scheduled, Task, TaskChoice, TaskDetail, TellTask, UpdateTask,
};

type Result<T> = std::result::Result<T, ClientError>;

impl Client {
    /// `GET /tasks`.
    pub async fn tasks(&self, query: &TaskQuery) -> Result<List<Task>> {
        self.get(&["tasks"]).query(&query.params()).fetch().await
    }

    /// `POST /tasks`.
    pub async fn create_task(&self, task: &CreateTask) -> Result<Task> {
        self.post(&["tasks"]).json(task).fetch().await
    }

    /// `POST /schedule`: a task or a graph.
    pub async fn schedule(&self, schedule: &Schedule) -> Result<Scheduled> {
        self.post(&["schedule"]).json(schedule).fetch().await
    }

    /// `GET /tasks/{id}`.
    pub async fn task(&self, task: TaskId) -> Result<TaskDetail> {
        self.get(&["tasks", &task.to_string()]).fetch().await
    }

    /// `PATCH /tasks/{id}`.
    pub async fn update_task(&self, task: TaskId, change: &UpdateTask) -> Result<Task> {
        self.patch(&["tasks", &task.to_string()])
            .json(change)
            .fetch()
            .await
    }

    /// `POST /tasks/{id}/messages`: says something to whoever does it.
    pub async fn tell_task(&self, task: TaskId, words: &TellTask) -> Result<Task> {
        let task = task.to_string();
        let call = self.post(&["tasks", &task, "messages"]);
        call.json(words).fetch().await
    }

    /// `POST /tasks/{id}/answer`: answers what its agent asks.
    pub async fn answer_task(&self, task: TaskId, answer: &AnswerTask) -> Result<Task> {
        let task = task.to_string();
        let call = self.post(&["tasks", &task, "answer"]);
        call.json(answer).fetch().await
    }

    /// `GET /tasks/{id}/choice`: what there is to choose from.
    pub async fn choice(&self, task: TaskId) -> Result<TaskChoice> {
        let task = task.to_string();
        self.get(&["tasks", &task, "choice"]).fetch().await
    }

    /// `POST /tasks/{id}/choice`: takes one of its alternatives.
    pub async fn choose(&self, task: TaskId, choice: &ChooseTask) -> Result<TaskChoice> {
        let task = task.to_string();
        let call = self.post(&["tasks", &task, "choice"]);
        call.json(choice).fetch().await
    }

    /// `POST /tasks/{id}/cancel`.
    pub async fn cancel_task(&self, task: TaskId) -> Result<Task> {
        self.task_action(task, "cancel").await
    }

    /// `POST /tasks/{id}/retry`.
    pub async fn retry_task(&self, task: TaskId) -> Result<Task> {
        self.task_action(task, "retry").await
    }

    /// `POST /tasks/{id}/archive`: hides it from lists.
    pub async fn archive_task(&self, task: TaskId) -> Result<Task> {
        self.task_action(task, "archive").await
    }

    /// `POST /tasks/{id}/activate`: starts a draft.
    pub async fn activate_task(&self, task: TaskId) -> Result<Task> {
        self.task_action(task, "activate").await
    }

    async fn task_action(&self, task: TaskId, action: &str) -> Result<Task> {
        self.post(&["tasks", &task.to_string(), action])
            .fetch()
            .await
    }

    /// `GET /tasks/{id}/attempts`, oldest first.
    pub async fn attempts(&self, task: TaskId) -> Result<List<Attempt>> {
        self.get(&["tasks", &task.to_string(), "attempts"])
            .fetch()
            .await
    }

    /// `GET /tasks/{id}/receipts`, oldest first.
    pub async fn receipts(&self, task: TaskId) -> Result<List<Receipt>> {
        self.get(&["tasks", &task.to_string(), "receipts"])
            .fetch()
            .await
    }

    /// `GET /tasks/{id}/candidates`, oldest first.
    pub async fn candidates(&self, task: TaskId) -> Result<List<Candidate>> {
        self.get(&["tasks", &task.to_string(), "candidates"])
            .fetch()
            .await
    }

    /// `GET /tasks/{id}/edges`: dependencies among the tasks below it, at every depth, up to 5,000
    /// at a time.
    pub async fn edges(&self, task: TaskId, page: &Page) -> Result<List<Edge>> {
        self.get(&["tasks", &task.to_string(), "edges"])
            .query(&page.params(Params::default()))
            .fetch()
            .await
    }

    /// `GET /tasks/{id}/conflicts`: where it, or what is below it, meets other tasks.
    pub async fn conflicts(&self, task: TaskId) -> Result<List<Conflict>> {
        self.get(&["tasks", &task.to_string(), "conflicts"])
            .fetch()
            .await
    }

    /// `GET /tasks/{id}/commits`: what its result adds to its target.
    pub async fn commits(&self, task: TaskId) -> Result<List<Commit>> {
        self.get(&["tasks", &task.to_string(), "commits"])
            .fetch()
            .await
    }

    /// `GET /tasks/{id}/diff`: its result as a patch text. Bytes, because files need not be UTF-8.
    pub async fn task_diff(&self, task: TaskId) -> Result<Bytes> {
        self.get(&["tasks", &task.to_string(), "diff"])
            .fetch_bytes()
            .await
    }
}

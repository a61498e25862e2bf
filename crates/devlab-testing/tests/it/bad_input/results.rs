//! Receipts that cannot be, and a project file that is too large.

use devlab_testing::TestServer;
use devlab_testing::raw::Request;
use serde_json::json;

use super::Target;

#[tokio::test]
async fn receipts_of_logs_and_times_that_cannot_be_are_refused() {
    let target = Target::new().await;
    let receipt = |member: &str| {
        let mut receipt = json!({"check": "c", "tree": "0".repeat(40), "exit_code": 0,
            "duration_ms": 1, "log_offset": 0, "log_len": 0, "log_tail": "",
            "isolation": "process"});
        receipt[member] = json!(u64::MAX);
        receipt
    };
    for (member, field) in [
        ("duration_ms", "duration_ms"),
        ("log_offset", "log_offset"),
        ("log_len", "log_offset"),
    ] {
        let body = json!({"task": target.task, "attempt": target.attempt,
            "complete": {"delivered": {"receipts": [receipt(member)]}}});
        let request = Request::post("/v1/tasks/update", &body).token(&target.agent.secret);
        let problem = target.server.send(&request).await.problem();
        let place = format!("complete.delivered.receipts[0].{field}");
        assert_eq!((problem.status, problem.field), (422, Some(place)));
    }
    target.server.stop().await;
}

#[tokio::test]
async fn a_project_file_that_is_too_large_is_a_problem_of_its_owner() {
    let server = TestServer::start().await;
    let text = "# much too much\n".repeat(20_000);
    let (project, _checkout) = server
        .project_with("default", &[(".devlab/project.toml", text.as_str())])
        .await;
    let admin = server.admin_secret();
    let body = json!({"org": "default", "project": project.name, "task": "Write it"});
    for request in [
        Request::get(format!("/v1/projects/{}/settings", project.id)),
        Request::post("/v1/schedule", &body),
        Request::post("/v1/tasks", &json!({"project": project.id, "title": "T"})),
    ] {
        let problem = server.send(&request.token(admin)).await.problem();
        assert_eq!((problem.status, problem.code.as_str()), (422, "too_large"));
        let detail = &problem.detail;
        assert!(
            detail.contains(".devlab/project.toml") && detail.contains("262144"),
            "{detail}"
        );
    }
    server.stop().await;
}

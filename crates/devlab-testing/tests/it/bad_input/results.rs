//! A project file that is too large.

use devlab_testing::TestServer;
use devlab_testing::raw::Request;
use serde_json::json;

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

//! Plans are compiled from what callers give and from what stands in a project's repository.

use devlab_core::check::DriverSpec;
use devlab_core::limits::PLAN_FILE_BYTES_MAX;
use devlab_core::org::Project;
use devlab_core::plan::file::File;
use devlab_core::plan::single::Single;
use devlab_core::plan::spec_kit::{SPEC_FILE, SpecKit, TASKS_FILE};
use devlab_core::plan::{Origin, Plan, Planner};
use devlab_core::{Oid, RefName, Refusal};
use devlab_forge::BareRepo;

use crate::error::{Error, Result};
use crate::lab::Lab;

/// What a plan is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanSource {
    /// One task.
    Single(Single),
    /// A plan file.
    File(File),
    /// A Spec-Kit feature in the project's repository.
    SpecKit(Feature),
}

/// A Spec-Kit feature in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its folder.
    pub folder: String,
    /// Branch or commit to read it at; the default branch if absent.
    pub at: Option<String>,
    /// [`SpecKit::stories_in_parallel`].
    pub stories_in_parallel: bool,
    /// [`SpecKit::driver`].
    pub driver: Option<DriverSpec>,
}

/// A plan, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// Where it comes from.
    pub origin: Origin,
}

/// Plans on a thread of its own: a large input takes longer than others should wait.
async fn compile(
    planner: Box<dyn Planner + Send>,
    source: String,
    commit: Option<Oid>,
    why: String,
) -> Result<Compiled> {
    let compiled = tokio::task::spawn_blocking(move || {
        let plan = planner.plan().map_err(Error::Problems)?;
        let origin = Origin {
            planner: planner.kind(),
            source,
            commit,
            input: planner.input_hash(),
            stories_in_turn: false,
            why,
        };
        Ok(Compiled { plan, origin })
    });
    compiled.await.map_err(|source| Error::Io {
        what: "a planner did not come to its end".to_owned(),
        source: std::io::Error::other(source),
    })?
}

impl Lab {
    /// Compiles a plan. A Spec-Kit feature is read from the project's repository.
    ///
    /// # Errors
    /// [`Error::Problems`] for what keeps the input from being a plan; [`Refusal::Invalid`] for a
    /// feature that is not there.
    pub async fn compile(
        &self,
        project: Option<&Project>,
        source: PlanSource,
        why: String,
    ) -> Result<Compiled> {
        match source {
            PlanSource::Single(single) => {
                let title = single.spec.title.clone();
                compile(Box::new(single), title, None, why).await
            }
            PlanSource::File(file) => {
                let name = file.name.clone();
                compile(Box::new(file), name, None, why).await
            }
            PlanSource::SpecKit(feature) => {
                let project = project.ok_or_else(|| {
                    Refusal::invalid("project", "a Spec-Kit feature stands in a project")
                })?;
                let repo = self.repo(project).await?;
                let commit = commit_at(&repo, project, feature.at.as_deref()).await?;
                let folder = feature.folder.trim_matches('/').to_owned();
                let spec_kit = SpecKit {
                    spec: feature_file(&repo, &commit, &folder, SPEC_FILE).await?,
                    tasks: feature_file(&repo, &commit, &folder, TASKS_FILE).await?,
                    folder: folder.clone(),
                    stories_in_parallel: feature.stories_in_parallel,
                    driver: feature.driver,
                };
                let mut compiled = compile(Box::new(spec_kit), folder, Some(commit), why).await?;
                compiled.origin.stories_in_turn = !feature.stories_in_parallel;
                Ok(compiled)
            }
        }
    }
}

async fn commit_at(repo: &BareRepo, project: &Project, at: Option<&str>) -> Result<Oid> {
    let missing = |text: &str| Refusal::invalid("at", format!("there is no commit {text}"));
    let branch = match at {
        None => project.default_branch.clone(),
        Some(text) => match text.parse::<Oid>() {
            Ok(oid) => {
                let is_missing = !repo
                    .missing_objects(std::slice::from_ref(&oid))
                    .await?
                    .is_empty();
                return if is_missing {
                    Err(missing(text).into())
                } else {
                    Ok(oid)
                };
            }
            Err(_) => RefName::branch(text)
                .map_err(|_| Refusal::invalid("at", "is neither a branch nor a commit"))?,
        },
    };
    let head = repo.resolve(&branch).await?;
    head.ok_or_else(|| missing(branch.branch_name().unwrap_or_default()).into())
}

async fn feature_file(repo: &BareRepo, commit: &Oid, folder: &str, name: &str) -> Result<String> {
    let path = format!("{folder}/{name}");
    let bytes = match repo.read_file(commit, &path, PLAN_FILE_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(error) if error.is_transient() || error.is_too_large() => return Err(error.into()),
        Err(devlab_forge::Error::Invalid { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let problem = match bytes.map(String::from_utf8) {
        Some(Ok(text)) => return Ok(text),
        Some(Err(_)) => format!("{path} is not UTF-8"),
        None => format!("there is no {path} at {commit}"),
    };
    Err(Refusal::invalid("folder", problem).into())
}

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { GitPullRequest } from "lucide-react";
import { useState } from "react";
import { Problem } from "../api/problem";
import { folder, patches, projectSettings, projects } from "../api/queries";
import type { Patch, Project, ProjectSettings } from "../api/types";
import { Counts } from "../diff/files";
import { Browser } from "../files/browser";
import { Content } from "../files/content";
import type { PROJECT_TABS } from "../search";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { Trains } from "../tasks/train";
import { Ask } from "../ui/ask";
import { Button, ButtonLink } from "../ui/button";
import { CommitId, CopyButton } from "../ui/copy";
import { Empty, Failed, Skeleton } from "../ui/empty";
import { Select } from "../ui/field";
import { Code, Fact, Facts, PageHead, Section } from "../ui/page";
import { Segments } from "../ui/segments";
import { PATCH_HUE, Tag } from "../ui/state";
import { Ago } from "../ui/time";

const route = getRouteApi("/o/$org/projects/$project");
type Tab = (typeof PROJECT_TABS)[number];

/** One repository: how its work is judged, what is proposed, what is being merged. */
export function ProjectPage() {
  const { org } = useLab();
  const { project: id } = route.useParams();
  const query = useQuery(projects(org));
  const project = query.data?.find((one) => one.id === id || one.name === id);
  useTitle(project?.name ?? "Project");
  return (
    <Ask query={query} page loading={<Skeleton rows={8} className="max-w-lg" />}>
      {() => (project ? <Page project={project} /> : <Failed page error={missing()} />)}
    </Ask>
  );
}

function missing(): Problem {
  return new Problem({
    status: 404,
    code: "not_found",
    title: "There is no such project",
    detail: "",
    help: "",
    request_id: "",
  });
}

function Page({ project }: { project: Project }) {
  const { org } = useLab();
  const { tab = "settings", state } = route.useSearch();
  const navigate = useNavigate({ from: "/o/$org/projects/$project" });
  return (
    <>
      <PageHead
        before={
          <Link to="/o/$org/projects" params={{ org }} className="tap-text hover:text-ink hover:underline">
            Projects
          </Link>
        }
        title={project.name}
        meta={
          <>
            <span className="inline-flex items-center gap-1">
              <code className="font-mono">{project.default_branch}</code>
              {project.head ? (
                <>
                  {" "}
                  at <CommitId id={project.head} project={project.id} />
                </>
              ) : (
                " is empty"
              )}
            </span>
            {project.upstream && <span className="break-all">upstream {project.upstream}</span>}
            <Link
              to="/o/$org/admin/policy"
              params={{ org }}
              search={{ project: project.id }}
              className="tap-text font-medium text-accent hover:underline"
            >
              Policy
            </Link>
            {project.archived && <Tag>archived: it takes no new goals</Tag>}
          </>
        }
        actions={
          <ButtonLink look="primary" to="/o/$org/new" params={{ org }} search={{ project: project.name }}>
            New work
          </ButtonLink>
        }
      >
        <div className="px-4 pb-3 md:px-6">
          <Segments<Tab>
            label="Part"
            value={tab}
            onChange={(next) => void navigate({ search: next === "settings" ? {} : { tab: next } })}
            options={[
              { value: "settings", label: "Settings" },
              { value: "files", label: "Files" },
              { value: "patches", label: "Patches" },
              { value: "train", label: "Train" },
            ]}
          />
        </div>
      </PageHead>
      <div className="max-w-3xl p-4 md:px-6">
        {tab === "files" && <Browser project={project} />}
        {tab === "settings" && <Settings project={project} />}
        {tab === "patches" && (
          <Patches
            project={project}
            state={state}
            onState={(next) =>
              void navigate({ search: { tab: "patches", ...(next ? { state: next } : {}) } })
            }
          />
        )}
        {tab === "train" && <Trains project={project} />}
      </div>
    </>
  );
}

function Settings({ project }: { project: Project }) {
  const query = useQuery(projectSettings(project.id));
  const git = new URL(project.git_path, location.origin).pathname;
  return (
    <div className="flex flex-col gap-4">
      <Ask query={query}>{(settings) => <Judged settings={settings} project={project} />}</Ask>
      <Section title="Repository">
        <Facts>
          <Fact name="Git path">
            <span className="inline-flex items-center gap-1">
              <code className="font-mono text-xs break-all">{git}</code>
              <CopyButton text={git} label="Copy the path" />
            </span>
          </Fact>
          <Fact name="Made">
            <Ago at={project.created_at} />
          </Fact>
        </Facts>
        <p className="mt-3 text-ink-2">
          Below the orchestrator's address; a token is the password.{" "}
          <code className="font-mono text-xs">devlab project sync</code> brings new commits of the upstream
          in.
        </p>
      </Section>
    </div>
  );
}

function Judged({ settings, project }: { settings: ProjectSettings; project: Project }) {
  const branch = project.default_branch;
  const bare = !settings.setup && settings.checks.length === 0 && settings.protected_paths.length === 0;
  return (
    <Section
      title="How work is judged"
      note={<code className="font-mono">.devlab/project.toml on {branch}</code>}
    >
      {bare && (
        <p className="mb-4 rounded-md bg-amber-soft px-3 py-2 text-amber">
          No checks are set, so that results are merged unproven. Add{" "}
          <code className="font-mono">.devlab/project.toml</code> to the default branch.
        </p>
      )}
      <Facts>
        <Fact name="Setup">
          {settings.setup ? (
            <Code>{settings.setup}</Code>
          ) : (
            <span className="text-ink-3">nothing to prepare</span>
          )}
        </Fact>
        <Fact name="Checks">
          {settings.checks.length === 0 ? (
            <span className="text-ink-3">none</span>
          ) : (
            <ol className="flex flex-col gap-2.5">
              {settings.checks.map((check) => (
                <li key={check.name}>
                  <p className="mb-1">
                    <span className="font-medium">{check.name}</span>{" "}
                    <span className="text-xs text-ink-3">at most {check.timeout_secs} s</span>
                  </p>
                  <Code>{check.run}</Code>
                </li>
              ))}
            </ol>
          )}
        </Fact>
        <Fact name="Artifacts">
          {settings.artifacts?.length ? (
            <span className="flex flex-wrap gap-1">
              {settings.artifacts.map((pattern) => (
                <Tag key={pattern}>
                  <span className="font-mono">{pattern}</span>
                </Tag>
              ))}
            </span>
          ) : (
            <span className="text-ink-3">no files are kept of what drivers leave</span>
          )}
        </Fact>
        <Fact name="Agents need">
          {settings.labels.length === 0 ? (
            <span className="text-ink-3">no labels</span>
          ) : (
            settings.labels.map((label) => <Tag key={label}>{label}</Tag>)
          )}
        </Fact>
        <Fact name="Protected">
          <span className="flex flex-wrap gap-1">
            {[".devlab", ...settings.protected_paths].map((path) => (
              <Tag key={path}>
                <span className="font-mono">{path}</span>
              </Tag>
            ))}
          </span>
          <span className="mt-1 block text-xs text-ink-3">
            A change below these paths always waits for a person's review.
          </span>
        </Fact>
      </Facts>
      <File project={project} />
      <p className="mt-4 text-xs text-ink-3">
        Every goal keeps the settings that held when it was scheduled; what an agent writes cannot change what
        it is judged by.
      </p>
    </Section>
  );
}

const FILE = ".devlab/project.toml";

/** The file itself, for those who will change it. */
function File({ project }: { project: Project }) {
  const [open, setOpen] = useState(false);
  const above = useQuery({
    ...folder(project.id, project.head ?? "", ".devlab"),
    enabled: Boolean(project.head),
    retry: false,
  });
  if (!above.data?.entries.some((entry) => entry.name === "project.toml")) return null;
  const query = new URLSearchParams({ commit: project.head ?? "", path: FILE });
  return (
    <div className="mt-4">
      <Button size="sm" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? "Hide the file" : "Show the file"}
      </Button>
      {open && (
        <div className="mt-2 overflow-hidden rounded-md border border-line">
          <Content path={`/api/v1/projects/${project.id}/blob?${query}`} name={FILE} />
        </div>
      )}
    </div>
  );
}

function Patches({
  project,
  state,
  onState,
}: {
  project: Project;
  state: Patch["state"] | undefined;
  onState: (state: Patch["state"] | undefined) => void;
}) {
  const { org } = useLab();
  const query = useQuery(patches(org, project.id, state));
  return (
    <Section
      title="Patches"
      flush
      actions={
        <Select
          aria-label="State"
          value={state ?? ""}
          onChange={(event) => onState((event.target.value || undefined) as Patch["state"] | undefined)}
        >
          <option value="">All</option>
          <option value="open">Open</option>
          <option value="merged">Merged</option>
          <option value="closed">Closed</option>
        </Select>
      }
    >
      <Ask query={query}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty icon={<GitPullRequest />} title="No patches">
              A result that a person reviews is a patch.
            </Empty>
          ) : (
            <ul className="divide-y divide-line">
              {data.items.map((patch) => (
                <li
                  key={patch.id}
                  className="tap relative flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5 transition-colors hover:bg-hover"
                >
                  <Tag hue={PATCH_HUE[patch.state]}>{patch.state}</Tag>
                  <Link
                    to="/o/$org/tasks/$task"
                    params={{ org, task: patch.task }}
                    search={{ tab: "changes" }}
                    className="min-w-0 flex-1 basis-48 truncate font-medium after:absolute after:inset-0"
                  >
                    {patch.title}
                  </Link>
                  <span className="text-xs text-ink-3">{patch.files} files</span>
                  <Counts added={patch.added} removed={patch.removed} />
                  <span className="text-xs text-ink-3">
                    <Ago at={patch.updated_at} />
                  </span>
                </li>
              ))}
              {data.more && (
                <li className="px-4 py-2 text-xs text-ink-3">The newest {data.items.length} are shown.</li>
              )}
            </ul>
          )
        }
      </Ask>
    </Section>
  );
}

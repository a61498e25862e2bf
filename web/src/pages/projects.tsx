import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FolderGit2 } from "lucide-react";
import { projects } from "../api/queries";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { Ask } from "../ui/ask";
import { CommitId } from "../ui/copy";
import { Empty, Skeleton } from "../ui/empty";
import { Code, PageHead, Section } from "../ui/page";
import { Tag } from "../ui/state";
import { Ago } from "../ui/time";

/** Repositories that the org works on. */
export function ProjectsPage() {
  useTitle("Projects");
  const { org } = useLab();
  const query = useQuery(projects(org));
  return (
    <>
      <PageHead title="Projects" />
      <div className="p-4 md:px-6">
        <Ask query={query} loading={<Skeleton rows={6} />}>
          {(list) =>
            list.length === 0 ? (
              <Empty icon={<FolderGit2 />} title="No projects yet">
                <p>Add a checkout that you work in:</p>
                <Code className="mt-3 text-left">cd my-repository && devlab project add</Code>
              </Empty>
            ) : (
              <Section title="Projects" flush>
                <ul className="divide-y divide-line">
                  {list.map((project) => (
                    <li
                      key={project.id}
                      className="tap relative flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3 transition-colors hover:bg-hover"
                    >
                      <FolderGit2 className="size-4 text-ink-3" aria-hidden="true" />
                      <Link
                        to="/o/$org/projects/$project"
                        params={{ org, project: project.id }}
                        className="font-medium after:absolute after:inset-0"
                      >
                        {project.name}
                      </Link>
                      {project.archived && <Tag>archived</Tag>}
                      <span className="min-w-0 flex-1 truncate text-xs text-ink-3">{project.upstream}</span>
                      <span className="relative flex items-center gap-1 text-xs text-ink-3">
                        <code className="font-mono">{project.default_branch}</code>
                        {project.head ? <CommitId id={project.head} project={project.id} /> : "is empty"}
                      </span>
                      <span className="text-xs text-ink-3">
                        <Ago at={project.created_at} />
                      </span>
                    </li>
                  ))}
                </ul>
              </Section>
            )
          }
        </Ask>
      </div>
    </>
  );
}

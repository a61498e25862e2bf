import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Download, File, FileCode2, FileSymlink, FolderGit2, Folder as FolderIcon } from "lucide-react";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { asProblem } from "../api/problem";
import { folder } from "../api/queries";
import type { Folder, FolderEntry, Project } from "../api/types";
import type { Beside } from "../text/markdown";
import { bytes, count } from "../text/words";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { CommitId } from "../ui/copy";
import { Empty, Skeleton } from "../ui/empty";
import { Input } from "../ui/field";
import { Section } from "../ui/page";
import { Segments } from "../ui/segments";
import { Beheld, Content } from "./content";
import { commitOf, isDocument, placeBeside } from "./kind";
import { save } from "./save";

const route = getRouteApi("/o/$org/projects/$project");

const ICON: Record<FolderEntry["kind"], ReactNode> = {
  folder: <FolderIcon className="text-accent" />,
  file: <File />,
  executable: <FileCode2 />,
  link: <FileSymlink />,
  submodule: <FolderGit2 />,
};

/** The repository at a commit: folders, and files in place. */
export function Browser({ project }: { project: Project }) {
  const { commit = project.head, path = "", file = false } = route.useSearch();
  if (!commit) {
    return (
      <Empty icon={<FolderGit2 />} title="The repository is empty">
        Push a first commit to <code className="font-mono">{project.default_branch}</code>.
      </Empty>
    );
  }
  const old = commit !== project.head;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-2">
        <Trail project={project} path={path} />
        <span className="ml-auto inline-flex flex-wrap items-center gap-1.5">
          {old ? "at commit" : `head of ${project.default_branch}`} <CommitId id={commit} />
          {old && (
            <Link
              from="/o/$org/projects/$project"
              to="."
              search={(before) => ({ ...before, commit: undefined })}
              className="tap-text text-accent hover:underline"
            >
              go to the head
            </Link>
          )}
          <GoTo />
        </span>
      </div>
      {file ? (
        <OneFile project={project} commit={commit} path={path} />
      ) : (
        <OneFolder project={project} commit={commit} path={path} />
      )}
    </div>
  );
}

/** A way to any commit, at the same path. */
function GoTo() {
  const navigate = useNavigate({ from: "/o/$org/projects/$project" });
  const [text, setText] = useState("");
  const [isWrong, setWrong] = useState(false);
  const about = useId();
  const go = (event: FormEvent) => {
    event.preventDefault();
    const commit = commitOf(text);
    setWrong(commit === undefined);
    if (!commit) return;
    setText("");
    void navigate({ search: (before) => ({ ...before, tab: "files" as const, commit }) });
  };
  return (
    <form onSubmit={go} className="flex flex-col">
      <Input
        aria-label="Go to a commit"
        aria-invalid={isWrong || undefined}
        aria-describedby={isWrong ? about : undefined}
        placeholder="Go to a commit"
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
        }}
        className="h-6.5 w-44 font-mono text-xs"
      />
      {isWrong && (
        <span id={about} role="alert" className="text-red">
          The whole id: 40 digits, 0 to f.
        </span>
      )}
    </form>
  );
}

/** Where one is: every folder above leads back. */
function Trail({ project, path }: { project: Project; path: string }) {
  const parts = path ? path.split("/") : [];
  return (
    <nav aria-label="Path" className="min-w-0 text-sm break-all">
      <To path="" here={parts.length === 0}>
        {project.name}
      </To>
      {parts.map((part, at) => (
        <span key={parts.slice(0, at + 1).join("/")}>
          <span className="px-1 text-ink-3">/</span>
          <To path={parts.slice(0, at + 1).join("/")} here={at === parts.length - 1}>
            {part}
          </To>
        </span>
      ))}
    </nav>
  );
}

function To({ path, here, children }: { path: string; here: boolean; children: ReactNode }) {
  if (here)
    return (
      <span aria-current="page" className="font-medium text-ink">
        {children}
      </span>
    );
  return (
    <Link
      from="/o/$org/projects/$project"
      to="."
      search={(before) => ({ ...before, tab: "files" as const, path: path || undefined, file: undefined })}
      className="tap-text text-accent hover:underline"
    >
      {children}
    </Link>
  );
}

function OneFolder({ project, commit, path }: { project: Project; commit: string; path: string }) {
  const query = useQuery(folder(project.id, commit, path));
  if (query.data === undefined && query.error && asProblem(query.error).status === 404) {
    return (
      <Empty icon={<FolderGit2 />} title="Nothing here at this commit">
        {path ? "The repository has no such folder there" : "The repository has no such commit"}, or no
        longer.
      </Empty>
    );
  }
  return (
    <Ask query={query} loading={<Skeleton rows={8} />}>
      {(found) => (
        <>
          <Section title="Files" note={count(found.entries.length, "entry", "entries")} flush>
            <Entries folder={found} path={path} />
          </Section>
          <ReadMe project={project} folder={found} />
        </>
      )}
    </Ask>
  );
}

function Entries({ folder, path }: { folder: Folder; path: string }) {
  const first = (entry: FolderEntry) => entry.kind === "folder" || entry.kind === "submodule";
  const sorted = [...folder.entries.filter(first), ...folder.entries.filter((entry) => !first(entry))];
  return (
    <ul className="divide-y divide-line">
      {sorted.map((entry) => (
        <li
          key={entry.name}
          className="relative flex min-h-9 items-center gap-2.5 px-4 transition-colors hover:bg-hover [&>svg]:size-4 [&>svg]:shrink-0 [&>svg]:text-ink-3"
        >
          {ICON[entry.kind]}
          {entry.kind === "submodule" ? (
            <span className="min-w-0 flex-1 truncate">{entry.name}</span>
          ) : (
            <Link
              from="/o/$org/projects/$project"
              to="."
              search={(before) => ({
                ...before,
                path: path ? `${path}/${entry.name}` : entry.name,
                plain: undefined,
                file: entry.kind === "folder" ? undefined : true,
              })}
              className="tap flex min-w-0 flex-1 items-center truncate after:absolute after:inset-0"
            >
              {entry.name}
            </Link>
          )}
          <span className="text-xs text-ink-3">
            {entry.kind === "submodule"
              ? "another repository"
              : entry.kind === "link"
                ? "link"
                : entry.size != null && bytes(entry.size)}
          </span>
        </li>
      ))}
      {folder.cut && (
        <li className="px-4 py-2 text-xs text-ink-3">
          There are more; the first {folder.entries.length.toLocaleString()} are listed.
        </li>
      )}
    </ul>
  );
}

function address(project: Project, commit: string, path: string): string {
  const query = new URLSearchParams({ commit, path });
  return `/api/v1/projects/${project.id}/blob?${query}`;
}

/** What a folder says of itself, below its list. */
function ReadMe({ project, folder }: { project: Project; folder: Folder }) {
  const found = folder.entries.find((entry) => entry.kind === "file" && /^readme(\.|$)/i.test(entry.name));
  if (!found) return null;
  const path = folder.path ? `${folder.path}/${found.name}` : found.name;
  return (
    <Section title={found.name} flush>
      <Content
        path={address(project, folder.commit, path)}
        name={found.name}
        beside={besideOf(project, folder.commit, path)}
      />
    </Section>
  );
}

/** Links and pictures of a document are files of its repository, at its commit. */
function besideOf(project: Project, commit: string, from: string): Beside {
  return {
    link: (link, children) => {
      const path = placeBeside(from, link);
      if (path === undefined) return <span>{children}</span>;
      return (
        <Link
          from="/o/$org/projects/$project"
          to="."
          search={(before) => ({
            ...before,
            tab: "files" as const,
            path: path || undefined,
            file: path && !link.endsWith("/") ? true : undefined,
            plain: undefined,
          })}
        >
          {children}
        </Link>
      );
    },
    picture: (link, alt) => {
      const path = placeBeside(from, link);
      return path ? (
        <Beheld path={address(project, commit, path)} alt={alt} />
      ) : (
        <span>[picture: {alt}]</span>
      );
    },
  };
}

function OneFile({ project, commit, path }: { project: Project; commit: string; path: string }) {
  const name = path.split("/").at(-1) ?? path;
  const from = address(project, commit, path);
  const { plain = false } = route.useSearch();
  const navigate = useNavigate({ from: "/o/$org/projects/$project" });
  return (
    <Section
      title={name}
      flush
      actions={
        <>
          {isDocument(name) && (
            <Segments
              label="As"
              value={plain ? "lines" : "document"}
              options={[
                { value: "document", label: "Document" },
                { value: "lines", label: "Lines" },
              ]}
              onChange={(next) =>
                void navigate({
                  search: (before) => ({ ...before, plain: next === "lines" ? true : undefined }),
                  replace: true,
                })
              }
            />
          )}
          <Button size="sm" icon={<Download className="size-3.5" />} onClick={() => void save(from, name)}>
            Download
          </Button>
        </>
      }
    >
      <Content path={from} name={name} plain={plain} beside={besideOf(project, commit, path)} />
    </Section>
  );
}

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Check, Columns2, FileDiff, MessagesSquare, Rows2, Undo2 } from "lucide-react";
import { useMemo, useState } from "react";
import { diff as diffQuery, patch as patchQuery } from "../api/queries";
import type { Patch, TaskDetail, Verdict } from "../api/types";
import { useLab } from "../shell/lab";
import { type Shortcut, useShortcuts } from "../shell/shortcuts";
import { Person } from "../tasks/person";
import { count } from "../text/words";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { CommitId } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { Empty, Skeleton } from "../ui/empty";
import { Segments } from "../ui/segments";
import { PATCH_HUE, Tag } from "../ui/state";
import { Ago } from "../ui/time";
import { CutLine } from "./cut";
import { DiffView } from "./diff-view";
import { useDrafts } from "./drafts";
import { Earlier } from "./earlier";
import { Counts } from "./files";
import { type Diff, parseDiff } from "./model";
import { VerdictDialog } from "./verdict";

type View = "unified" | "split";

/** What a task changes, what people say of it, and the verdict. */
export function Review({ task, view }: { task: TaskDetail; view: View | undefined }) {
  return task.patch ? (
    <OfPatch task={task} id={task.patch} view={view} />
  ) : (
    <Changes task={task} patch={undefined} view={view} />
  );
}

function OfPatch({ task, id, view }: { task: TaskDetail; id: string; view: View | undefined }) {
  const query = useQuery(patchQuery(id));
  return (
    <Ask query={query} loading={<Skeleton rows={8} />}>
      {(patch) => <Changes key={patch.id} task={task} patch={patch} view={view} />}
    </Ask>
  );
}

/** Narrower than this a diff is read line by line. */
const SPLIT_PX = 1100;

function Changes({
  task,
  patch,
  view: wanted,
}: {
  task: TaskDetail;
  patch: Patch | undefined;
  view: View | undefined;
}) {
  const { principal, readOnly } = useLab();
  const navigate = useNavigate({ from: "/o/$org/tasks/$task" });
  const head = patch?.head ?? task.head ?? "";
  const query = useQuery(diffQuery(patch ? { patch: patch.id } : { task: task.id }, head));
  const diff = useMemo(() => (query.data === undefined ? undefined : parseDiff(query.data)), [query.data]);
  const isCut = diff?.cut !== undefined;
  const review = useDrafts(principal, patch?.id ?? task.id, head);
  const [seen, setSeen] = useState(head);
  const [asks, setAsks] = useState<Verdict | "comment" | null>(null);
  const [talkOpen, setTalkOpen] = useState(false);
  const view = wanted ?? (window.innerWidth >= SPLIT_PX ? "split" : "unified");
  const setView = (next: View) =>
    void navigate({ search: (before) => ({ ...before, diff: next }), replace: true });
  const open = patch?.state === "open";
  const notWaiting = task.waiting_for === "review" ? false : "The task does not wait for a review now.";
  const stop = readOnly || notWaiting;
  const verdicts: Shortcut[] = [
    { keys: "m", label: "Accept", group: "Changes", blocked: stop, run: () => setAsks("accept") },
    { keys: "q", label: "Request changes", group: "Changes", blocked: stop, run: () => setAsks("reject") },
  ];
  useShortcuts([
    {
      keys: "s",
      label: "Side by side or unified",
      group: "Changes",
      run: () => setView(view === "split" ? "unified" : "split"),
    },
    ...(open ? verdicts : []),
  ]);
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b border-line bg-surface px-4 py-1.5 md:px-6">
        {patch && <Tag hue={PATCH_HUE[patch.state]}>{patch.state}</Tag>}
        {head && <CommitId id={head} project={task.project} />}
        {diff && <Size diff={diff} patch={patch} />}
        <span className="ml-auto flex flex-wrap items-center gap-2">
          {patch && (
            <Button
              size="sm"
              look="quiet"
              icon={<MessagesSquare className="size-3.5" />}
              onClick={() => setTalkOpen(true)}
            >
              Discussion {patch.comments?.length || ""}
            </Button>
          )}
          <Segments
            label="View"
            value={view}
            onChange={setView}
            options={[
              { value: "unified", label: "Unified", icon: <Rows2 /> },
              { value: "split", label: "Split", icon: <Columns2 /> },
            ]}
          />
          {open && (
            <>
              {review.drafts.length > 0 && (
                <span className="text-xs text-amber">{count(review.drafts.length, "remark")} not sent</span>
              )}
              <Button size="sm" blocked={readOnly} onClick={() => setAsks("comment")}>
                Comment
              </Button>
              <Button
                size="sm"
                icon={<Undo2 className="size-3.5" />}
                blocked={stop}
                onClick={() => setAsks("reject")}
              >
                Request changes
              </Button>
              <Button
                size="sm"
                look="primary"
                icon={<Check className="size-3.5" />}
                blocked={stop}
                onClick={() => setAsks("accept")}
              >
                Accept
              </Button>
            </>
          )}
        </span>
      </div>
      <Earlier review={review} isNew={seen !== "" && seen !== head} onSeen={() => setSeen(head)} />
      {isCut && (
        <div role="alert" className="border-b border-line bg-amber-soft px-4 py-1.5 md:px-6">
          <CutLine diff={diff} files={patch?.files} task={task.id} />
        </div>
      )}
      <Ask query={query} loading={<Skeleton rows={12} />}>
        {() =>
          !diff || diff.files.length === 0 ? (
            <Empty
              icon={<FileDiff />}
              title={isCut ? "None of it can be shown" : "It changes no files"}
              className="flex-1"
            />
          ) : (
            <DiffView
              diff={diff}
              view={view}
              comments={patch?.comments ?? []}
              review={review}
              mayRemark={open === true && !readOnly}
            />
          )
        }
      </Ask>
      {patch && asks && (
        <VerdictDialog
          patch={patch}
          kind={asks}
          review={review}
          cut={isCut && <CutLine diff={diff} files={patch.files} task={task.id} />}
          onClose={() => setAsks(null)}
        />
      )}
      {patch && talkOpen && (
        <Discussion patch={patch} project={task.project} onClose={() => setTalkOpen(false)} />
      )}
    </div>
  );
}

/** How much is changed: of a diff that is cut, what was counted with the patch. */
function Size({ diff, patch }: { diff: Diff; patch: Patch | undefined }) {
  const isCut = diff.cut !== undefined;
  const sum = (lines: "added" | "removed") => diff.files.reduce((all, file) => all + file[lines], 0);
  const counted = isCut && patch ? patch : { added: sum("added"), removed: sum("removed") };
  return (
    <span className="flex items-center gap-2 text-xs text-ink-2">
      {count(isCut && patch ? patch.files : diff.files.length, "file")}
      {isCut && !patch && " or more"}
      <Counts added={counted.added} removed={counted.removed} />
    </span>
  );
}

function Discussion({
  patch,
  project,
  onClose,
}: {
  patch: Patch;
  project: string | null | undefined;
  onClose: () => void;
}) {
  const comments = patch.comments ?? [];
  // A description begins with the title as a rule, which stands above.
  const said = patch.description.startsWith(patch.title)
    ? patch.description.slice(patch.title.length).trim()
    : patch.description;
  return (
    <Dialog open wide onClose={onClose} title="Discussion" description={patch.title}>
      {said && <p className="mb-4 whitespace-pre-wrap text-ink-2">{said}</p>}
      {comments.length === 0 ? (
        <p className="text-ink-3">Nobody has said anything yet.</p>
      ) : (
        <ol className="flex flex-col gap-4">
          {comments.map((comment) => (
            <li key={comment.number}>
              <p className="flex flex-wrap items-center gap-2 text-xs text-ink-3">
                <Person name={comment.author} />
                {comment.verdict && (
                  <Tag hue={comment.verdict === "accept" ? "green" : "amber"}>
                    {comment.verdict === "accept" ? "accepted" : "requested changes"}
                  </Tag>
                )}
                <Ago at={comment.at} />
                {comment.head !== patch.head && (
                  <span className="inline-flex items-center gap-1">
                    on an earlier head, <CommitId id={comment.head} project={project} />
                  </span>
                )}
              </p>
              {comment.body && <p className="mt-1 whitespace-pre-wrap">{comment.body}</p>}
            </li>
          ))}
        </ol>
      )}
    </Dialog>
  );
}

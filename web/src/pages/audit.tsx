import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Download, ScrollText } from "lucide-react";
import { useState } from "react";
import { auditPage, keys } from "../api/queries";
import type { AuditEntry } from "../api/types";
import { saveBlob } from "../files/save";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { Person } from "../tasks/person";
import { shortId } from "../text/words";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { Empty } from "../ui/empty";
import { Input } from "../ui/field";
import { PageHead } from "../ui/page";
import { Ago } from "../ui/time";
import { tellProblem } from "../ui/toast";

const route = getRouteApi("/o/$org/admin/audit");

/** Who did what, newest first. */
export function AuditPage() {
  useTitle("Audit log");
  const { org } = useLab();
  const { q = "" } = route.useSearch();
  const navigate = useNavigate({ from: "/o/$org/admin/audit" });
  const query = useInfiniteQuery({
    queryKey: keys.audit(org),
    queryFn: ({ pageParam }) => auditPage(org, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: 0,
  });
  const all = query.data?.pages.flatMap((page) => page.items) ?? [];
  const found = filterAudit(all, q);
  return (
    <>
      <PageHead
        title="Audit log"
        meta={<span>Every change and every log-in, with who asked for it.</span>}
        actions={<Export org={org} q={q} />}
      >
        <div className="px-4 pb-3 md:px-6">
          <Input
            type="search"
            aria-label="Filter"
            placeholder="Filter: task.cancel, tok_…, task_…"
            className="max-w-sm"
            value={q}
            onChange={(event) =>
              void navigate({ search: event.target.value ? { q: event.target.value } : {}, replace: true })
            }
          />
        </div>
      </PageHead>
      <Ask query={query}>
        {() =>
          found.length === 0 ? (
            <Empty icon={<ScrollText />} title={q ? "Nothing fits this filter" : "Nothing was done yet"}>
              {q && query.hasNextPage && "Only what was read so far is filtered; read more below."}
            </Empty>
          ) : (
            <div className="overflow-x-auto">
              <table className="w-full text-left">
                <thead className="text-xs text-ink-3">
                  <tr className="border-b border-line [&_th]:px-4 [&_th]:py-2 [&_th]:font-medium md:[&_th]:first:pl-6">
                    <th scope="col">When</th>
                    <th scope="col">What</th>
                    <th scope="col">To what</th>
                    <th scope="col">Who</th>
                    <th scope="col">Request</th>
                  </tr>
                </thead>
                <tbody>
                  {found.map((entry) => (
                    <tr
                      key={entry.seq}
                      className="border-b border-line hover:bg-hover [&_td]:px-4 [&_td]:py-1.5 [&_td]:whitespace-nowrap md:[&_td]:first:pl-6"
                    >
                      <td className="text-ink-2">
                        <Ago at={entry.at} />
                      </td>
                      <td className="font-mono text-xs">{entry.action}</td>
                      <td className="font-mono text-xs">
                        <Target org={org} id={entry.target} />
                      </td>
                      <td>
                        <Person name={entry.actor} />
                      </td>
                      <td className="font-mono text-xs text-ink-3" title={entry.request_id}>
                        {shortId(entry.request_id).slice(-12)}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Ask>
      {query.hasNextPage && (
        <div className="flex justify-center p-4">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Read more
          </Button>
        </div>
      )}
    </>
  );
}

function Target({ org, id }: { org: string; id: string }) {
  if (!id.startsWith("task_")) return <span title={id}>{shortId(id)}</span>;
  return (
    <Link
      to="/o/$org/tasks/$task"
      params={{ org, task: id }}
      title={id}
      className="text-accent hover:underline"
    >
      {shortId(id)}
    </Link>
  );
}

/** Entries that have every word somewhere. */
function filterAudit(entries: readonly AuditEntry[], q: string): AuditEntry[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...entries];
  return entries.filter((entry) => {
    const text = `${entry.action} ${entry.target} ${entry.actor} ${entry.request_id}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** The whole log that fits the filter, as lines of JSON. */
function Export({ org, q }: { org: string; q: string }) {
  const [read, setRead] = useState<number>();
  const run = async () => {
    setRead(0);
    try {
      const entries: AuditEntry[] = [];
      let cursor: string | undefined;
      do {
        const page = await auditPage(org, cursor);
        entries.push(...page.items);
        cursor = page.next ?? undefined;
        setRead(entries.length);
      } while (cursor);
      const lines = filterAudit(entries, q).map((entry) => JSON.stringify(entry));
      const text = new Blob([`${lines.join("\n")}\n`], { type: "application/x-ndjson" });
      saveBlob(text, `audit-${org}.ndjson`);
    } catch (error) {
      tellProblem("The log was not exported", error);
    }
    setRead(undefined);
  };
  return (
    <Button icon={<Download className="size-4" />} busy={read !== undefined} onClick={() => void run()}>
      {read === undefined ? "Export" : `Read ${read}`}
    </Button>
  );
}

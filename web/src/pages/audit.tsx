import { type InfiniteData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ArrowUp, Download, ScrollText } from "lucide-react";
import { useEffect, useState } from "react";
import { auditPage } from "../api/audit";
import { type AuditFilter, keys, UNTOLD } from "../api/queries";
import type { AuditEntry, Page } from "../api/types";
import { saveBlob } from "../files/save";
import type { AuditSearch } from "../search";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { useWhose, Whose } from "../shell/whose";
import { Person } from "../tasks/person";
import { count, shortId } from "../text/words";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { Empty } from "../ui/empty";
import { Input, Select } from "../ui/field";
import { PageHead } from "../ui/page";
import { Ago } from "../ui/time";
import { tellProblem } from "../ui/toast";

const route = getRouteApi("/o/$org/admin/audit");

/** How many entries are read at a time. */
const SHOWN = 100;

/** Who did what, newest first. */
export function AuditPage() {
  useTitle("Audit log");
  const { org } = useLab();
  const search = route.useSearch();
  const whose = useWhose(search.of);
  const filter = filterOf(search);
  const query = useInfiniteQuery({
    queryKey: keys.audit(whose, filter),
    queryFn: ({ pageParam }) => auditPage(whose, filter, pageParam, SHOWN),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    // Of another log nothing stays in sight.
    placeholderData: (before, last) => (last && isOfLog(last.queryKey, whose) ? before : undefined),
    staleTime: 0,
  });
  const found = query.data?.pages.flatMap((page) => page.items) ?? [];
  const news = useNews(whose, filter, query.isPlaceholderData ? undefined : query.data?.pages[0]);
  const filtered = Object.keys(filter).length > 0;
  return (
    <>
      <PageHead
        title="Audit log"
        meta={
          <span>
            {whose
              ? "Every change and every log-in of the org, with who asked for it."
              : "What was done to the lab as a whole, and log-ins of those who look after it: it is in no org's log."}
          </span>
        }
        actions={<Export org={whose} filter={filter} />}
      >
        <Filters search={search} />
      </PageHead>
      {news && <News {...news} />}
      <Ask query={query}>
        {() =>
          found.length === 0 ? (
            <Empty
              icon={<ScrollText />}
              title={
                query.hasNextPage
                  ? "Nothing among the newest entries"
                  : filtered
                    ? "Nothing fits this filter"
                    : "Nothing was done yet"
              }
            />
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
                      className="border-b border-line hover:bg-hover [&_td]:px-4 [&_td]:py-1.5 [&_td]:whitespace-nowrap md:[&_td]:first:pl-6 pointer-coarse:[&_td]:h-11"
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

function isOfLog(key: readonly unknown[], whose: string | undefined): boolean {
  const [kind, name] = keys.audit(whose, {});
  return key[0] === kind && key[1] === name;
}

/** Entries that came after those that are shown. What one reads stays where it is until they are wanted. */
function useNews(org: string | undefined, filter: AuditFilter, shown: Page<AuditEntry> | undefined) {
  const client = useQueryClient();
  const newest = useQuery({
    queryKey: [...keys.auditNews(org), filter],
    // Of the lab's own, what is among the newest of all.
    queryFn: () => auditPage(org, filter, undefined, SHOWN, 1),
    enabled: shown !== undefined,
    initialData: shown,
    ...UNTOLD,
  }).data;
  if (!newest || !shown) return undefined;
  const last = shown.items[0]?.seq ?? 0;
  const fresh = newest.items.filter((entry) => entry.seq > last).length;
  if (fresh === 0) return undefined;
  const show = () => {
    scrollTo({ top: 0 });
    // Of the lab's own only some were looked for: what is shown already must not go.
    if (org === undefined) {
      void client.invalidateQueries({ queryKey: keys.audit(org, filter) });
      return;
    }
    client.setQueryData<InfiniteData<Page<AuditEntry>, string | undefined>>(keys.audit(org, filter), {
      pages: [newest],
      pageParams: [undefined],
    });
  };
  const more = org !== undefined && fresh === newest.items.length && Boolean(newest.next);
  return { fresh, more, show };
}

/** Lies over the page, so that nothing moves when it comes. */
function News({ fresh, more, show }: { fresh: number; more: boolean; show: () => void }) {
  return (
    <div role="status" className="sticky top-2 z-10 flex h-0 items-start justify-center">
      <Button
        size="sm"
        look="primary"
        icon={<ArrowUp className="size-3.5" />}
        onClick={show}
        className="enter mt-1 shadow-pop"
      >
        {`${count(fresh, "new entry", "new entries")}${more ? " or more" : ""}`}
      </Button>
    </div>
  );
}

function Target({ org, id }: { org: string; id: string }) {
  if (!id.startsWith("task_")) return <span title={id}>{shortId(id)}</span>;
  return (
    <Link
      to="/o/$org/tasks/$task"
      params={{ org, task: id }}
      title={id}
      className="tap-text text-accent hover:underline"
    >
      {shortId(id)}
    </Link>
  );
}

/** Filters as they are kept in the address: words, and days as the reader's calendar has them. */
function Filters({ search }: { search: AuditSearch }) {
  const navigate = useNavigate({ from: "/o/$org/admin/audit" });
  const change = (next: Partial<Record<keyof AuditSearch, string>>) =>
    void navigate({
      search: (before) =>
        Object.fromEntries(Object.entries({ ...before, ...next }).filter(([, value]) => value)),
      replace: true,
    });
  const [text, setText] = useState(search.q ?? "");
  useEffect(() => {
    if (text === (search.q ?? "")) return undefined;
    const timer = setTimeout(() => change({ q: text }), TYPING_MS);
    return () => clearTimeout(timer);
  });
  return (
    <div className="flex flex-wrap items-center gap-2 px-4 pb-3 md:px-6">
      <Whose of={search.of} onChange={(of) => change({ of: of ?? "" })} />
      <Input
        type="search"
        aria-label="Filter"
        placeholder="Filter: task.cancel, tok_…, task_…"
        className="min-w-0 flex-1 basis-56 sm:max-w-sm"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Select
        aria-label="Kind of change"
        value={KINDS.find(([word]) => word === text)?.[0] ?? ""}
        onChange={(event) => setText(event.target.value)}
      >
        <option value="">{text && !KINDS.some(([word]) => word === text) ? "As typed" : "Everything"}</option>
        {KINDS.map(([word, label]) => (
          <option key={word} value={word}>
            {label}
          </option>
        ))}
      </Select>
      <span className="flex min-w-0 items-center gap-2 text-xs text-ink-3 max-sm:basis-full">
        from
        <Input
          type="date"
          aria-label="From this day"
          className="min-w-0 flex-1 sm:w-36 sm:flex-none"
          value={search.since ?? ""}
          onChange={(event) => change({ since: event.target.value })}
        />
        to
        <Input
          type="date"
          aria-label="To this day"
          className="min-w-0 flex-1 sm:w-36 sm:flex-none"
          value={search.until ?? ""}
          onChange={(event) => change({ until: event.target.value })}
        />
      </span>
    </div>
  );
}

/** The address follows this long after the last key, in milliseconds. */
const TYPING_MS = 250;

/** What stands for several actions: a log-in to the dashboard, and one with the one-time link. */
const LOGINS = "login";
const ACTIONS = new Map<string, readonly string[]>([[LOGINS, ["session.open", "login"]]]);

/** Beginnings of actions, by what they change. */
const KINDS = [
  [LOGINS, "Log-ins"],
  ["schedule", "Scheduled work"],
  ["token.", "Tokens"],
  ["policy.", "Policies"],
  ["plan.", "Plans"],
  ["task.", "Tasks"],
  ["patch.", "Reviews"],
  ["agent.", "Agents"],
  ["project.", "Projects"],
] as const;

/** What the server is asked for: a day begins and ends where the reader is. */
function filterOf(search: AuditSearch): AuditFilter {
  const day = (text: string, add: number) => {
    const at = new Date(`${text}T00:00:00`);
    at.setDate(at.getDate() + add);
    return at.toISOString();
  };
  return {
    ...(search.q ? { texts: ACTIONS.get(search.q) ?? [search.q] } : {}),
    ...(search.since ? { since: day(search.since, 0) } : {}),
    ...(search.until ? { until: day(search.until, 1) } : {}),
  };
}

/** The whole log that fits the filter, as lines of JSON. */
function Export({ org, filter }: { org: string | undefined; filter: AuditFilter }) {
  const [read, setRead] = useState<number>();
  const run = async () => {
    setRead(0);
    try {
      const entries: AuditEntry[] = [];
      let cursor: string | undefined;
      do {
        const page = await auditPage(org, filter, cursor);
        entries.push(...page.items);
        cursor = page.next ?? undefined;
        setRead(entries.length);
      } while (cursor);
      const lines = entries.map((entry) => JSON.stringify(entry));
      const text = new Blob([`${lines.join("\n")}\n`], { type: "application/x-ndjson" });
      saveBlob(text, `audit-${org ?? "of-the-lab"}.ndjson`);
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

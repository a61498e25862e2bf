import "./log.css";
import {
  ArrowDownToLine,
  ChevronDown,
  ChevronUp,
  CircleAlert,
  Download,
  Search,
  WrapText,
} from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { saveBlob } from "../files/save";
import { useShortcuts } from "../shell/shortcuts";
import { bytes, count } from "../text/words";
import { Button, Spinner } from "../ui/button";
import { Empty } from "../ui/empty";
import { Input } from "../ui/field";
import { tellProblem } from "../ui/toast";
import { LogClient, type LogView as View } from "./client";
import { errorWords, hitWords, useErrors, useSearch } from "./found";
import { type Jump, LogLines } from "./log-lines";
import { TroubleBar, TroublePage } from "./trouble";

/** An attempt's log: live, searchable, and as fast with a million lines as with ten. */
export function LogView({
  task,
  attempt,
  live,
  name,
  line,
  onLine,
  start,
}: {
  task: string;
  attempt: string;
  live: boolean;
  /** File name of a download. */
  name: string;
  /** The line that the address names, from 1. */
  line: number | undefined;
  onLine: (line: number) => void;
  /** Byte at which to begin, such as a check's output. */
  start?: number | undefined;
}) {
  const client = useLog(task, attempt, live);
  return client ? (
    <Loaded
      key={attempt}
      client={client}
      name={name}
      line={line}
      onLine={onLine}
      start={start}
      follow={live && !line && start === undefined}
    />
  ) : null;
}

function useLog(task: string, attempt: string, live: boolean): LogClient | undefined {
  const [client, setClient] = useState<LogClient>();
  // An attempt that ends while its log is read stays open: the stream says when it is over.
  const wasLive = useRef(live);
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    wasLive.current = live;
    const next = new LogClient(task, attempt, live);
    setClient(next);
    return () => next.close();
  }, [task, attempt]);
  return client;
}

function Loaded({
  client,
  name,
  line,
  onLine,
  start,
  follow: followsAtFirst,
}: {
  client: LogClient;
  name: string;
  line: number | undefined;
  onLine: (line: number) => void;
  start: number | undefined;
  follow: boolean;
}) {
  const view = useSyncExternalStore(client.subscribe, client.get);
  const [follow, setFollow] = useState(followsAtFirst);
  const [wrap, setWrap] = useState(false);
  const [jump, setJump] = useState<Jump>();
  const jumpTo = (to: number) => {
    setFollow(false);
    setJump((before) => ({ line: to, count: (before?.count ?? 0) + 1 }));
  };
  useOpening(client, view, line, start, jumpTo);
  const search = useSearch(client, view, jumpTo);
  const errors = useErrors(client, view, jumpTo);
  const box = useRef<HTMLInputElement>(null);
  useShortcuts([
    { keys: "/", label: "Search the log", group: "Log", run: () => box.current?.focus() },
    { keys: "f", label: "Follow the end", group: "Log", run: () => setFollow((now) => !now) },
    { keys: "w", label: "Wrap long lines", group: "Log", run: () => setWrap((now) => !now) },
    { keys: "n", label: "Next hit", group: "Log", motion: true, run: () => search.step(1) },
    { keys: "N", label: "Previous hit", group: "Log", motion: true, run: () => search.step(-1) },
    { keys: "!", label: "Next error", group: "Log", motion: true, run: errors.next },
  ]);
  const onSearchKey = (event: KeyboardEvent) => {
    if (event.key === "Enter") search.step(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") {
      search.setWord("");
      box.current?.blur();
    }
  };
  return (
    <section aria-label="Log" className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-1.5 border-b border-line bg-surface px-4 py-1.5 md:px-6">
        <span className="relative min-w-36 flex-1 sm:max-w-64">
          <Search
            className="pointer-events-none absolute top-1/2 left-2.5 size-3.5 -translate-y-1/2 text-ink-3"
            aria-hidden="true"
          />
          <Input
            ref={box}
            type="search"
            aria-label="Search the log"
            placeholder="Search"
            className="h-7 pl-8"
            value={search.word}
            onChange={(event) => search.setWord(event.target.value)}
            onKeyDown={onSearchKey}
          />
        </span>
        {search.word && (
          <span className="flex items-center gap-0.5 text-xs text-ink-2" aria-live="polite">
            {hitWords(search.hits, search.at)}
            <Button
              size="sm"
              look="quiet"
              icon={<ChevronUp className="size-3.5" />}
              label="Previous hit (N)"
              onClick={() => search.step(-1)}
            />
            <Button
              size="sm"
              look="quiet"
              icon={<ChevronDown className="size-3.5" />}
              label="Next hit (n)"
              onClick={() => search.step(1)}
            />
          </span>
        )}
        <Button
          size="sm"
          look="quiet"
          icon={<CircleAlert className="size-3.5" />}
          onClick={errors.next}
          blocked={
            errors.hits
              ? errors.hits.lines.length === 0 && "No line looks like an error."
              : "It is being read."
          }
        >
          {errorWords(errors.hits)}
        </Button>
        <Status view={view} />
        <span className="flex items-center gap-1.5 max-lg:ml-auto">
          <Button
            size="sm"
            look={wrap ? "plain" : "quiet"}
            aria-pressed={wrap}
            icon={<WrapText className="size-3.5" />}
            label="Wrap long lines (w)"
            onClick={() => setWrap(!wrap)}
          />
          <Button
            size="sm"
            look={follow ? "plain" : "quiet"}
            aria-pressed={follow}
            icon={<ArrowDownToLine className="size-3.5" />}
            onClick={() => setFollow(!follow)}
          >
            Follow
          </Button>
          <DownloadButton client={client} name={name} />
        </span>
      </div>
      {view.skipped > 0 && (
        <p className="border-b border-line bg-amber-soft px-4 py-1 text-xs text-amber md:px-6">
          The first {bytes(view.skipped)} of this log are not shown; a download has all of it. Lines are
          counted from here.
        </p>
      )}
      {view.lines > 0 && <TroubleBar trouble={view.trouble} onRetry={() => client.retry()} />}
      {view.trouble && view.lines === 0 ? (
        <TroublePage trouble={view.trouble} onRetry={() => client.retry()} />
      ) : view.lines === 0 && view.state !== "loading" ? (
        <Empty title={view.state === "complete" ? "The log is empty" : "No output yet"} className="flex-1">
          {view.state !== "complete" && "What the agent writes appears here as it comes."}
        </Empty>
      ) : (
        <LogLines
          client={client}
          view={view}
          wrap={wrap}
          follow={follow}
          onFollow={setFollow}
          word={search.word}
          marked={line}
          onMark={onLine}
          jump={jump}
          hit={search.hits?.lines[search.at]}
        />
      )}
    </section>
  );
}

/** Goes to where the address points, once that is here. */
function useOpening(
  client: LogClient,
  view: View,
  line: number | undefined,
  start: number | undefined,
  jumpTo: (line: number) => void,
) {
  const done = useRef(false);
  const go = useRef(jumpTo);
  go.current = jumpTo;
  useEffect(() => {
    if (done.current) return;
    if (line !== undefined && view.lines >= line) {
      done.current = true;
      go.current(line - 1);
    } else if (line === undefined && start !== undefined && view.skipped + view.bytes > start) {
      done.current = true;
      void client.lineAt(start).then((at) => go.current(at));
    }
  }, [client, view, line, start]);
}

function Status({ view }: { view: View }) {
  const words = useMemo(() => {
    const size = `${count(view.lines, "line")}, ${bytes(view.total)}`;
    switch (view.state) {
      case "loading":
        return view.total > 0
          ? `${Math.floor(((view.skipped + view.bytes) / view.total) * 100)} % of ${bytes(view.total)}`
          : "Opening";
      case "live":
        return `${size}, live`;
      case "cut":
        return `${size}, reconnecting`;
      case "complete":
        return size;
    }
  }, [view]);
  return (
    <span className="flex items-center gap-1.5 text-xs text-ink-3 max-lg:order-last max-lg:basis-full lg:ml-auto">
      {view.state === "loading" && <Spinner />}
      {view.state === "live" && <span className="size-1.5 rounded-full bg-blue" aria-hidden="true" />}
      {words}
    </span>
  );
}

function DownloadButton({ client, name }: { client: LogClient; name: string }) {
  const [busy, setBusy] = useState(false);
  const download = async () => {
    setBusy(true);
    try {
      saveBlob(await client.blob(), name);
    } catch (error) {
      tellProblem("The log could not be downloaded", error);
    }
    setBusy(false);
  };
  return (
    <Button
      size="sm"
      look="quiet"
      icon={<Download className="size-3.5" />}
      label="Download the log"
      busy={busy}
      onClick={() => void download()}
    />
  );
}

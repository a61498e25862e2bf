import { Link, useNavigate } from "@tanstack/react-router";
import { BellRing, CircleHelp, Eye, GitPullRequest, Inbox, Split, ThumbsUp } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import type { Task } from "../api/types";
import { useLab } from "../shell/lab";
import { noticesOn, turnNotices } from "../shell/notices";
import { useShortcuts } from "../shell/shortcuts";
import { count } from "../text/words";
import { Ask as AskQuery } from "../ui/ask";
import { Button } from "../ui/button";
import { cx } from "../ui/cx";
import { Empty, Skeleton } from "../ui/empty";
import { Kbd, Section } from "../ui/page";
import { StateIcon, stateWords } from "../ui/state";
import { Ago } from "../ui/time";
import { ACTION, type Action, blockedFor, useAct } from "./actions";
import { newestWords, useTotal } from "./counts";
import { ASK_WORD, type Ask, INBOX_STATES, type InboxItem, placeOf, useInbox } from "./inbox";

const ASK_ICON: Record<Ask, ReactNode> = {
  approve: <ThumbsUp className="size-3.5" />,
  choose: <Split className="size-3.5" />,
  review: <GitPullRequest className="size-3.5" />,
  answer: <CircleHelp className="size-3.5" />,
  look: <Eye className="size-3.5" />,
};

const Confirm = lazy(() => import("./bulk-bar").then((loaded) => ({ default: loaded.Confirm })));

/** What waits for the reader. Worked through by keyboard: j, k, Enter, and a letter for each answer. */
export function InboxList() {
  const { org, readOnly } = useLab();
  const inbox = useInbox(org);
  const total = useTotal(org, INBOX_STATES, inbox.query.data);
  const navigate = useNavigate();
  const act = useAct(org);
  const [selected, setSelected] = useState<string>();
  const list = useRef<HTMLUListElement>(null);
  const items = inbox.items;
  // Only what is drawn as chosen: a key must not act on what took the place of one that is gone.
  const found = items.findIndex((item) => item.task.id === selected);
  const current = items[found];
  const place = useRef(0);
  if (current) place.current = found;
  const at = Math.min(place.current, Math.max(0, items.length - 1));

  const focus = (index: number) => {
    const next = items[Math.min(items.length - 1, Math.max(0, index))];
    if (!next) return;
    setSelected(next.task.id);
    list.current?.querySelector<HTMLElement>(`[data-id="${next.task.id}"]`)?.focus();
  };
  /** The one beside the chosen one takes its place, so that one key after the other works through the list. */
  const goOn = () => {
    if (items.length > 1) focus(items[at + 1] ? at + 1 : at - 1);
    else setSelected(undefined);
  };
  const open = (item: InboxItem | undefined) => item && void navigate(placeOf(org, item));
  const [calledOff, setCalledOff] = useState<InboxItem["task"]>();
  const answer = (action: Action) => {
    if (!current) return;
    // What cannot be undone asks first.
    if (action === "cancel") return setCalledOff(current.task);
    goOn();
    void act(action, [current.task]);
  };
  const key = (keys: string, label: string, action: Action) => ({
    keys,
    label,
    group: "Inbox",
    blocked: readOnly || (current ? blockedFor(action, current.task) : "Choose one first, with j or k."),
    run: () => answer(action),
  });
  const had = useRef(false);
  const mine = useRef<string>(undefined);
  useEffect(() => {
    // Focus stays in the list when the item that had it is gone, unless somebody else has answered it:
    // the next key is meant for that one.
    if (had.current && document.activeElement === document.body) {
      if (current) list.current?.querySelector<HTMLElement>(`[data-id="${current.task.id}"]`)?.focus();
      else if (selected !== undefined && mine.current === selected) focus(at);
    }
    had.current = list.current?.contains(document.activeElement) ?? false;
  });

  useShortcuts([
    {
      keys: "j",
      label: "Next in the inbox",
      group: "Inbox",
      motion: true,
      run: () => focus(current ? at + 1 : at),
    },
    { keys: "k", label: "Previous in the inbox", group: "Inbox", motion: true, run: () => focus(at - 1) },
    key("a", "Approve", "activate"),
    key("r", "Retry", "retry"),
    key("x", "Cancel", "cancel"),
    key("e", "Archive", "archive"),
  ]);

  return (
    <Section
      title="Waiting for you"
      note={
        inbox.query.data && inbox.more
          ? newestWords(inbox.query.data, total)
          : items.length > 0 && count(items.length, "task")
      }
      flush
      actions={
        <>
          <span className="hidden items-center gap-1 text-2xs text-ink-3 sm:flex">
            <Kbd>j</Kbd>
            <Kbd>k</Kbd> to move
          </span>
          <NoticeButton />
        </>
      }
    >
      <AskQuery query={inbox.query} loading={<Skeleton rows={4} />}>
        {() =>
          items.length === 0 ? (
            <Empty icon={<Inbox />} title="Nothing waits for you" className="py-10">
              Approvals, questions, reviews and failures come here.
            </Empty>
          ) : (
            <ul
              ref={list}
              onFocus={() => {
                had.current = true;
              }}
              // React tells of it when the reader goes elsewhere, not when a row is taken out of the page.
              onBlur={() => {
                had.current = false;
              }}
              className="max-h-[62vh] overflow-y-auto py-1"
            >
              {items.map((item, index) => (
                <Row
                  key={item.task.id}
                  item={item}
                  chosen={item === current}
                  tabStop={index === at}
                  readOnly={readOnly}
                  onFocus={() => setSelected(item.task.id)}
                  onMove={(by) => focus(index + by)}
                  onOpen={() => open(item)}
                  onAct={(action) => {
                    if (action === "cancel") setCalledOff(item.task);
                    else void act(action, [item.task]);
                  }}
                />
              ))}
              {inbox.more && (
                <li className="px-4 py-2 text-xs text-ink-3">
                  Older ones are{" "}
                  <Link
                    to="/o/$org/board"
                    params={{ org }}
                    search={{ states: INBOX_STATES.join(","), view: "table" }}
                    className="tap-text font-medium text-accent hover:underline"
                  >
                    on the board
                  </Link>
                  .
                </li>
              )}
            </ul>
          )
        }
      </AskQuery>
      <Suspense>
        {calledOff && (
          <Confirm
            action="cancel"
            tasks={[calledOff]}
            onYes={() => {
              setCalledOff(undefined);
              mine.current = calledOff.id;
              void act("cancel", [calledOff]);
            }}
            onNo={() => setCalledOff(undefined)}
          />
        )}
      </Suspense>
    </Section>
  );
}

function Row({
  item: { task, ask },
  chosen,
  tabStop,
  readOnly,
  onFocus,
  onMove,
  onOpen,
  onAct,
}: {
  item: InboxItem;
  /** Keys act on it. */
  chosen: boolean;
  /** Tab comes to it first. */
  tabStop: boolean;
  readOnly: string | false;
  onFocus: () => void;
  onMove: (by: number) => void;
  onOpen: () => void;
  onAct: (action: Action) => void;
}) {
  const quick: Action | undefined = quickAction(task);
  return (
    <li
      className={cx(
        "group flex items-center gap-2 border-l-2 pr-3 transition-colors hover:bg-hover",
        chosen ? "border-accent bg-hover" : "border-transparent",
      )}
    >
      <button
        type="button"
        data-id={task.id}
        aria-current={chosen || undefined}
        tabIndex={tabStop ? 0 : -1}
        onFocus={onFocus}
        onClick={onOpen}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") onMove(1);
          else if (event.key === "ArrowUp") onMove(-1);
          else return;
          event.preventDefault();
        }}
        className="tap focus-inset flex min-h-10 min-w-0 flex-1 items-center gap-2.5 py-1.5 pl-3.5 text-left"
      >
        <StateIcon state={task.state} />
        <span className="min-w-0 flex-1">
          <span className="line-clamp-2 font-medium sm:line-clamp-1">{task.title}</span>
          <span className="block truncate text-xs text-ink-3">
            {stateWords(task)} · <Ago at={task.updated_at} />
            {task.attempts > 0 && ` · ${count(task.attempts, "attempt")}`}
          </span>
        </span>
      </button>
      {quick && (
        <Button
          size="sm"
          look="quiet"
          blocked={readOnly}
          onClick={() => onAct(quick)}
          className="max-sm:hidden"
        >
          {ACTION[quick].label}
        </Button>
      )}
      <Button size="sm" icon={ASK_ICON[ask]} onClick={onOpen}>
        {ask === "approve" ? "Open" : ASK_WORD[ask]}
      </Button>
    </li>
  );
}

/** What is done most often about it, without opening it. */
function quickAction(task: Task): Action | undefined {
  for (const action of ["activate", "retry"] as const) {
    if (!blockedFor(action, task)) return action;
  }
  return undefined;
}

function NoticeButton() {
  const [on, setOn] = useState(noticesOn());
  if (typeof Notification === "undefined") return null;
  return (
    <Button
      size="sm"
      look="quiet"
      icon={<BellRing className={cx("size-3.5", on && "text-accent")} />}
      label={on ? "Browser notifications are on" : "Notify me when something begins to wait"}
      aria-pressed={on}
      onClick={() => void turnNotices(!on).then(setOn)}
    />
  );
}

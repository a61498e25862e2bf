import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { isShown } from "../live/live";
import { ASK_WORD, type InboxItem, placeOf, useInbox } from "../tasks/inbox";
import { count } from "../text/words";
import { tell } from "../ui/toast";
import { useLab } from "./lab";

const KEY = "devlab.notices";

/** Whether the browser tells of what begins to wait while the page is hidden. */
export function noticesOn(): boolean {
  return (
    typeof Notification !== "undefined" &&
    Notification.permission === "granted" &&
    localStorage.getItem(KEY) === "on"
  );
}

/** Asks the browser and keeps the answer. */
export async function turnNotices(on: boolean): Promise<boolean> {
  if (!on) {
    localStorage.removeItem(KEY);
    return false;
  }
  if ((await Notification.requestPermission()) !== "granted") return false;
  localStorage.setItem(KEY, "on");
  return true;
}

/** Tells of each task that begins to wait for a person: in the page, or outside it while nobody looks at one. */
export function NoticeWatcher() {
  const { org } = useLab();
  const navigate = useNavigate();
  const pathname = useLocation({ select: (at) => at.pathname });
  const { items, query } = useInbox(org);
  const known = useRef<{ org: string; ids: Set<string>; from: string } | null>(null);
  useEffect(() => {
    if (!query.data) return;
    const ids = new Set(items.map((item) => item.task.id));
    const before = known.current;
    known.current = { org, ids, from: query.data.more ? (query.data.items.at(-1)?.id ?? "") : "" };
    if (before?.org !== org) return;
    // What only comes into sight because newer tasks have left a cut list has waited all the time.
    const fresh = items.filter(({ task }) => !before.ids.has(task.id) && task.id > before.from);
    if (!document.hidden) {
      tellInPage(fresh, pathname);
      return;
    }
    // A page that is seen tells of it itself.
    if (!noticesOn() || isShown()) return;
    for (const item of fresh) {
      tellOutside(item, () => {
        window.focus();
        void navigate(placeOf(org, item));
      });
    }
  }, [items, query.data, org, navigate, pathname]);
  return null;
}

/** Lets the browser say it. */
function tellOutside({ task, ask }: InboxItem, open: () => void): void {
  try {
    const notice = new Notification(`${ASK_WORD[ask]}: ${task.title}`, { tag: task.id });
    notice.onclick = open;
  } catch {
    // Browsers of telephones have the word, and refuse to be told this way: it is as if it were off.
    localStorage.removeItem(KEY);
  }
}

/** More than so many are told as one. */
const TOLD_MAX = 2;

/** Says what begins to wait, unless the page shows it anyway: the inbox, or the task itself. */
function tellInPage(fresh: readonly InboxItem[], pathname: string): void {
  if (/\/o\/[^/]+\/?$/.test(pathname)) return;
  const news = fresh.filter(({ task }) => !pathname.includes(task.id) && !pathname.includes(task.goal_id));
  if (news.length > TOLD_MAX) {
    tell(`${count(news.length, "task")} began to wait for you`);
    return;
  }
  for (const { task, ask } of news) tell(`${ASK_WORD[ask]}: ${task.title}`);
}

import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { ASK_WORD, useInbox } from "../tasks/inbox";
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

/** Tells, outside the page, of each task that begins to wait for a person. */
export function NoticeWatcher() {
  const { org } = useLab();
  const navigate = useNavigate();
  const { items, query } = useInbox(org);
  const known = useRef<{ org: string; ids: Set<string> } | null>(null);
  useEffect(() => {
    if (!query.data) return;
    const ids = new Set(items.map((item) => item.task.id));
    const before = known.current;
    known.current = { org, ids };
    if (before?.org !== org || !document.hidden || !noticesOn()) return;
    for (const { task, ask } of items) {
      if (before.ids.has(task.id)) continue;
      const notice = new Notification(`${ASK_WORD[ask]}: ${task.title}`, { tag: task.id });
      notice.onclick = () => {
        window.focus();
        void navigate({ to: "/o/$org/tasks/$task", params: { org, task: task.id } });
      };
    }
  }, [items, query.data, org, navigate]);
  return null;
}

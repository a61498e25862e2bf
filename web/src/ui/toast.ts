import { asProblem } from "../api/problem";

let isWanted = false;
let want: (() => void) | undefined;

/** Tells the shell once there is something to say; at once, if there is by now. */
export function whenWanted(show: () => void): void {
  want = show;
  if (isWanted) show();
}

/** The toasts themselves are loaded when the first is said: nothing is before somebody acts. */
async function say(toast: {
  title: string;
  description?: string | undefined;
  type: "done" | "problem";
  timeout: number;
  priority?: "high";
}): Promise<void> {
  isWanted = true;
  want?.();
  const { manager, mounted } = await import("./toaster");
  await mounted;
  manager.add(toast);
}

/** Says that something was done. */
export function tell(title: string, description?: string): void {
  void say({ title, description, type: "done", timeout: 4_000 });
}

/** Says that something could not be done, and what to do. */
export function tellProblem(what: string, error: unknown): void {
  const problem = asProblem(error);
  const description = `${problem.message} ${problem.help}`;
  void say({ title: what, description, type: "problem", priority: "high", timeout: 10_000 });
}

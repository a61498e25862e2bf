import { asProblem } from "../api/problem";

/** The toasts themselves are loaded after the page: nothing is said before somebody acts. */
async function say(toast: {
  title: string;
  description?: string | undefined;
  type: "done" | "problem";
  timeout: number;
  priority?: "high";
}): Promise<void> {
  const { manager } = await import("./toaster");
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

import { TriangleAlert } from "lucide-react";
import { cutWords, type Diff } from "./model";

/** What of a change is not shown, and the way to all of it. Nothing if the diff is whole. */
export function CutLine({
  diff,
  files,
  task,
}: {
  diff: Diff;
  /** Files of the change, if they were counted. */
  files: number | undefined;
  task: string;
}) {
  const words = cutWords(diff, files);
  if (!words) return null;
  return (
    <p className="flex gap-2 text-amber">
      <TriangleAlert className="mt-0.5 size-4 shrink-0" aria-hidden="true" />
      <span className="min-w-0">
        <strong className="font-semibold">{words}</strong> What is not shown is changed all the same: look at
        it with <code className="font-mono text-xs break-all">devlab task checkout {task}</code>.
      </span>
    </p>
  );
}

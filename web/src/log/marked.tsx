import { ChevronDown, ChevronUp } from "lucide-react";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";

/**
 * The marked line, and its neighbours. Lines of a log are lower than a finger: who hits the one beside
 * the one that was meant steps to it here.
 */
export function Marked({
  line,
  last,
  onMark,
}: {
  line: number;
  last: number;
  onMark: (line: number) => void;
}) {
  return (
    <div className="hidden items-center gap-1 border-b border-line bg-surface pr-2 pl-4 text-xs text-ink-2 pointer-coarse:flex">
      <span className="flex-1 font-medium" aria-live="polite">
        Line {line.toLocaleString()}
      </span>
      <Button
        look="quiet"
        icon={<ChevronUp className="size-4" />}
        label="The line above"
        blocked={line <= 1 && "It is the first."}
        onClick={() => onMark(line - 1)}
      />
      <Button
        look="quiet"
        icon={<ChevronDown className="size-4" />}
        label="The line below"
        blocked={line >= last && "It is the last."}
        onClick={() => onMark(line + 1)}
      />
      <CopyButton text={location.href} label="Copy the link to it" />
    </div>
  );
}

import { MessageSquarePlus } from "lucide-react";
import type { Token } from "../code/colours";
import { cx } from "../ui/cx";
import type { DiffLine, Hunk, Side } from "./model";
import type { HunkTokens } from "./tokens";

interface Shared {
  hunk: Hunk;
  tokens: HunkTokens | undefined;
  onRemark: ((side: Side, line: number) => void) | undefined;
}

/** Lines are as high as a finger where one is pointed with: the number of each is pressed too. */
const FINGER = "pointer-coarse:min-h-11";

const GROUND: Record<DiffLine["kind"], string> = {
  insert: "bg-(--add)",
  delete: "bg-(--del)",
  normal: "bg-surface",
};
const EDGE: Record<DiffLine["kind"], string> = {
  insert: "bg-(--add-edge)",
  delete: "bg-(--del-edge)",
  normal: "",
};
const SIGN: Record<DiffLine["kind"], string> = { insert: "+", delete: "−", normal: " " };

/** One line after the other. */
export function LineRow({ hunk, tokens, onRemark, line: index }: Shared & { line: number }) {
  const line = hunk.lines[index];
  if (!line) return null;
  return (
    <div
      className={cx(
        "group flex min-h-5 border-x border-line font-mono text-xs leading-5",
        onRemark && FINGER,
        GROUND[line.kind],
      )}
    >
      <LineNumber value={line.old} kind={line.kind} />
      <LineNumber value={line.new} kind={line.kind} />
      <RemarkButton line={line} onRemark={onRemark} />
      <Text line={line} tokens={tokens?.[index]} />
    </div>
  );
}

/** Before and after, side by side. */
export function PairRow({
  hunk,
  tokens,
  onRemark,
  left,
  right,
}: Shared & { left: number | undefined; right: number | undefined }) {
  return (
    <div className="grid grid-cols-2 border-x border-line font-mono text-xs leading-5">
      {([left, right] as const).map((index, side) => {
        const line = index === undefined ? undefined : hunk.lines[index];
        return (
          <div
            key={side === 0 ? "old" : "new"}
            className={cx(
              "group flex min-h-5 min-w-0",
              onRemark && FINGER,
              side === 1 && "border-l border-line",
              line ? GROUND[line.kind] : "bg-sunken/60",
            )}
          >
            {line && (
              <>
                <LineNumber value={side === 0 ? line.old : line.new} kind={line.kind} />
                {side === 1 || line.kind === "delete" ? (
                  <RemarkButton line={line} onRemark={onRemark} />
                ) : (
                  <span className="w-5 shrink-0" />
                )}
                <Text line={line} tokens={index === undefined ? undefined : tokens?.[index]} />
              </>
            )}
          </div>
        );
      })}
    </div>
  );
}

function LineNumber({ value, kind }: { value: number | undefined; kind: DiffLine["kind"] }) {
  return (
    <span
      className={cx(
        "w-11 shrink-0 px-1.5 text-right text-ink-2 select-none pointer-coarse:content-center",
        EDGE[kind],
      )}
    >
      {value}
    </span>
  );
}

function RemarkButton({ line, onRemark }: { line: DiffLine; onRemark: Shared["onRemark"] }) {
  const side: Side = line.kind === "delete" ? "old" : "new";
  const number = side === "old" ? line.old : line.new;
  if (!onRemark || number === undefined) return <span className="w-5 shrink-0" />;
  return (
    <button
      type="button"
      aria-label={`Remark on ${side === "old" ? "removed " : ""}line ${number}`}
      onClick={() => onRemark(side, number)}
      className="relative my-px grid w-5 shrink-0 place-items-center rounded-sm bg-accent text-accent-ink opacity-0 group-hover:opacity-100 focus-visible:opacity-100 pointer-coarse:my-0 pointer-coarse:bg-transparent pointer-coarse:text-ink-3 pointer-coarse:opacity-100 pointer-coarse:before:absolute pointer-coarse:before:inset-y-0 pointer-coarse:before:right-0 pointer-coarse:before:-left-11"
    >
      <MessageSquarePlus className="size-3" aria-hidden="true" />
    </button>
  );
}

function Text({ line, tokens }: { line: DiffLine; tokens: Token[] | undefined }) {
  return (
    <span className="min-w-0 flex-1 pr-3 break-all whitespace-pre-wrap pointer-coarse:self-center">
      <span className="mr-1 inline-block w-2 text-ink-3 select-none" aria-hidden="true">
        {SIGN[line.kind]}
      </span>
      {line.kind !== "normal" && (
        <span className="sr-only">{line.kind === "insert" ? "added: " : "removed: "}</span>
      )}
      {tokens
        ? tokens.map((token, at) => (
            <span
              // Pieces have no name but their place.
              // biome-ignore lint/suspicious/noArrayIndexKey: see above
              key={at}
              className={token.className}
            >
              {token.text}
            </span>
          ))
        : line.text}
    </span>
  );
}

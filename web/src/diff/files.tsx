import { ChevronDown, ChevronRight, FileDiff, FileMinus, FilePlus, FileSymlink } from "lucide-react";
import type { ReactNode } from "react";
import { CopyButton } from "../ui/copy";
import { cx } from "../ui/cx";
import type { DiffFile } from "./model";

const SIGN: Record<DiffFile["change"], ReactNode> = {
  add: <FilePlus className="size-3.5 text-green" aria-label="Added" />,
  delete: <FileMinus className="size-3.5 text-red" aria-label="Removed" />,
  modify: <FileDiff className="size-3.5 text-ink-3" aria-label="Changed" />,
  rename: <FileSymlink className="size-3.5 text-blue" aria-label="Moved" />,
  copy: <FileSymlink className="size-3.5 text-blue" aria-label="Copied" />,
};

export function Counts({ added, removed }: { added: number; removed: number }) {
  return (
    <span className="shrink-0 text-xs whitespace-nowrap">
      <span className="text-green">+{added}</span> <span className="text-red">−{removed}</span>
    </span>
  );
}

export function FileHead({ file, folded, onFold }: { file: DiffFile; folded: boolean; onFold: () => void }) {
  return (
    <div className="pt-3">
      <div
        className={cx(
          "flex h-8 items-center gap-2 border border-line bg-surface pr-3 pl-1 pointer-coarse:h-11.5",
          folded ? "rounded-md" : "rounded-t-md",
        )}
      >
        <button
          type="button"
          aria-expanded={!folded}
          aria-label={`${folded ? "Unfold" : "Fold"} ${file.path}`}
          onClick={onFold}
          className="tap grid size-6 place-items-center rounded-sm hover:bg-hover"
        >
          {folded ? <ChevronRight className="size-3.5" /> : <ChevronDown className="size-3.5" />}
        </button>
        {SIGN[file.change]}
        <h2 className="min-w-0 truncate font-mono text-xs" title={file.path}>
          {file.from && <span className="text-ink-3">{file.from} → </span>}
          {file.path}
        </h2>
        <CopyButton text={file.path} label="Copy the path" />
        <span className="ml-auto">
          <Counts added={file.added} removed={file.removed} />
        </span>
      </div>
    </div>
  );
}

/** The files of a change, for finding one. */
export function FileList({
  files,
  current,
  folded,
  onGo,
}: {
  files: readonly DiffFile[];
  current: number;
  folded: ReadonlySet<string>;
  onGo: (file: number) => void;
}) {
  return (
    <nav aria-label="Files" className="hidden min-h-0 overflow-y-auto border-r border-line py-2 lg:block">
      {files.map((file, index) => {
        const slash = file.path.lastIndexOf("/");
        return (
          <button
            key={file.path}
            type="button"
            aria-current={index === current || undefined}
            onClick={() => onGo(index)}
            className={cx(
              "tap focus-inset flex w-full items-center gap-2 px-3 py-1 text-left transition-colors hover:bg-hover",
              index === current && "bg-hover",
              folded.has(file.path) && "opacity-60",
            )}
          >
            {SIGN[file.change]}
            <span className="min-w-0 flex-1">
              <span className="block truncate text-xs">{file.path.slice(slash + 1)}</span>
              {slash > 0 && (
                <span className="block truncate text-2xs text-ink-3">{file.path.slice(0, slash)}</span>
              )}
            </span>
            <Counts added={file.added} removed={file.removed} />
          </button>
        );
      })}
    </nav>
  );
}

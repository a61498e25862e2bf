import {
  ChevronDown,
  ChevronRight,
  ChevronUp,
  FileDiff,
  FileMinus,
  FilePlus,
  FileSymlink,
} from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { cx } from "../ui/cx";
import { Select } from "../ui/field";
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

/** The way from file to file: with a list where there is no room for one beside. */
export function FileSteps({
  files,
  current,
  onGo,
}: {
  files: readonly DiffFile[];
  current: number;
  onGo: (file: number) => void;
}) {
  return (
    <nav
      aria-label="Files one by one"
      className="flex min-w-0 items-center gap-1 border-b border-line px-3 py-1 md:px-4 lg:border-r lg:px-2"
    >
      <Button
        size="sm"
        look="quiet"
        icon={<ChevronUp className="size-4" />}
        label="Previous file ([)"
        blocked={current === 0 && "This is the first file."}
        onClick={() => onGo(current - 1)}
      />
      <Button
        size="sm"
        look="quiet"
        icon={<ChevronDown className="size-4" />}
        label="Next file (])"
        blocked={current >= files.length - 1 && "This is the last file."}
        onClick={() => onGo(current + 1)}
      />
      <Select
        aria-label="File"
        className="min-w-0 flex-1 lg:hidden"
        value={current}
        onChange={(event) => onGo(Number(event.target.value))}
      >
        {files.map((file, index) => (
          <option key={file.path} value={index}>
            {file.path} (+{file.added} −{file.removed})
          </option>
        ))}
      </Select>
      <span className="hidden text-xs text-ink-3 lg:inline">
        File {current + 1} of {files.length}
      </span>
    </nav>
  );
}

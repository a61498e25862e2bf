import { Check, Copy as CopyIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "./button";

/** Copies a text, and says that it has. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 1_500);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <Button
      look="quiet"
      size="sm"
      icon={done ? <Check className="size-3.5 text-green" /> : <CopyIcon className="size-3.5" />}
      label={done ? "Copied" : label}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setDone(true))}
    />
  );
}

/** A commit, short, with its whole id on hover and a way to copy it. */
export function CommitId({ id }: { id: string }) {
  return (
    <span className="inline-flex items-center gap-0.5">
      <code className="font-mono text-xs" title={id}>
        {id.slice(0, 8)}
      </code>
      <CopyButton text={id} label="Copy the whole id" />
    </span>
  );
}

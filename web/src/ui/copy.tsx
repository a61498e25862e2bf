import { getRouteApi, Link } from "@tanstack/react-router";
import { Check, Copy as CopyIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { short } from "../text/words";
import { Button } from "./button";
import { tell } from "./toast";

const route = getRouteApi("/o/$org");

/** Browsers give the clipboard to pages of this machine and to those that came over TLS; others have none. */
function noClipboard(): string | false {
  return (navigator.clipboard as Clipboard | undefined) === undefined
    ? "Copying works over https only. Mark the text and copy it with the keyboard."
    : false;
}

/** Copies a text, and says that it has, or why it cannot. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 1_500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
    } catch {
      tell(
        "Nothing was copied",
        "The browser does not allow it. Mark the text and copy it with the keyboard.",
      );
    }
  };
  return (
    <Button
      look="quiet"
      size="sm"
      icon={done ? <Check className="size-3.5 text-green" /> : <CopyIcon className="size-3.5" />}
      label={done ? "Copied" : label}
      blocked={noClipboard()}
      onClick={() => void copy()}
    />
  );
}

/** A commit, short, with its whole id on hover and a way to copy it. One of a project leads to its files. */
export function CommitId({ id, project }: { id: string; project?: string | null | undefined }) {
  return (
    <span className="inline-flex items-center gap-0.5">
      {project ? (
        <CommitLink id={id} project={project} />
      ) : (
        <code className="font-mono text-xs" title={id}>
          {short(id)}
        </code>
      )}
      <CopyButton text={id} label="Copy the whole id" />
    </span>
  );
}

function CommitLink({ id, project }: { id: string; project: string }) {
  const { org } = route.useParams();
  return (
    <Link
      to="/o/$org/projects/$project"
      params={{ org, project }}
      search={{ tab: "files", commit: id }}
      title={`Files at ${id}`}
      className="tap-text font-mono text-xs hover:underline"
    >
      {short(id)}
    </Link>
  );
}

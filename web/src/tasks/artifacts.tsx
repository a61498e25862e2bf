import { useQuery } from "@tanstack/react-query";
import { Download, Package } from "lucide-react";
import { useState } from "react";
import { artifacts } from "../api/queries";
import type { Artifact, Attempt } from "../api/types";
import { Content } from "../files/content";
import { shownAs } from "../files/kind";
import { save } from "../files/save";
import { bytes, count } from "../text/words";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { Empty, Skeleton } from "../ui/empty";
import { Section } from "../ui/page";
import { Ago } from "../ui/time";

/** Largest artifact that is read in order to show it, in bytes. */
const SHOWN_BYTES_MAX = 8 * 1024 * 1024;
/** Pictures that are there at once; the others are opened one by one. */
const PICTURES_AT_ONCE = 12;

/** What attempts have left, by attempt, newest first. */
export function TaskArtifacts({ task, attempts }: { task: string; attempts: readonly Attempt[] }) {
  const query = useQuery(artifacts(task));
  return (
    <div className="flex max-w-2xl flex-col gap-4 p-4 md:px-6">
      <Ask query={query} loading={<Skeleton rows={5} />}>
        {(list) =>
          list.length === 0 ? (
            <Empty icon={<Package />} title="No artifacts">
              Files that match the project's or the task's patterns of artifacts are kept when an attempt
              ends. Set them as <code className="font-mono text-xs">artifacts</code> in{" "}
              <code className="font-mono text-xs">.devlab/project.toml</code>.
            </Empty>
          ) : (
            [...Map.groupBy(list, (one) => one.attempt)]
              .toReversed()
              .map(([attempt, own]) => (
                <OfAttempt
                  key={attempt}
                  number={attempts.find((one) => one.id === attempt)?.number}
                  list={own}
                />
              ))
          )
        }
      </Ask>
    </div>
  );
}

function OfAttempt({ number, list }: { number: number | undefined; list: readonly Artifact[] }) {
  const size = list.reduce((sum, one) => sum + one.size, 0);
  const pictures = list.filter((one) => shownAs(one.path) === "picture").slice(0, PICTURES_AT_ONCE);
  return (
    <Section
      title={number === undefined ? "Attempt" : `Attempt ${number}`}
      note={`${count(list.length, "file")}, ${bytes(size)}`}
      flush
    >
      <ul className="divide-y divide-line">
        {list.map((one) => (
          <Row key={one.id} artifact={one} open={pictures.includes(one)} />
        ))}
      </ul>
    </Section>
  );
}

function Row({ artifact, open: first }: { artifact: Artifact; open: boolean }) {
  const gone = !artifact.sha256;
  const large = artifact.size > SHOWN_BYTES_MAX;
  const [open, setOpen] = useState(first && !gone && !large);
  const path = `/api/v1/artifacts/${artifact.id}`;
  const name = artifact.path.split("/").at(-1) ?? artifact.path;
  const why = gone
    ? "Its bytes are gone, by the rules of retention."
    : large
      ? `It is larger than ${bytes(SHOWN_BYTES_MAX)}: download it.`
      : shownAs(artifact.path) === "nothing" && "It is not shown here: download it.";
  return (
    <li>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2">
        <code className="min-w-0 flex-1 basis-48 font-mono text-xs break-all">{artifact.path}</code>
        <span className="text-xs text-ink-3">{gone ? "gone" : bytes(artifact.size)}</span>
        <span className="text-xs text-ink-3 max-sm:hidden">
          <Ago at={artifact.created_at} />
        </span>
        <span className="ml-auto flex items-center gap-1.5">
          <Button
            size="sm"
            aria-expanded={open}
            aria-label={`${open ? "Hide" : "Show"} ${artifact.path}`}
            blocked={why}
            onClick={() => setOpen(!open)}
          >
            {open ? "Hide" : "Show"}
          </Button>
          <Button
            size="sm"
            look="quiet"
            icon={<Download className="size-3.5" />}
            label={`Download ${artifact.path}`}
            blocked={gone && "Its bytes are gone, by the rules of retention."}
            onClick={() => void save(path, name, artifact.size)}
          />
        </span>
      </div>
      {open && (
        <div className="border-t border-line">
          <Content path={`${path}?inline=true`} name={artifact.path} />
        </div>
      )}
    </li>
  );
}

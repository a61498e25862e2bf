import { queryOptions, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState } from "react";
import { call } from "../api/client";
import { languageOf } from "../code/colours";
import { Coloured, useColours } from "../code/lines";
import type { Beside } from "../text/markdown";
import { Ask } from "../ui/ask";
import { Skeleton } from "../ui/empty";
import { isDocument, shownAs, textOf } from "./kind";
import { wholeOf } from "./save";

const Markdown = lazy(() => import("../text/markdown"));

/** Longest text that is shown, in characters: more is for an editor. */
const CHARS_MAX = 400_000;

/** The bytes at an address. They are those of a commit or a hash, so they never get old. */
const content = (path: string) =>
  queryOptions({
    queryKey: ["content", path],
    queryFn: async ({ signal }) => wholeOf(await call(path, { signal })),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });

/**
 * A file in place: a picture, a document, a text with numbered lines, or a word on why it is not shown.
 * A document is read as what it means, unless `plain` asks for its lines.
 */
export function Content({
  path,
  name,
  plain = false,
  beside,
}: {
  path: string;
  name: string;
  plain?: boolean;
  beside?: Beside | undefined;
}) {
  const kind = shownAs(name);
  const query = useQuery({ ...content(path), enabled: kind !== "nothing" });
  if (kind === "nothing") return <NotShown />;
  return (
    <Ask query={query} loading={<Skeleton rows={4} />}>
      {(blob) =>
        kind === "picture" ? (
          <Picture blob={blob} name={name} />
        ) : (
          <Text blob={blob} name={name} plain={plain} beside={beside} />
        )
      }
    </Ask>
  );
}

/** A picture within a document. */
export function Beheld({ path, alt }: { path: string; alt: string }) {
  const { data, isError } = useQuery(content(path));
  const url = useAddress(data);
  if (isError) return <span className="text-ink-3">[picture: {alt}]</span>;
  return url ? <img src={url} alt={alt} className="inline-block max-w-full" /> : null;
}

function useAddress(blob: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!blob) return undefined;
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}

function NotShown() {
  return <p className="px-4 py-6 text-center text-ink-3">It is not shown here. Download it to look at it.</p>;
}

function Picture({ blob, name }: { blob: Blob; name: string }) {
  const url = useAddress(blob);
  const [broken, setBroken] = useState(false);
  if (broken)
    return <p className="px-4 py-6 text-center text-ink-3">This is no picture, whatever its name says.</p>;
  return (
    <div className="checkered flex justify-center p-3">
      {url && (
        <img
          src={url}
          alt={name}
          className="max-h-[70vh] max-w-full object-contain"
          onError={() => setBroken(true)}
        />
      )}
    </div>
  );
}

function Text({
  blob,
  name,
  plain,
  beside,
}: {
  blob: Blob;
  name: string;
  plain: boolean;
  beside: Beside | undefined;
}) {
  const [text, setText] = useState<string | null>();
  useEffect(() => {
    let over = false;
    void blob.arrayBuffer().then((buffer) => {
      if (!over) setText(textOf(new Uint8Array(buffer)) ?? null);
    });
    return () => {
      over = true;
    };
  }, [blob]);
  if (text === undefined) return <Skeleton rows={4} />;
  if (text === null) return <NotShown />;
  if (text === "") return <p className="px-4 py-6 text-center text-ink-3">It is empty.</p>;
  if (isDocument(name) && !plain && text.length <= CHARS_MAX) {
    return (
      <div className="px-4 py-4 md:px-6">
        <Suspense fallback={<Skeleton rows={4} />}>
          <Markdown text={text} beside={beside} />
        </Suspense>
      </div>
    );
  }
  return <Lines text={text} name={name} />;
}

function Lines({ text, name }: { text: string; name: string }) {
  const shown = text.slice(0, CHARS_MAX).replace(/\n$/, "");
  const colours = useColours(languageOf(name), shown);
  return (
    <>
      <section
        tabIndex={0}
        aria-label={`Text of ${name}`}
        className="code focus-inset flex max-h-[70vh] rounded-b-lg overflow-auto font-mono text-xs leading-relaxed"
      >
        <pre
          aria-hidden="true"
          className="sticky left-0 border-r border-line bg-surface px-3 py-2 text-right text-ink-3 select-none"
        >
          {Array.from({ length: shown.split("\n").length }, (_, at) => at + 1).join("\n")}
        </pre>
        <pre className="px-3 py-2 whitespace-pre">
          <Coloured text={shown} lines={colours} />
        </pre>
      </section>
      {text.length > CHARS_MAX && (
        <p className="border-t border-line px-4 py-2 text-xs text-ink-3">
          The first {CHARS_MAX.toLocaleString()} characters are shown; a download has all of them.
        </p>
      )}
    </>
  );
}

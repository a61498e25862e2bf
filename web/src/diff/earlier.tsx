import { History, MessageSquarePlus, Trash2 } from "lucide-react";
import { count, short } from "../text/words";
import { Button } from "../ui/button";
import type { Draft, ReviewDrafts } from "./drafts";

/** A remark that is not sent, with its place. */
export function Unsent({ draft: { anchor, text, head: on }, head }: { draft: Draft; head: string }) {
  return (
    <>
      <p className="font-mono text-xs break-all text-ink-3">
        {anchor.path}:{anchor.line}
        {on !== head && <span className="font-sans"> as it was on {short(on)}</span>}
      </p>
      <p className="whitespace-pre-wrap break-words">{text}</p>
    </>
  );
}

/**
 * Says that the change became another one while it was looked at, and what was written of an earlier
 * head: its lines may be elsewhere now, or gone.
 */
export function Earlier({
  review,
  isNew,
  onSeen,
}: {
  review: ReviewDrafts;
  /** Whether it became another one since the page was opened. */
  isNew: boolean;
  onSeen: () => void;
}) {
  const isEarlier = (one: Draft) => one.head !== review.head && one.text.trim() !== "";
  const drafts = review.drafts.filter(isEarlier);
  const writing = review.writing.filter(isEarlier);
  const all = drafts.length + writing.length;
  if (!isNew && all === 0) return null;
  return (
    <div
      role="status"
      className="flex max-h-[40vh] flex-wrap items-start gap-2 overflow-y-auto border-b border-line bg-amber-soft px-4 py-1.5 text-amber md:px-6"
    >
      <History className="mt-0.5 size-4" aria-hidden="true" />
      <div className="min-w-0 flex-1">
        {isNew && <strong className="font-semibold">The change is another version now. </strong>}
        {all > 0 && (
          <details>
            <summary className="tap pointer-coarse:py-3">
              {count(all, "remark")} of yours on an earlier head {all === 1 ? "is" : "are"} kept
            </summary>
            <ul className="flex flex-col gap-2 py-2 text-ink">
              {drafts.map((draft) => (
                <li key={`${draft.anchor.path}${draft.anchor.line}${draft.text}`} className="flex gap-2">
                  <div className="min-w-0 flex-1">
                    <Unsent draft={draft} head={review.head} />
                  </div>
                  <Drop onDrop={() => review.remove(draft)} />
                </li>
              ))}
              {writing.map((draft) => (
                <li
                  key={`${draft.anchor.path}${draft.anchor.side}${draft.anchor.line}`}
                  className="flex gap-2"
                >
                  <div className="min-w-0 flex-1">
                    <Unsent draft={draft} head={review.head} />
                  </div>
                  <Button
                    size="sm"
                    look="quiet"
                    icon={<MessageSquarePlus className="size-3.5" />}
                    label="Add to the review"
                    onClick={() => review.add(draft.anchor)}
                  />
                  <Drop onDrop={() => review.cancel(draft.anchor)} />
                </li>
              ))}
            </ul>
          </details>
        )}
      </div>
      {isNew && (
        <Button size="sm" onClick={onSeen}>
          I see it
        </Button>
      )}
    </div>
  );
}

function Drop({ onDrop }: { onDrop: () => void }) {
  return (
    <Button
      size="sm"
      look="quiet"
      icon={<Trash2 className="size-3.5" />}
      label="Drop this remark"
      onClick={onDrop}
    />
  );
}

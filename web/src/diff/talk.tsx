import { MessageSquareReply, Trash2 } from "lucide-react";
import { useEffect, useRef } from "react";
import { Person } from "../tasks/person";
import { short } from "../text/words";
import { Button } from "../ui/button";
import { Textarea } from "../ui/field";
import { Tag } from "../ui/state";
import { Ago } from "../ui/time";
import type { Said } from "./diff-view";
import { type Draft, nameOf, type ReviewDrafts } from "./drafts";
import type { Anchor } from "./remarks";

/** What was said of a line, what is about to be, and a place to write. */
export function Talk({
  said,
  review,
  anchor,
  mayRemark,
  isBegun,
  onFocused,
  onWrite,
}: {
  said: readonly Said[];
  review: ReviewDrafts;
  anchor: Anchor;
  mayRemark: boolean;
  /** Whether somebody has asked just now to write here. */
  isBegun: boolean;
  onFocused: () => void;
  onWrite: () => void;
}) {
  const isHere = (one: Draft) => nameOf(one.anchor) === nameOf(anchor);
  const drafts = review.drafts.filter(isHere);
  const writing = mayRemark ? review.writing.find(isHere) : undefined;
  return (
    <div className="border-x border-line bg-sunken px-3 py-2.5">
      <div className="card flex max-w-xl flex-col gap-2.5 p-3 font-sans text-sm">
        {said.map(({ comment, text }) => (
          <div key={comment.number}>
            <p className="flex items-center gap-2 text-xs text-ink-3">
              <Person name={comment.author} /> <Ago at={comment.at} />
            </p>
            <p className="mt-0.5 whitespace-pre-wrap">{text}</p>
          </div>
        ))}
        {drafts.map((draft) => (
          <div key={`${draft.head}${draft.text}`} className="flex items-start gap-2">
            <div className="min-w-0 flex-1">
              <Tag hue="amber">Not sent yet</Tag>
              {draft.head !== review.head && (
                <span className="ml-2 text-xs text-ink-3">written on {short(draft.head)}</span>
              )}
              <p className="mt-0.5 whitespace-pre-wrap">{draft.text}</p>
            </div>
            <Button
              size="sm"
              look="quiet"
              icon={<Trash2 className="size-3.5" />}
              label="Drop this remark"
              onClick={() => review.remove(draft)}
            />
          </div>
        ))}
        {writing ? (
          <Composer
            text={writing.text}
            isBegun={isBegun}
            onFocused={onFocused}
            onType={(text) => review.type(anchor, text)}
            onAdd={() => review.add(anchor)}
            onCancel={() => review.cancel(anchor)}
          />
        ) : (
          mayRemark && (
            <Button
              size="sm"
              look="quiet"
              className="self-start"
              icon={<MessageSquareReply className="size-3.5" />}
              onClick={onWrite}
            >
              Say more
            </Button>
          )
        )}
      </div>
    </div>
  );
}

function Composer({
  text,
  isBegun,
  onFocused,
  onType,
  onAdd,
  onCancel,
}: {
  text: string;
  isBegun: boolean;
  onFocused: () => void;
  onType: (text: string) => void;
  onAdd: () => void;
  onCancel: () => void;
}) {
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (!isBegun) return;
    box.current?.focus();
    onFocused();
  });
  return (
    <div className="flex flex-col gap-2">
      <Textarea
        ref={box}
        aria-label="Remark"
        rows={3}
        value={text}
        placeholder="What should be different, and why"
        onChange={(event) => onType(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) onAdd();
          // It leaves the box; what is written goes by a button only.
          if (event.key === "Escape") {
            if (text.trim()) box.current?.blur();
            else onCancel();
          }
        }}
      />
      <div className="flex gap-2">
        <Button size="sm" look="primary" onClick={onAdd} blocked={!text.trim() && "Write something first."}>
          Add to the review
        </Button>
        <Button size="sm" look="quiet" onClick={onCancel}>
          Cancel
        </Button>
      </div>
    </div>
  );
}

import { MessageSquareReply, Trash2 } from "lucide-react";
import { useState } from "react";
import { Person } from "../tasks/person";
import { Button } from "../ui/button";
import { Textarea } from "../ui/field";
import { Tag } from "../ui/state";
import { Ago } from "../ui/time";
import type { Said } from "./diff-view";
import type { Draft } from "./drafts";

/** What was said of a line, what is about to be, and a place to write. */
export function Talk({
  said,
  drafts,
  writing,
  onWrite,
  onCancel,
  onAdd,
  onRemove,
}: {
  said: readonly Said[];
  drafts: readonly Draft[];
  writing: boolean;
  onWrite: (() => void) | undefined;
  onCancel: () => void;
  onAdd: (text: string) => void;
  onRemove: (draft: Draft) => void;
}) {
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
          <div key={draft.text} className="flex items-start gap-2">
            <div className="min-w-0 flex-1">
              <Tag hue="amber">Not sent yet</Tag>
              <p className="mt-0.5 whitespace-pre-wrap">{draft.text}</p>
            </div>
            <Button
              size="sm"
              look="quiet"
              icon={<Trash2 className="size-3.5" />}
              label="Drop this remark"
              onClick={() => onRemove(draft)}
            />
          </div>
        ))}
        {writing ? (
          <Composer onAdd={onAdd} onCancel={onCancel} />
        ) : (
          onWrite && (
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

function Composer({ onAdd, onCancel }: { onAdd: (text: string) => void; onCancel: () => void }) {
  const [text, setText] = useState("");
  const add = () => text.trim() && onAdd(text.trim());
  return (
    <div className="flex flex-col gap-2">
      <Textarea
        aria-label="Remark"
        rows={3}
        // It was opened in order to write.
        autoFocus
        value={text}
        placeholder="What should be different, and why"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) add();
          if (event.key === "Escape") onCancel();
        }}
      />
      <div className="flex gap-2">
        <Button size="sm" look="primary" onClick={add} blocked={!text.trim() && "Write something first."}>
          Add to the review
        </Button>
        <Button size="sm" look="quiet" onClick={onCancel}>
          Cancel
        </Button>
      </div>
    </div>
  );
}

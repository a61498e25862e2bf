import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api } from "../api/client";
import { once } from "../api/once";
import { keys } from "../api/queries";
import type { Patch, Verdict } from "../api/types";
import { count } from "../text/words";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field, Textarea } from "../ui/field";
import { tell, tellProblem } from "../ui/toast";
import type { ReviewDrafts } from "./drafts";
import { Unsent } from "./earlier";
import { bodyOf } from "./remarks";

const TITLE = { accept: "Accept this change", reject: "Request changes", comment: "Comment" } as const;
const ABOUT = {
  accept: "It goes on into its target, once its checks have passed on the merge.",
  reject: "The task goes back to work with your words.",
  comment: "It is said without a verdict; the task stays where it is.",
} as const;

/** The words of a verdict, with the remarks that go along. Whatever happens to the patch, it stays until its reader closes it. */
export function VerdictDialog({
  patch,
  kind,
  review,
  cut,
  onClose,
}: {
  patch: Patch;
  kind: Verdict | "comment";
  review: ReviewDrafts;
  /** What its reader has not been shown, if that is so. */
  cut: ReactNode;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  // A verdict is on what its reader has looked at.
  const [seen] = useState(patch.head);
  const isOld = seen !== patch.head;
  const { words, drafts } = review;
  const body = bodyOf(words, drafts);
  const blocked =
    (isOld && "The change is another one now: go back and look at it.") ||
    (kind !== "accept" && !body && "Say what should be different.");
  const send = async () => {
    if (blocked || busy) return;
    setBusy(true);
    try {
      const said = { body, head: seen, ...(kind === "comment" ? { rework: false } : { verdict: kind }) };
      const params = { path: { id: patch.id } };
      await once(`/v1/patches/${patch.id}/comments`, said, (headers) =>
        api.POST("/v1/patches/{id}/comments", { params, headers, body: said }),
      );
      review.sent({ drafts, words });
      tell(kind === "accept" ? "Accepted" : kind === "reject" ? "Sent back to work" : "Said");
      onClose();
      await Promise.all([
        client.invalidateQueries({ queryKey: keys.patch(patch.id) }),
        client.invalidateQueries({ queryKey: keys.task(patch.task) }),
      ]);
    } catch (error) {
      setBusy(false);
      tellProblem("The review was refused", error);
    }
  };
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={TITLE[kind]}
      description={ABOUT[kind]}
      footer={
        <>
          <Button onClick={onClose}>Back</Button>
          <Button look="primary" busy={busy} blocked={blocked} onClick={() => void send()}>
            {kind === "accept" ? "Accept" : kind === "reject" ? "Request changes" : "Comment"}
          </Button>
        </>
      }
    >
      {isOld && (
        <p role="alert" className="mb-3 rounded-md bg-amber-soft px-3 py-2 text-amber">
          Another version has come while you wrote. Go back and look at it; your words and remarks are kept.
        </p>
      )}
      {cut && kind === "accept" && <div className="mb-3 rounded-md bg-amber-soft px-3 py-2">{cut}</div>}
      <Field label={kind === "accept" ? "Words (not needed)" : "Words"}>
        {(control) => (
          <Textarea
            {...control}
            rows={5}
            value={words}
            onChange={(event) => review.say(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) void send();
            }}
          />
        )}
      </Field>
      <Along review={review} />
    </Dialog>
  );
}

/** The remarks that are sent with it, and those that are not ready to be. */
function Along({ review: { drafts, writing, head } }: { review: ReviewDrafts }) {
  const begun = writing.filter((one) => one.text.trim()).length;
  return (
    <>
      {drafts.length > 0 && (
        <ul className="mt-3 flex flex-col gap-2">
          {drafts.map((draft) => (
            <li
              key={`${draft.anchor.path}${draft.anchor.line}${draft.text}`}
              className="rounded-md bg-sunken px-3 py-2"
            >
              <Unsent draft={draft} head={head} />
            </li>
          ))}
        </ul>
      )}
      {begun > 0 && (
        <p className="mt-3 text-xs text-amber">
          {count(begun, "remark")} begun and not added to the review: that is not sent, and stays.
        </p>
      )}
    </>
  );
}

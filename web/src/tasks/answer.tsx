import { useQueryClient } from "@tanstack/react-query";
import { MessageCircleQuestion } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { api } from "../api/client";
import { keys } from "../api/queries";
import type { TaskDetail } from "../api/types";
import { useLab } from "../shell/lab";
import { Button } from "../ui/button";
import { Textarea } from "../ui/field";
import { Ago } from "../ui/time";
import { tell, tellProblem } from "../ui/toast";
import { applyChanges } from "./collection";

type Question = NonNullable<TaskDetail["question"]>;

/** What a task asks a person, with the answers that it offers and room for another one. */
export function Answer({ org, task, question }: { org: string; task: string; question: Question }) {
  const { readOnly } = useLab();
  const client = useQueryClient();
  const heading = useId();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const send = async (answer: { choice: number } | { text: string }) => {
    if (busy) return;
    setBusy(true);
    try {
      await api.POST("/v1/tasks/{id}/answer", {
        params: { path: { id: task } },
        body: { ...answer, number: question.number },
      });
      tell("Answered: it goes on when an agent is free");
    } catch (error) {
      tellProblem("The answer was refused", error);
    }
    setBusy(false);
    await Promise.all([
      client.invalidateQueries({ queryKey: keys.task(task) }),
      applyChanges(client, org, new Set([task])),
    ]);
  };
  const write = (event?: FormEvent) => {
    event?.preventDefault();
    if (text.trim()) void send({ text: text.trim() });
  };
  const choices = question.choices ?? [];
  return (
    <section aria-labelledby={heading} className="flex gap-2.5 rounded-lg bg-amber-soft px-4 py-3">
      <MessageCircleQuestion className="mt-0.5 size-4 shrink-0 text-amber" aria-hidden="true" />
      <div className="flex min-w-0 flex-1 flex-col gap-3">
        <div>
          <h2 id={heading} className="font-medium">
            {question.kind === "permission" ? "It asks for a permission" : "It asks a question"}{" "}
            <span className="text-xs font-normal text-ink-2">
              <Ago at={question.asked_at} />
            </span>
          </h2>
          <p className="mt-1 max-w-[72ch] whitespace-pre-wrap break-words">{question.text}</p>
        </div>
        {choices.length > 0 && (
          <div className="flex flex-wrap gap-2">
            {choices.map((choice, index) => (
              <Button
                key={choice}
                className="max-w-full whitespace-normal"
                busy={busy}
                blocked={readOnly}
                onClick={() => void send({ choice: index + 1 })}
              >
                {choice}
              </Button>
            ))}
          </div>
        )}
        <form className="flex max-w-[72ch] flex-col items-start gap-2" onSubmit={write}>
          <Textarea
            aria-label={choices.length > 0 ? "Another answer" : "Answer"}
            placeholder={choices.length > 0 ? "Or say something else" : undefined}
            rows={choices.length > 0 ? 1 : 3}
            value={text}
            disabled={Boolean(readOnly)}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) write();
            }}
          />
          <Button
            type="submit"
            look={choices.length > 0 ? "plain" : "primary"}
            busy={busy}
            blocked={readOnly || (!text.trim() && "Write something first.")}
          >
            Answer
          </Button>
        </form>
      </div>
    </section>
  );
}

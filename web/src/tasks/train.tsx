import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { GitMerge } from "lucide-react";
import { PAGE_MAX, train } from "../api/queries";
import type { Project, TaskDetail, TrainPlace } from "../api/types";
import { useLab } from "../shell/lab";
import { Ask } from "../ui/ask";
import { Empty } from "../ui/empty";
import { Section } from "../ui/page";
import { CANDIDATE_HUE, CANDIDATE_WORD, Tag } from "../ui/state";
import { Ago } from "../ui/time";

/** More results of a train than this are not counted. */
const COUNTED_MAX = 1_000;

/** Results on their way into a project's branches: a list for each branch, in the order of their merges. */
export function Trains({ project }: { project: Project }) {
  const { org } = useLab();
  const query = useQuery(train(org, project.id));
  return (
    <Section title="In the train" note="results on their way into their targets" flush>
      <Ask query={query}>
        {(places) =>
          places.length === 0 ? (
            <Empty icon={<GitMerge />} title="The train is empty">
              A result that has passed its checks waits here for its merge.
            </Empty>
          ) : (
            byTarget(places).map(([target, results]) => (
              <div key={target}>
                <h3 className="flex flex-wrap items-baseline gap-x-2 border-line border-b bg-sunken px-4 py-1.5">
                  <span className="min-w-0 truncate font-medium">
                    into <Into place={results[0]} target={target} />
                  </span>
                  <span className="text-xs text-ink-3">{noteOf(results)}</span>
                </h3>
                <ol className="divide-y divide-line">
                  {results.map((place) => (
                    <PlaceRow key={place.task} place={place} />
                  ))}
                </ol>
              </div>
            ))
          )
        }
      </Ask>
    </Section>
  );
}

/** The trains of a list, in its order. */
export function byTarget(places: readonly TrainPlace[]): [string, TrainPlace[]][] {
  const trains = new Map<string, TrainPlace[]>();
  for (const place of places) {
    const known = trains.get(place.target);
    if (known) known.push(place);
    else trains.set(place.target, [place]);
  }
  return [...trains];
}

/** Where a train leads to: a branch, or the task whose results it puts together. */
function Into({ place, target }: { place: TrainPlace | undefined; target: string }) {
  const { org } = useLab();
  return place?.composite ? (
    <Link
      to="/o/$org/tasks/$task"
      params={{ org, task: place.composite }}
      title={target}
      className="tap-text hover:underline"
    >
      {intoWords(place)}
    </Link>
  ) : (
    target
  );
}

/** What a train leads to, in words: a composite's branch has an id for its name. */
function intoWords(place: TrainPlace): string {
  return place.composite_title ?? place.target;
}

function noteOf(results: readonly TrainPlace[]): string {
  const all = results[0]?.of ?? 0;
  const many = all >= COUNTED_MAX ? `${COUNTED_MAX} or more` : String(all);
  return results.length < all ? `the first ${results.length} of ${many}` : "the first is merged first";
}

function PlaceRow({ place }: { place: TrainPlace }) {
  const { org } = useLab();
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5">
      <span className="w-6 shrink-0 text-right text-xs text-ink-3 tabular-nums">{place.place}</span>
      <Link
        to="/o/$org/tasks/$task"
        params={{ org, task: place.task }}
        className="tap-text min-w-0 flex-1 truncate font-medium hover:underline"
      >
        {place.title}
      </Link>
      <Now place={place} />
      <span className="text-xs text-ink-3">
        <Ago at={place.updated_at} />
      </span>
    </li>
  );
}

/** What happens to a result in its train now. */
function Now({ place }: { place: TrainPlace }) {
  return place.candidate_state ? (
    <Tag hue={CANDIDATE_HUE[place.candidate_state]}>{CANDIDATE_WORD[place.candidate_state]}</Tag>
  ) : (
    <span className="text-xs text-ink-3">waits for its turn</span>
  );
}

/** Where the result of a task stands in its train, if it is in one. */
export function OwnPlace({ org, task }: { org: string; task: TaskDetail & { project: string } }) {
  const query = useQuery(train(org, task.project));
  return (
    <Ask query={query}>
      {(places) => {
        const own = places.find((place) => place.task === task.id);
        if (!own) return <p className="px-4 py-2.5 text-ink-3">{absentWords(places.length)}</p>;
        const ahead = places.find((place) => place.target === own.target && place.place === own.place - 1);
        return (
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5">
            <span className="font-medium">{placeWords(own)}</span>
            <Now place={own} />
            {ahead && (
              <span className="min-w-0 truncate text-xs text-ink-3">
                {"behind "}
                <Link
                  to="/o/$org/tasks/$task"
                  params={{ org, task: ahead.task }}
                  className="tap-text hover:underline"
                >
                  {ahead.title}
                </Link>
              </span>
            )}
          </div>
        );
      }}
    </Ask>
  );
}

/** Where a result is that is not among so many that are listed. */
export function absentWords(listed: number): string {
  return listed < PAGE_MAX
    ? "It is on its way into the train."
    : `It is in a train or on its way there, behind the first ${PAGE_MAX} results of this project.`;
}

/** `2nd of 3 into main`. */
export function placeWords(place: TrainPlace): string {
  const many = place.of >= COUNTED_MAX ? `${COUNTED_MAX} or more` : String(place.of);
  return `${ordinal(place.place)} of ${many} into ${intoWords(place)}`;
}

const ENDS: Record<string, string> = { one: "st", two: "nd", few: "rd", other: "th" };
const RULES = new Intl.PluralRules("en", { type: "ordinal" });

function ordinal(place: number): string {
  return `${place}${ENDS[RULES.select(place)] ?? "th"}`;
}

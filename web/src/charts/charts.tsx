import "uplot/dist/uPlot.min.css";
import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import type { Task } from "../api/types";
import { exact, span } from "../text/time";
import { useNow } from "../ui/time";
import { type Series, seriesOf } from "./series";

const STEP_MS = 30_000;

/** Finished tasks and how long they took. The same figures are in a table for those who cannot see it. */
export default function Charts({ tasks }: { tasks: Task[] }) {
  const now = useNow(STEP_MS);
  const series = useMemo(() => seriesOf(tasks, now), [tasks, now]);
  return (
    <div className="grid gap-5 sm:grid-cols-2">
      <Plot title="Finished" per={series.width} series={series} values={series.finished} kind="bars" />
      <Plot
        title="Median time to done"
        per={series.width}
        series={series}
        values={series.median}
        kind="line"
      />
    </div>
  );
}

function Plot({
  title,
  per,
  series,
  values,
  kind,
}: {
  title: string;
  per: number;
  series: Series;
  values: Array<number | null>;
  kind: "bars" | "line";
}) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    let plot = draw(element, series, values, kind);
    const again = () => {
      plot.destroy();
      plot = draw(element, series, values, kind);
    };
    const size = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    size.observe(element);
    const theme = new MutationObserver(again);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      size.disconnect();
      theme.disconnect();
      plot.destroy();
    };
  }, [series, values, kind]);
  const word = (value: number | null) =>
    value === null ? "none" : kind === "line" ? span(value * 1000) : String(value);
  return (
    <figure className="min-w-0">
      <figcaption className="mb-1 flex justify-between text-xs text-ink-3">
        <span className="font-medium text-ink-2">{title}</span>
        <span>per {span(per).replace(/^1 /, "")}</span>
      </figcaption>
      <div ref={place} aria-hidden="true" className="h-36 [&_.u-wrap]:w-full" />
      <table className="sr-only">
        <caption>
          {title} per {span(per).replace(/^1 /, "")}
        </caption>
        <tbody>
          {series.times.map((time, index) => (
            <tr key={time}>
              <th scope="row">{exact(time * 1000)}</th>
              <td>{word(values[index] ?? null)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

const HEIGHT = 144;

const DAY_MS = 24 * 3_600_000;

/** A time below the axis: of the day, or the day. */
function tick(secs: number, width: number): string {
  const at = new Date(secs * 1000);
  return width >= DAY_MS
    ? at.toLocaleDateString(undefined, { day: "numeric", month: "short" })
    : at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function draw(
  place: HTMLElement,
  series: Series,
  values: Array<number | null>,
  kind: "bars" | "line",
): uPlot {
  const axis: uPlot.Axis = {
    stroke: colour("--ink-3"),
    font: "11px Inter Variable, system-ui, sans-serif",
    grid: { show: false },
    ticks: { show: false },
    size: 24,
  };
  const accent = colour("--accent");
  const bars = uPlot.paths.bars;
  return new uPlot(
    {
      width: place.clientWidth || 300,
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { x: false, y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        // Half an interval more at each side: the first and the last bar are whole.
        x: { range: (_plot, min, max) => [min - series.width / 2_000, max + series.width / 2_000] },
        y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] },
      },
      series: [
        {},
        kind === "bars" && bars
          ? {
              stroke: accent,
              fill: accent,
              width: 0,
              paths: bars({ size: [0.7, 24], radius: 0.2 }),
              points: { show: false },
            }
          : {
              stroke: accent,
              width: 1.75,
              spanGaps: true,
              points: { show: true, size: 6, fill: accent, width: 0 },
            },
      ],
      axes: [
        { ...axis, values: (_plot, splits) => splits.map((time) => tick(time, series.width)) },
        {
          ...axis,
          size: 52,
          grid: { show: true, stroke: colour("--line"), width: 1 },
          splits: undefined,
          values: (_plot, splits) =>
            splits.map((value) =>
              value === 0
                ? "0"
                : kind === "line"
                  ? span(value * 1000)
                  : Number.isInteger(value)
                    ? String(value)
                    : "",
            ),
        } as uPlot.Axis,
      ],
    },
    [series.times, values],
    place,
  );
}

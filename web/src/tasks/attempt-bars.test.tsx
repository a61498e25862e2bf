import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import type { AttemptState } from "../api/types";
import { AttemptGlyph } from "../ui/attempt-glyph";
import { ATTEMPT_HUE } from "../ui/state";
import { barPlaces } from "./attempt-bars";

const time = (second: number) => new Date(second * 1_000).toISOString();
const [from, to] = [0, 100_000];

test("each bar begins where its attempt began, and after the bar before it", () => {
  const places = barPlaces(
    [
      { created_at: time(10), ended_at: time(11) },
      { created_at: time(12), ended_at: time(50) },
      { created_at: time(50), ended_at: null },
    ],
    from,
    to,
    90_000,
  );
  expect(places).toEqual([
    { left: "min(calc(100% - 44px), max(10%))", right: "max(30px, 89%)" },
    { left: "min(calc(100% - 29px), max(12%, calc(10% + 15px)))", right: "max(15px, 50%)" },
    { left: "min(calc(100% - 14px), max(50%, calc(12% + 15px), calc(10% + 30px)))", right: "max(0px, 10%)" },
  ]);
});

test("no two states of an attempt are told apart by colour alone", () => {
  const signs = Object.keys(ATTEMPT_HUE).map((state) =>
    renderToStaticMarkup(<AttemptGlyph state={state as AttemptState} />),
  );
  expect(new Set(signs).size).toBe(signs.length);
});

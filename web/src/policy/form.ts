import { span } from "../text/time";
import { count } from "../text/words";
import { FIELDS, type PolicyField } from "./fields";

/** A policy as people write it: what is left out says nothing. */
export type Said = { [name: string]: unknown };

/** What the form holds: the text of each field by its name; empty says nothing. */
export type Texts = Record<string, string>;

/** What is wrong, by the name of the field. */
export type Faults = Record<string, string>;

function at(document: Said, name: string): unknown {
  return name
    .split(".")
    .reduce<unknown>(
      (value, part) => (typeof value === "object" && value !== null ? (value as Said)[part] : undefined),
      document,
    );
}

/** What a field of sets says if it says that there are none, in place of those of another level. */
const NO_SETS = "none";

const isObject = (value: unknown): value is Said =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function textOf(field: PolicyField, value: unknown): string {
  if (value === undefined || value === null) return "";
  switch (field.kind) {
    case "choice":
    case "number":
      return String(value);
    case "sets": {
      if (!Array.isArray(value) || !value.every(Array.isArray)) return JSON.stringify(value);
      if (value.length === 0) return NO_SETS;
      const text = value.map((set) => set.join(", ")).join("\n");
      // A label that is called so has a comma behind it.
      return text.toLowerCase() === NO_SETS ? `${text},` : text;
    }
    case "limits":
      if (!isObject(value)) return JSON.stringify(value);
      return Object.entries(value)
        .map(([name, most]) => `${name} = ${most}`)
        .join("\n");
  }
}

/** The texts of a document's fields. */
export function textsOf(document: Said): Texts {
  return Object.fromEntries(FIELDS.map((field) => [field.name, textOf(field, at(document, field.name))]));
}

const lines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

function saidBy(field: PolicyField, text: string): unknown {
  switch (field.kind) {
    case "choice":
      return text === "true" ? true : text === "false" ? false : text;
    case "number": {
      const value = Number(text);
      const least = field.least ?? 0;
      if (!/^\d+$/.test(text) || value < least || value > field.most) {
        throw new Error(`A whole number from ${least} to ${field.most.toLocaleString()}.`);
      }
      return value;
    }
    case "sets":
      if (text.toLowerCase() === NO_SETS) return [];
      return lines(text)
        .map((line) => line.split(/[,\s]+/).filter(Boolean))
        .filter((set) => set.length > 0);
    case "limits":
      return Object.fromEntries(
        lines(text).map((line) => {
          const found = /^(\S+)\s*=\s*(\d+)$/.exec(line);
          if (!found?.[1]) throw new Error(`“${line}” is not a name, = and a number.`);
          return [found[1], Number(found[2])];
        }),
      );
  }
}

/** Puts a value at a path, or takes it away, and what is empty without it. */
function put(place: Said, [part = "", ...below]: string[], value: unknown): void {
  const found = place[part];
  const within = isObject(found) ? found : {};
  if (below.length > 0) put(within, below, value);
  const now = below.length === 0 ? value : Object.keys(within).length > 0 ? within : undefined;
  if (now === undefined) delete place[part];
  else place[part] = now;
}

/**
 * The document that was read, with what the texts say otherwise. What is in no field, or was not
 * touched, stays as it was.
 */
export function documentOf(texts: Texts, read: Said): { document: Said; faults: Faults } {
  const document = structuredClone(read);
  const faults: Faults = {};
  const before = textsOf(read);
  for (const field of FIELDS) {
    const text = texts[field.name]?.trim() ?? "";
    if (text === before[field.name]?.trim()) continue;
    try {
      put(document, field.name.split("."), text === "" ? undefined : saidBy(field, text));
    } catch (error) {
      faults[field.name] = error instanceof Error ? error.message : String(error);
    }
  }
  return { document, faults };
}

/** Reads a document as JSON. The server says what else is wrong with it. */
export function parsed(text: string): { document?: Said; error?: string } {
  if (text.trim() === "") return { document: {} };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return { error: "The document is one JSON object." };
    }
    return { document: value as Said };
  } catch (error) {
    return { error: `This is not JSON: ${error instanceof Error ? error.message : "it cannot be read"}` };
  }
}

/** A document as JSON, with short lists in one line. */
export function written(document: Said): string {
  return JSON.stringify(document, null, 2).replace(
    /\[\s+("[^"\n]*"(?:,\s+"[^"\n]*")*)\s+\]/g,
    (_, items: string) => `[${items.replace(/,\s+/g, ", ")}]`,
  );
}

/** A value in words. */
export function inWords(field: PolicyField, value: unknown): string {
  if (value === null || value === undefined || value === "") return "nothing";
  switch (field.kind) {
    case "choice":
      return field.choices.find(([one]) => one === String(value))?.[1].toLowerCase() ?? String(value);
    case "number":
      if (field.unit === "times") return count(Number(value), "time");
      return `${Number(value).toLocaleString()}${field.unit ? ` ${field.unit}` : ""}`;
    case "sets": {
      const sets = (value as string[][]).map((set) => set.join(" + "));
      return sets.length === 0 ? "none" : sets.join(", or ");
    }
    case "limits":
      return textOf(field, value).replaceAll("\n", ", ") || "none";
  }
}

/** The same for one who only reads: times as people say them. */
export function asRead(field: PolicyField, value: unknown): string {
  const factor = field.kind === "number" ? { ms: 1, s: 1_000 }[field.unit ?? ""] : undefined;
  return factor && typeof value === "number" ? span(value * factor) : inWords(field, value);
}

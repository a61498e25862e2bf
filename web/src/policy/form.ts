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

function textOf(field: PolicyField, value: unknown): string {
  if (value === undefined || value === null) return "";
  switch (field.kind) {
    case "choice":
    case "number":
      return String(value);
    case "sets":
      return (value as string[][]).map((set) => set.join(", ")).join("\n");
    case "limits":
      return Object.entries(value as Record<string, number>)
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
      if (!/^\d+$/.test(text) || value > field.most) {
        throw new Error(`A whole number from 0 to ${field.most.toLocaleString()}.`);
      }
      return value;
    }
    case "sets":
      return lines(text).map((line) => line.split(/[,\s]+/).filter(Boolean));
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

/** The document that the texts stand for, without what says nothing. */
export function documentOf(texts: Texts): { document: Said; faults: Faults } {
  const document: Said = {};
  const faults: Faults = {};
  for (const field of FIELDS) {
    const text = texts[field.name]?.trim() ?? "";
    if (text === "") continue;
    try {
      const parts = field.name.split(".");
      const last = parts.pop() ?? "";
      let place = document;
      for (const part of parts) {
        place[part] ??= {};
        place = place[part] as Said;
      }
      place[last] = saidBy(field, text);
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

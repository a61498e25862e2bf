import "./code.css";
import { useQuery } from "@tanstack/react-query";
import { Fragment } from "react";
import { Colourer, type Token } from "./colours";

/** Longer texts stay without colours: their pieces would be too many for one page. */
const CHARS_MAX = 120_000;

const colourer = new Colourer();

/** The colours of a text, once they are known. */
export function useColours(language: string | undefined, text: string): Token[][] | undefined {
  const wanted = language !== undefined && text.length <= CHARS_MAX;
  const { data } = useQuery({
    queryKey: ["colours", language, text],
    queryFn: async () => (await colourer.lines(language ?? "", text)) ?? null,
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
  return data ?? undefined;
}

/** Text of a program, in colours if there are some. Stands in an element of class `code`. */
export function Coloured({ text, lines }: { text: string; lines: Token[][] | undefined }) {
  if (!lines) return text;
  return lines.map((pieces, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name
    <Fragment key={at}>
      {at > 0 && "\n"}
      {pieces.map((piece, nth) =>
        piece.className ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: nor have their pieces
          <span key={nth} className={piece.className}>
            {piece.text}
          </span>
        ) : (
          piece.text
        ),
      )}
    </Fragment>
  ));
}

import Anser from "anser";

/** A piece of a line with one look. */
export interface Piece {
  text: string;
  className: string;
  /** A colour that is not one of the sixteen. */
  color: string | undefined;
  hit: boolean;
}

const ESCAPE = "\u001b";

/** A line as pieces; those that have the searched word are marked. */
export function piecesOf(line: string, word: string): Piece[] {
  const plain = line.includes(ESCAPE)
    ? parse(line)
    : [{ text: line, className: "", color: undefined, hit: false }];
  return word === "" ? plain : mark(plain, word);
}

function parse(line: string): Piece[] {
  return Anser.ansiToJson(line, { use_classes: true, remove_empty: true }).map((one) => {
    const names = [];
    if (one.fg && !one.fg.includes("truecolor") && !one.fg.includes("palette")) names.push(`${one.fg}-fg`);
    if (one.bg && !one.bg.includes("truecolor") && !one.bg.includes("palette")) names.push(`${one.bg}-bg`);
    for (const decoration of one.decorations) names.push(`ansi-${decoration}`);
    const named = one.fg?.includes("truecolor") || one.fg?.includes("palette");
    return {
      text: one.content,
      className: names.join(" "),
      color: named ? colourOf(one.fg, one.fg_truecolor) : undefined,
      hit: false,
    };
  });
}

/** Levels of the 6 × 6 × 6 cube of xterm's 256 colours. */
const CUBE = [0, 95, 135, 175, 215, 255];

function colourOf(name: string, truecolor: string | null): string | undefined {
  if (truecolor) return `rgb(${truecolor})`;
  const n = Number(name.replace("ansi-palette-", ""));
  if (!Number.isInteger(n)) return undefined;
  if (n >= 232) {
    const grey = 8 + (n - 232) * 10;
    return `rgb(${grey}, ${grey}, ${grey})`;
  }
  const at = n - 16;
  return `rgb(${CUBE[Math.floor(at / 36)]}, ${CUBE[Math.floor(at / 6) % 6]}, ${CUBE[at % 6]})`;
}

/** Splits pieces where the word begins and ends, across their borders. */
function mark(pieces: Piece[], word: string): Piece[] {
  const text = pieces
    .map((piece) => piece.text)
    .join("")
    .toLowerCase();
  const wanted = word.toLowerCase();
  const cuts: Array<[number, number]> = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    cuts.push([at, at + wanted.length]);
  }
  if (cuts.length === 0) return pieces;
  const marked: Piece[] = [];
  let offset = 0;
  for (const piece of pieces) {
    let from = 0;
    for (const [begin, end] of cuts) {
      const low = Math.max(begin - offset, from);
      const high = Math.min(end - offset, piece.text.length);
      if (low >= high) continue;
      if (low > from) marked.push({ ...piece, text: piece.text.slice(from, low) });
      marked.push({ ...piece, text: piece.text.slice(low, high), hit: true });
      from = high;
    }
    if (from < piece.text.length) marked.push({ ...piece, text: piece.text.slice(from) });
    offset += piece.text.length;
  }
  return marked;
}

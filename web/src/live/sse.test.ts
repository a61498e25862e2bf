import { expect, test } from "vitest";
import { SseParser } from "./sse";

const STREAM =
  'retry: 1000\n\n: \n\nid: 7\nevent: task.state\ndata: {"a":1}\n\nid: 8\r\ndata: x\r\ndata:  y\r\n\r\n';

test("an event comes out whole, however the stream is cut", () => {
  for (let at = 0; at <= STREAM.length; at += 1) {
    const parser = new SseParser();
    const found = [...parser.push(STREAM.slice(0, at)), ...parser.push(STREAM.slice(at))];
    expect(found).toEqual([
      { id: "7", event: "task.state", data: '{"a":1}' },
      { id: "8", event: "message", data: "x\n y" },
    ]);
  }
});

test("what has not ended yet is kept back", () => {
  const parser = new SseParser();
  expect(parser.push("id: 1\ndata: x\n")).toEqual([]);
  expect(parser.push("\n")).toHaveLength(1);
});

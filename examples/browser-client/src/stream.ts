/**
 * Reads Server-Sent Events and NDJSON as they arrive, over any method, under the client's rules.
 *
 * @packageDocumentation
 */

import { type Client, ClientError, type JsonInit } from "./index.js";

/** The most characters of one event or line: a service that sends more is not listened to. */
const MAX_LENGTH = 1 << 20;

/** One event of a stream. */
export interface StreamEvent {
  /** The event's name; `message` where it has none, and for each line of NDJSON. */
  event: string;
  /** The data: the text of the event, or the line. */
  data: string;
  /** The last id that the stream has named, or an empty text. */
  id: string;
}

/**
 * Sends a request as the user and yields the events of the answer as they arrive.
 *
 * A stream that broke off is never repeated: what it had begun may have been done. Its end by the
 * service, when the token or the session ends, is told apart by a refresh: `broken_off` can be
 * sent again by the user, `session_ended` needs a login.
 *
 * @remarks
 * Security: an event or line of more than 1 MiB ends the stream; what is yielded is text of the
 * service, to be shown through `textContent`.
 *
 * @throws ClientError also for an answer that is no stream.
 */
export async function* stream(
  client: Client,
  input: RequestInfo | URL,
  init?: JsonInit,
): AsyncGenerator<StreamEvent> {
  const response = await client.send(input, init);
  try {
    for await (const event of readStream(response)) {
      if (event.event === "session-ended") {
        const open = client.session !== "over" && (await client.refresh());
        throw open ? brokenOff() : new ClientError("session_ended");
      }
      yield event;
    }
  } catch (cause) {
    if (cause instanceof ClientError || init?.signal?.aborted) throw cause;
    throw brokenOff(cause);
  }
}

const brokenOff = (cause?: unknown) =>
  new ClientError("broken_off", { cause }, "The answer broke off. Please try again.");

/** Reads the events of `response`: NDJSON where its type says so, else Server-Sent Events. */
async function* readStream(response: Response): AsyncGenerator<StreamEvent> {
  const type = response.headers.get("Content-Type") ?? "";
  const lines = readLines(response.body);
  if (/ndjson|jsonl/.test(type)) {
    for await (const data of lines) if (data) yield { event: "message", data, id: "" };
  } else if (/^text\/event-stream/.test(type)) {
    yield* serverSentEvents(lines);
  } else {
    throw new ClientError("bad_answer", { status: response.status });
  }
}

async function* serverSentEvents(lines: AsyncIterable<string>): AsyncGenerator<StreamEvent> {
  let event = "";
  let data: string | undefined;
  let id = "";
  for await (const line of lines) {
    if (!line) {
      if (data !== undefined) yield { event: event || "message", data, id };
      event = "";
      data = undefined;
      continue;
    }
    const [, field, value = ""] = /^([^:]*):? ?([^]*)$/.exec(line)!;
    if (field === "event") event = value;
    if (field === "id") id = value;
    if (field === "data") data = bounded(data === undefined ? value : `${data}\n${value}`);
  }
}

async function* readLines(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  if (!body) return;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      pending += decoder.decode(value, { stream: !done });
      // A carriage return at the end may be the first half of a line end.
      const lines = pending.split(/\r\n|\n|\r(?!$)/);
      pending = bounded(lines.pop()!);
      yield* lines;
      if (!done) continue;
      if (pending) yield pending.replace(/\r$/, "");
      return;
    }
  } finally {
    reader.cancel().catch(() => {}); // whoever stopped listening
  }
}

function bounded(text: string): string {
  if (text.length > MAX_LENGTH) throw new ClientError("bad_answer");
  return text;
}

// Streams: pieces as they arrive, whatever the network cuts them into, under the client's rules.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { stream } from "../dist/stream.js";
import { gate, Profile, REFRESH, reply, settle } from "./support.js";

const SSE = "text/event-stream; charset=utf-8";
const NDJSON = "application/x-ndjson";

describe("Server-Sent Events", () => {
  for (const [title, text, wanted] of [
    ["a name and data", "event: token\ndata: {}\n\n", [["token", "{}"]]],
    ["no name", "data: a\n\n", [["message", "a"]]],
    ["several lines of data", "data: a\ndata:\ndata: b\n\n", [["message", "a\n\nb"]]],
    ["one blank, and no more, is dropped", "data:  a\n\ndata:b\n\n", [
      ["message", " a"],
      ["message", "b"],
    ]],
    ["comments and unknown fields", ": ping\nretry: 5\nfoo: bar\ndata: a\n\n", [["message", "a"]]],
    ["a field without a colon", "data\n\n", [["message", ""]]],
    ["no data, no event", "event: token\n\ndata: a\n\n", [["message", "a"]]],
    ["CRLF", "event: t\r\ndata: a\r\n\r\ndata: b\r\n\r\n", [["t", "a"], ["message", "b"]]],
    ["CR alone", "data: a\r\rdata: b\r\r", [["message", "a"], ["message", "b"]]],
    ["a byte order mark", "\uFEFFdata: a\n\n", [["message", "a"]]],
    ["letters of several bytes", "data: žluť 🐎\u2028.\n\n", [["message", "žluť 🐎\u2028."]]],
    ["an event that was cut off is none", "data: a\n\ndata: b", [["message", "a"]]],
    ["nothing", "", []],
  ]) {
    it(`are read, however they are cut: ${title}`, async () => {
      const bytes = new TextEncoder().encode(text);
      const cuts = [[bytes], [...bytes].map((byte) => Uint8Array.of(byte))];
      for (let at = 1; at < bytes.length; at += 1) {
        cuts.push([bytes.slice(0, at), bytes.slice(at)]);
      }
      for (const chunks of cuts) {
        const events = await all(answering(SSE, chunks));
        assert.deepEqual(events.map(({ event, data }) => [event, data]), wanted);
      }
    });
  }

  it("name the last id that was seen", async () => {
    const events = await all(answering(SSE, ["id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"]));
    assert.deepEqual(events.map(({ id }) => id), ["7", "7", ""]);
  });
});

it("NDJSON gives its lines, the last one with or without its end", async () => {
  const events = await all(answering(NDJSON, ['{"a":', '1}\n\n{"a":2}\r\n{"a":3}']));
  assert.deepEqual(events.map(({ event, data }) => [event, data]), [
    ["message", '{"a":1}'],
    ["message", '{"a":2}'],
    ["message", '{"a":3}'],
  ]);
});

describe("a stream", () => {
  it("gives each piece when it arrives", async () => {
    const { client, pipe, events } = flowing();
    await client.request("/warm-up");
    const first = events.next();
    await settle();
    pipe.enqueue("data: one\n\n");
    assert.equal((await first).value.data, "one");
    const second = events.next();
    pipe.enqueue("data: two\n\n");
    assert.equal((await second).value.data, "two");
    pipe.close();
    assert.equal((await events.next()).done, true);
  });

  it("is a POST with the token, and begins again after a 401, before its first piece", async () => {
    const { service, events, pipe } = flowing(reply(401));
    const first = events.next();
    await settle();
    pipe.enqueue("data: one\n\n");
    assert.equal((await first).value.data, "one");
    const sent = service.seen.filter(({ what }) => what === "POST /stream");
    assert.deepEqual(sent.map(({ body }) => body), ['{"message":"hi"}', '{"message":"hi"}']);
    assert.equal(sent[1].token, service.token);
    assert.equal(service.count(REFRESH), 2);
  });

  it("that breaks off is told, and never repeated", async () => {
    const { service, events, pipe } = flowing();
    const first = events.next();
    await settle();
    pipe.enqueue("data: one\n\n");
    await first;
    const second = events.next();
    pipe.error(new TypeError("network error"));
    await assert.rejects(second, {
      code: "broken_off",
      message: "The answer broke off. Please try again.",
    });
    assert.equal(service.count("POST /stream"), 1);
  });

  it("that ends with its token can be sent again by the user", async () => {
    const { service, client, events, pipe, ended } = flowing();
    const first = events.next();
    await settle();
    pipe.enqueue("event: session-ended\ndata: {}\n\n");
    await assert.rejects(first, { code: "broken_off" });
    assert.equal(service.count(REFRESH), 2);
    assert.deepEqual([client.session, ended], ["open", []]);
  });

  it("that ends with its session says so, and the application is told", async () => {
    const { service, client, events, pipe, ended } = flowing();
    const first = events.next();
    await settle();
    service.refreshable = false;
    pipe.enqueue("event: session-ended\ndata: {}\n\n");
    await assert.rejects(first, { code: "session_ended" });
    assert.deepEqual([client.session, ended], ["over", ["session_ended"]]);
  });

  it("after a logout asks for no refresh", async () => {
    const { service, client, events, pipe } = flowing();
    const first = events.next();
    await settle();
    await client.logout();
    pipe.enqueue("event: session-ended\ndata: {}\n\n");
    await assert.rejects(first, { code: "session_ended" });
    assert.equal(service.count(REFRESH), 1);
  });

  it("is let go of when nobody listens any more", async () => {
    const { events, pipe } = flowing();
    const first = events.next();
    await settle();
    pipe.enqueue("data: one\n\n");
    await first;
    await events.return();
    assert.equal(await pipe.cancelled, true);
  });

  it("that the caller calls off fails as fetch does", async () => {
    const abort = new AbortController();
    const { events, pipe } = flowing(undefined, { signal: abort.signal });
    const first = events.next();
    await settle();
    abort.abort();
    pipe.error(abort.signal.reason);
    await assert.rejects(first, { name: "AbortError" });
  });

  it("that is refused is told like any request", async () => {
    const { service, events } = flowing(reply(429, {}, { "Retry-After": "3" }));
    await assert.rejects(events.next(), { code: "throttled", retryAfter: 3 });
    assert.equal(service.count("POST /stream"), 1);
  });

  for (const [title, type, chunks] of [
    ["is no stream", "text/html", ["<html>"]],
    ["has an event without end", SSE, Array(20).fill("x".repeat(1 << 16))],
    ["has data without end", SSE, Array(20).fill(`data: ${"x".repeat(1 << 16)}\n`)],
    ["has a line without end", NDJSON, Array(20).fill("x".repeat(1 << 16))],
  ]) {
    it(`that ${title} is not read`, async () => {
      await assert.rejects(all(answering(type, chunks)), { code: "bad_answer" });
    });
  }
});

const encoder = new TextEncoder();
const encoded = (chunk) => (typeof chunk === "string" ? encoder.encode(chunk) : chunk);

/** A body that is fed by hand. */
function pipe(source = {}) {
  let controller;
  const cancelled = gate();
  const body = new ReadableStream({
    start: (given) => {
      controller = given;
    },
    cancel: () => cancelled.open(true),
    ...source,
  });
  return {
    body,
    cancelled: cancelled.passed,
    enqueue: (text) => controller.enqueue(encoded(text)),
    close: () => controller.close(),
    error: (problem) => controller.error(problem),
  };
}

/** A stream under way, fed by hand; `first` is answered before it. */
function flowing(first, init) {
  const profile = new Profile();
  const tab = profile.tab();
  const fed = pipe();
  const headers = { "Content-Type": SSE };
  if (first) profile.service.next("POST /stream", first);
  profile.service.next("POST /stream", new Response(fed.body, { headers }));
  const events = stream(tab.client, "/stream", { json: { message: "hi" }, ...init });
  return { service: profile.service, ...tab, events, pipe: fed };
}

/** A client whose service answers with these chunks. */
function answering(type, chunks) {
  const profile = new Profile();
  const { client } = profile.tab();
  const left = [...chunks];
  const { body } = pipe({
    start: () => {},
    pull: (controller) =>
      left.length ? controller.enqueue(encoded(left.shift())) : controller.close(),
  });
  profile.service.next("GET /stream", new Response(body, { headers: { "Content-Type": type } }));
  return client;
}

async function all(client) {
  const events = [];
  for await (const event of stream(client, "/stream")) events.push(event);
  return events;
}

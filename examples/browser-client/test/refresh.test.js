// When tokens are renewed, how often, and what a refresh that fails means.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ClientError } from "../dist/client.js";
import { gate, jwt, Profile, REFRESH, reply, settle, stayAwake } from "./support.js";

const TWENTY = Array.from({ length: 20 }, (_, n) => `/call/${n}`);

describe("a refresh", () => {
  it("comes before the first request, once for twenty", async () => {
    const { client, service } = fresh();
    const responses = await Promise.all(TWENTY.map((path) => client.request(path)));
    assert.deepEqual(new Set(responses.map(({ status }) => status)), new Set([200]));
    assert.equal(service.count(REFRESH), 1);
    assert.equal(service.seen.length, 21);
  });

  for (const [life, passed, wanted] of [
    [300, 239, 1],
    [300, 241, 2],
    [300, 400, 2],
    [20, 9, 1],
    [20, 11, 2],
  ]) {
    it(`${wanted - 1} more when ${passed} s of ${life} s have passed`, async () => {
      const { profile, client, service } = fresh();
      service.life = life;
      await client.request("/x");
      profile.time += passed * 1000;
      assert.equal((await client.request("/x")).status, 200);
      assert.equal(service.count(REFRESH), wanted);
      assert.equal(service.last("GET /x").token, service.token);
    });
  }

  it("counts the token's life from before the question, not from after the answer", async () => {
    const { profile, client, service } = fresh();
    service.next(REFRESH, () => {
      profile.time += 100_000;
      return service.grant();
    });
    await client.request("/x");
    profile.time += 141_000;
    await client.request("/x");
    assert.equal(service.count(REFRESH), 2);
  });

  it("needs no timer: a laptop that slept for an hour refreshes first", async (test) => {
    const { profile, client, service } = fresh();
    const timers = ["setTimeout", "setInterval"].map((name) => test.mock.method(globalThis, name));
    await client.request("/x");
    profile.time += 3_600_000;
    await client.request("/x");
    assert.equal(service.count(REFRESH), 2);
    assert.deepEqual(timers.map(({ mock }) => mock.callCount()), [0, 0]);
  });

  it("reads the life of Django's token from it, by difference: no clock has to agree", async () => {
    const { profile, client, service } = fresh();
    const access = jwt({ user_id: 7, iat: 5_000, exp: 5_300 });
    service.valid.add(access);
    service.next(REFRESH, reply(200, { access }));
    await client.request("/x");
    profile.time += 239_000;
    await client.request("/x");
    assert.equal(service.count(REFRESH), 1);
    profile.time += 2_000;
    await client.request("/x");
    assert.equal(service.count(REFRESH), 2);
  });

  it("follows a 401 once, and the request goes out again, whole", async () => {
    const { client, service } = fresh();
    await client.request("/warm-up");
    service.valid.clear();
    const response = await client.request("/x", { method: "POST", body: "text" });
    assert.equal(response.status, 200);
    const sent = service.seen.filter(({ what }) => what === "POST /x");
    assert.deepEqual(sent.map(({ body, csrf }) => [body, csrf]), [
      ["text", "from-cookie"],
      ["text", "from-cookie"],
    ]);
    assert.notEqual(sent[0].token, sent[1].token);
    assert.equal(service.count(REFRESH), 2);
  });

  it("sends a Request again with its body", async () => {
    const { client, service } = fresh();
    await client.request("/warm-up");
    service.valid.clear();
    const whole = new Request("https://app.example/x", { method: "POST", body: "text" });
    assert.equal((await client.request(whole)).status, 200);
    assert.equal(service.count("POST /x"), 2);
    assert.equal(service.last("POST /x").body, "text");
  });

  it("follows twenty 401s once, and each request goes out again once", async () => {
    const { client, service } = fresh();
    await client.request("/warm-up");
    service.valid.clear();
    const responses = await Promise.all(TWENTY.map((path) => client.request(path)));
    assert.ok(responses.every(({ ok }) => ok));
    assert.equal(service.count(REFRESH), 2);
    assert.ok(TWENTY.every((path) => service.count(`GET ${path}`) === 2));
  });

  it("does not follow a 401 of a token that was replaced meanwhile", async () => {
    const { client, service } = fresh();
    await client.request("/warm-up");
    const late = gate();
    service.next("GET /slow", () => late.passed);
    const slow = client.request("/slow");
    await settle();
    await client.refresh();
    late.open(reply(401));
    assert.equal((await slow).status, 200);
    assert.equal(service.count(REFRESH), 2);
    assert.equal(service.last("GET /slow").token, service.token);
  });

  it("does not run in circles: a second 401 is the caller's, and no logout", async () => {
    const { client, service, ended } = fresh();
    await client.request("/warm-up");
    service.next("GET /x", reply(401), reply(401));
    assert.equal((await client.request("/x")).status, 401);
    assert.equal(service.count("GET /x"), 2);
    assert.equal(service.count(REFRESH), 2);
    await settle();
    assert.deepEqual([client.session, ended], ["open", []]);
  });

  it("cannot send a stream again, and says so", async () => {
    const { client, service } = fresh();
    await client.request("/warm-up");
    service.valid.clear();
    const body = new Blob(["text"]).stream();
    const sent = client.request("/x", { method: "POST", body, duplex: "half" });
    await fails(sent, "not_resent", 0);
    assert.equal(service.count("POST /x"), 1);
    assert.equal(client.session, "open");
  });

  it("comes on a 401 only in cookies mode after a reload, then beforehand", async () => {
    const { profile, client, service } = fresh({ mode: "cookies" });
    service.cookies = true;
    await client.request("/x");
    assert.equal(service.count(REFRESH), 1);
    assert.equal(service.count("GET /x"), 2);
    profile.time += 250_000;
    await client.request("/x");
    assert.equal(service.count(REFRESH), 2);
    assert.equal(service.count("GET /x"), 3);
  });
});

describe("a refresh that fails", () => {
  for (const [title, answer, code, status] of [
    ["503", () => reply(503, {}, { "Retry-After": "7" }), "unavailable", 503],
    ["500 with a page", () => reply(500, "<html>"), "unavailable", 500],
    ["502", () => reply(502), "unavailable", 502],
    ["429", () => reply(429, {}, { "Retry-After": "7" }), "throttled", 429],
    ["403", () => reply(403, { code: "https_required" }), "refused", 403],
    ["404", () => reply(404), "refused", 404],
    ["no network", () => new TypeError("Failed to fetch"), "unreachable", 0],
    ["a portal's page", () => reply(200, "<html>"), "bad_answer", 200],
    ["null", () => reply(200, "null"), "bad_answer", 0],
    ["no token", () => reply(200, { expires_in: 300 }), "bad_answer", 0],
  ]) {
    it(`${title}: is no logout, and the next one works`, async () => {
      const { profile, client, service, ended } = fresh();
      await client.request("/warm-up");
      profile.time += 400_000;
      service.next(REFRESH, answer());
      await fails(client.request("/x"), code, status);
      assert.equal(service.count("GET /x"), 0);
      await settle();
      assert.deepEqual([client.session, ended], ["open", []]);
      assert.equal((await client.request("/x")).status, 200);
    });
  }

  it("leaves a token that is still good in use", async () => {
    const { profile, client, service } = fresh();
    await client.request("/warm-up");
    profile.time += 250_000;
    service.next(REFRESH, reply(503));
    assert.equal((await client.request("/x")).status, 200);
  });

  it("leaves the request unsent where nothing is known yet", async () => {
    const { client, service } = fresh();
    service.next(REFRESH, reply(503));
    await fails(client.request("/x"), "unavailable", 503);
    assert.equal(service.count("GET /x"), 0);
    assert.equal(client.session, "unknown");
  });

  it("after a 401 is thrown too: it is not known whether the session goes on", async () => {
    const { client, service, ended } = fresh();
    await client.request("/warm-up");
    service.valid.clear();
    service.next(REFRESH, new TypeError("Failed to fetch"));
    await fails(client.request("/x"), "unreachable", 0);
    await settle();
    assert.deepEqual(ended, []);
  });

  it("fails for all who wait for it, together", async () => {
    const { client, service } = fresh();
    service.next(REFRESH, reply(503));
    const all = await Promise.allSettled(TWENTY.map((path) => client.request(path)));
    assert.ok(all.every(({ reason }) => reason.code === "unavailable"));
    assert.equal(service.count(REFRESH), 1);
  });

  it("is given up after the time-out", async (test) => {
    stayAwake(test);
    const { client, service } = fresh({ timeout: 5 });
    service.next(REFRESH, () => new Promise(() => {}));
    await fails(client.request("/x"), "unreachable", 0);
    assert.equal((await client.request("/x")).status, 200);
  });
});

describe("a refresh that is refused", () => {
  for (const status of [400, 401]) {
    it(`with ${status} ends the session, which is told once`, async () => {
      const { client, service, ended } = fresh();
      await client.request("/warm-up");
      service.valid.clear();
      service.next(REFRESH, reply(status, { code: "token_not_valid" }));
      const responses = await Promise.all(TWENTY.map((path) => client.request(path)));
      assert.deepEqual(new Set(responses.map((response) => response.status)), new Set([401]));
      await settle();
      assert.deepEqual([client.session, ended], ["over", ["session_ended"]]);
      assert.equal(service.count(REFRESH), 2);
    });
  }

  it("is not asked for again: later requests go out as anybody's", async () => {
    const { client, service, ended } = fresh();
    service.refreshable = false;
    assert.equal((await client.request("/x")).status, 401);
    service.next("GET /public", reply(200));
    assert.equal((await client.request("/public")).status, 200);
    assert.equal(service.last("GET /public").token, null);
    await assert.rejects(client.json("/x"), { code: "login_required" });
    assert.equal(service.count(REFRESH), 1);
    await settle();
    assert.deepEqual(ended, ["login_required"], "a visitor's session has not ended");
  });

  it("gives the reason with what fails", async () => {
    const { client, service } = fresh();
    await client.request("/warm-up");
    service.valid.clear();
    service.refreshable = false;
    await assert.rejects(client.json("/x"), {
      name: "ClientError",
      code: "session_ended",
      message: "Your session has ended. Please log in again.",
    });
  });

  it("before the request keeps it from being sent as nobody's", async () => {
    const { profile, client, service } = fresh();
    await client.request("/warm-up");
    profile.time += 400_000;
    service.refreshable = false;
    await fails(client.request("/x", { method: "POST" }), "session_ended", 0);
    assert.equal(service.count("POST /x"), 0);
  });

  it("can be asked for by the application", async () => {
    const { client, service } = fresh();
    service.refreshable = false;
    assert.equal(await client.refresh(), false);
    service.refreshable = true;
    assert.equal(await client.refresh(), true);
    assert.equal(client.session, "open");
  });
});

describe("a request", () => {
  it("that the caller calls off fails as fetch does", async () => {
    const { client, service } = fresh();
    await client.request("/warm-up");
    service.next("GET /x", () => new Promise(() => {}));
    const abort = new AbortController();
    const sent = client.request("/x", { signal: abort.signal });
    await settle();
    abort.abort();
    await assert.rejects(sent, { name: "AbortError" });
  });

  it("that meets no network is told in a sentence, with the cause", async () => {
    const { client, service } = fresh();
    await client.request("/warm-up");
    const cause = new TypeError("Failed to fetch");
    service.next("GET /x", cause);
    await assert.rejects(client.request("/x"), { code: "unreachable", cause });
  });

  it("of JSON is a POST, says so, and gives what is answered", async () => {
    const { client, service } = fresh();
    assert.deepEqual(await client.json("/x", { json: { a: 1 } }), { ok: true });
    assert.equal(service.last("POST /x").body, '{"a":1}');
    service.next("PUT /x", new Response(null, { status: 204 }));
    assert.deepEqual(await client.json("/x", { method: "PUT", json: [] }), {});
  });

  for (const [status, body, code, message] of [
    [400, { detail: "Too long.", code: "too_long" }, "refused", "Too long."],
    [409, "<html>", "refused", "The service refused the request."],
    [429, {}, "throttled", "Too many attempts. Please try again in 1 s."],
    [503, { detail: "db01 is down" }, "unavailable", "The service is busy. Please try again."],
  ]) {
    it(`of JSON that is answered ${status} is thrown with a sentence`, async () => {
      const { client, service } = fresh();
      service.next("GET /x", reply(status, body));
      await assert.rejects(client.json("/x"), { code, message, status, reason: body.code });
    });
  }
});

function fresh(options) {
  const profile = new Profile();
  return { profile, service: profile.service, ...profile.tab(options) };
}

async function fails(promise, code, status) {
  await assert.rejects(promise, (problem) => {
    assert.ok(problem instanceof ClientError);
    assert.equal(problem.code, code);
    assert.equal(problem.status, status);
    assert.match(problem.message, /^[A-Z][^{}<]*\.$/, "a sentence");
    return true;
  });
}

// Who gets the token and the CSRF value, and who does not.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { jwt, LOGIN, LOGOUT, Profile, REFRESH, reply } from "./support.js";

const JSON_403 = { code: "csrf_signature_incorrect", detail: "CSRF Failed: …" };

describe("the access token", () => {
  it("goes to the service's own origin", async () => {
    const { profile, client } = opened();
    await client.request("/notes");
    assert.equal(profile.service.last("GET /notes").token, profile.service.token);
    assert.equal(profile.service.last("GET /notes").credentials, "include");
  });

  for (const foreign of [
    "https://other.example/notes",
    "https://api.app.example/notes",
    "https://app.example:8443/notes",
    "http://app.example/notes",
    "//other.example/notes",
    "https:\\\\other.example/notes",
  ]) {
    it(`does not go to ${foreign}, and the CSRF value neither`, async () => {
      const { profile, client } = opened();
      await client.request("/warm-up");
      await client.request(foreign, { method: "POST", body: "x" });
      const { token, csrf, credentials } = profile.service.last("POST /notes");
      assert.deepEqual([token, csrf, credentials], [null, null, "same-origin"]);
    });
  }

  it("does not go to another origin because it answered 401", async () => {
    const { profile, client } = opened();
    profile.service.next("GET /x", reply(401));
    assert.equal((await client.request("https://other.example/x")).status, 401);
    assert.equal(profile.service.count(REFRESH), 0);
    assert.equal(profile.service.count("GET /x"), 1);
  });

  it("goes to further origins that are declared", async () => {
    const { profile, client } = opened({ origins: ["https://files.example/any/path"] });
    await client.request("https://files.example/x", { method: "POST" });
    assert.equal(profile.service.last("POST /x").token, profile.service.token);
    assert.equal(profile.service.last("POST /x").csrf, "from-cookie");
  });

  it("does not travel along a redirect", async () => {
    const { profile, client } = opened();
    await client.request("/x");
    assert.equal(profile.service.last("GET /x").redirect, "error");
    await client.request("/x", { method: "POST" });
    assert.equal(profile.service.last("POST /x").redirect, "error");
    assert.equal(profile.service.last(REFRESH).redirect, "error");
  });

  it("gives way to an Authorization header of the caller, whose 401 is the caller's", async () => {
    const { profile, client } = opened();
    profile.service.next("GET /x", reply(401));
    const response = await client.request("/x", { headers: { Authorization: "Basic abc" } });
    assert.equal(response.status, 401);
    assert.equal(profile.service.last("GET /x").token, "Basic abc");
    assert.equal(profile.service.count("GET /x"), 1);
  });

  it("is in no URL, in no message to the user, and on no member of the client", async () => {
    const { profile, client } = opened();
    await client.login({ username: "ada", password: "secret" });
    await client.request("/x?y=1");
    await client.logout();
    for (const { url } of profile.service.seen) assert.doesNotMatch(url, /eyJ|secret|from-cookie/);
    const shown = JSON.stringify([client, Object.values(client).map(String)]);
    assert.doesNotMatch(shown, /eyJ/);
  });

  it("is neither logged nor stored", async (test) => {
    for (const method of ["log", "info", "warn", "error", "debug", "trace"]) {
      test.mock.method(console, method, () => assert.fail(`console.${method} was called`));
    }
    const touched = () => assert.fail("storage was touched");
    for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
      Object.defineProperty(globalThis, name, { get: touched, configurable: true });
      test.after(() => delete globalThis[name]);
    }
    const { client } = opened();
    await client.login({ username: "ada", password: "secret" });
    await client.request("/x", { method: "POST" });
    await client.refresh();
    await client.logout();
  });

  it("never exists for a script in cookies mode, whatever the service answers", async () => {
    const { profile, client } = opened({ mode: "cookies" });
    profile.service.next(REFRESH, reply(200, { access: jwt({}), expires_in: 300 }));
    assert.equal(await client.refresh(), true);
    profile.service.next("GET /x", reply(200));
    await client.request("/x");
    const { token, credentials, redirect } = profile.service.last("GET /x");
    assert.deepEqual([token, credentials, redirect], [null, "include", "follow"]);
    assert.doesNotMatch(JSON.stringify(profile.messages), /eyJ/);
  });
});

describe("the CSRF value", () => {
  for (const [method, wanted] of [
    ["GET", null],
    ["HEAD", null],
    ["OPTIONS", null],
    ["POST", "from-cookie"],
    ["PUT", "from-cookie"],
    ["PATCH", "from-cookie"],
    ["DELETE", "from-cookie"],
    ["QUERY", "from-cookie"],
    ["patch", "from-cookie"],
  ]) {
    it(`${wanted ? "goes" : "does not go"} with ${method}`, async () => {
      for (const mode of ["memory", "cookies"]) {
        const { profile, client } = opened({ mode });
        await client.request("/x", { method });
        assert.equal(profile.service.last(`${method} /x`).csrf, wanted, mode);
      }
    });
  }

  it("is that of the __Host- cookie where both are there, in any order", async () => {
    for (const cookie of ["csrftoken=a; __Host-csrftoken=b", "__Host-csrftoken=b; csrftoken=a"]) {
      const { profile, client } = opened();
      profile.cookie = cookie;
      await client.request("/x", { method: "POST" });
      assert.equal(profile.service.last("POST /x").csrf, "b");
    }
  });

  it("is not that of a cookie whose name only ends alike", async () => {
    const { profile, client } = opened({ csrfCookies: ["token"] });
    profile.cookie = "mytoken=a; token=b=c";
    await client.request("/x", { method: "POST" });
    assert.equal(profile.service.last("POST /x").csrf, "b=c");
  });

  it("is fetched where its cookie belongs to another origin than the page", async () => {
    const { profile, client } = opened({ base: "https://api.example", mode: "cookies" });
    await client.request("/x", { method: "POST" });
    assert.equal(profile.service.last("POST /x").url, "https://api.example/x");
    assert.equal(profile.service.last("POST /x").csrf, "fetched");
    await client.request("/x", { method: "POST" });
    assert.equal(profile.service.count("GET /api/csrf/"), 1);
  });

  it("is fetched for a logout as well, though a token goes with it", async () => {
    const { profile, client } = opened();
    await client.login({ username: "ada", password: "x" });
    profile.cookie = "";
    await client.logout();
    const { token, csrf } = profile.service.last(LOGOUT);
    assert.deepEqual([token, csrf], [profile.service.token, "fetched"]);
  });

  it("is the one that login gave, where its cookie cannot be read", async () => {
    const { profile, client } = opened({ base: "https://api.example" });
    profile.service.next(LOGIN, () => profile.service.grant({ csrfToken: "renewed" }));
    await client.login({ username: "ada", password: "x" });
    assert.equal(profile.service.last(LOGIN).csrf, "fetched");
    await client.refresh();
    assert.equal(profile.service.last(REFRESH).csrf, "renewed");
  });

  it("goes with login, refresh and logout", async () => {
    const { profile, client } = opened();
    profile.cookie = "";
    await client.login({ username: "ada", password: "x" });
    await client.refresh();
    await client.logout();
    for (const what of [LOGIN, REFRESH, LOGOUT]) {
      assert.equal(profile.service.last(what).csrf, "fetched", what);
    }
  });

  it("is fetched anew once when it is stale, and the request sent again whole", async () => {
    const { profile, client } = opened();
    profile.service.next("PUT /x", reply(403, JSON_403));
    const response = await client.request("/x", { method: "PUT", body: "text" });
    assert.equal(response.status, 200);
    const sent = profile.service.seen.filter(({ what }) => what === "PUT /x");
    assert.deepEqual(sent.map(({ csrf, body }) => [csrf, body]), [
      ["from-cookie", "text"],
      ["fetched", "text"],
    ]);
  });

  it("is not fetched for ever: a second refusal is the caller's", async () => {
    const { profile, client } = opened();
    profile.service.next("PUT /x", reply(403, JSON_403), reply(403, JSON_403));
    assert.equal((await client.request("/x", { method: "PUT" })).status, 403);
    assert.equal(profile.service.count("PUT /x"), 2);
  });

  it("has nothing to do with other refusals", async () => {
    const { profile, client } = opened();
    profile.service.next("PUT /x", reply(403, { code: "permission_denied" }));
    assert.equal((await client.request("/x", { method: "PUT" })).status, 403);
    assert.equal(profile.service.count("PUT /x"), 1);
  });
});

it("an address that is none is refused at once", () => {
  const profile = new Profile();
  assert.throws(() => profile.tab({ base: "https://" }), TypeError);
  assert.throws(() => profile.tab({ origins: ["files.example"] }), TypeError);
});

function opened(options) {
  const profile = new Profile();
  profile.service.cookies = options?.mode === "cookies";
  profile.service.valid.add("any");
  const { client } = profile.tab(options);
  return { profile, client };
}

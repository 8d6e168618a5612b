// What several tabs do together: refresh once, log in and out together, never mix up users.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { gate, LOGIN, LOGOUT, Profile, REFRESH, reply, settle, stayAwake } from "./support.js";

const ADA = { username: "ada", password: "secret" };

describe("five tabs with four requests each", () => {
  for (const [title, kind, wanted] of [
    ["with locks and channels", {}, 1],
    ["without locks", { locks: false }, 1],
    ["without channels", { channels: false }, 5],
    ["without either", { locks: false, channels: false }, 5],
  ]) {
    it(`refresh ${wanted} times ${title}`, async () => {
      const { profile, service, tabs } = await opened(5, kind);
      let atOnce = 0;
      let most = 0;
      for (let n = 0; n < 5; n += 1) {
        service.next(REFRESH, async () => {
          most = Math.max(most, (atOnce += 1));
          await settle();
          atOnce -= 1;
          return service.grant();
        });
      }
      profile.time += 280_000;
      const before = service.count(REFRESH);
      const all = [];
      for (const { client } of tabs) {
        for (const path of ["/a", "/b", "/c", "/d"]) all.push(client.request(path));
        // Without locks, tabs that begin in the same instant cannot see each other.
        if (!profile.locks) await settle();
      }
      assert.ok((await Promise.all(all)).every(({ ok }) => ok));
      assert.equal(service.count(REFRESH) - before, wanted);
      if (profile.locks) assert.equal(most, 1, "never two at the same time");
    });
  }

  it("refresh once when none of them has a token yet", async () => {
    const profile = new Profile();
    const tabs = Array.from({ length: 5 }, () => profile.tab());
    const all = tabs.flatMap(({ client }) => ["/a", "/b"].map((path) => client.request(path)));
    assert.ok((await Promise.all(all)).every(({ ok }) => ok));
    assert.equal(profile.service.count(REFRESH), 1);
  });

  it("refresh once when a lock is faster than the news", async () => {
    const { profile, service, tabs } = await opened(2);
    const answer = gate();
    service.next(REFRESH, () => answer.passed);
    profile.time += 280_000;
    const first = tabs[0].client.request("/a");
    await settle();
    const second = tabs[1].client.request("/b");
    await settle();
    profile.slow = true;
    answer.open(service.grant());
    await first;
    await settle();
    profile.deliver();
    assert.ok((await second).ok);
    assert.equal(service.count(REFRESH), 2, "one at the beginning, one now");
  });
});

describe("a lock", () => {
  it("that a frozen tab never gives back holds up nobody for ever", async (test) => {
    stayAwake(test);
    const { profile, service, tabs } = await opened(2, {}, { timeout: 20 });
    service.next(REFRESH, () => new Promise(() => {}));
    profile.time += 400_000;
    const frozen = profile.platform();
    frozen.locks.request("portcullis false https://app.example", { signal: neverAborts() }, () =>
      gate().passed,
    );
    await settle();
    service.seen.length = 0;
    await assert.rejects(tabs[0].client.request("/a"), { code: "unreachable" });
    assert.ok((await tabs[1].client.request("/b")).ok);
  });

  it("is done without where the browser refuses it", async () => {
    const profile = new Profile();
    const platform = profile.platform();
    platform.locks.request = () => Promise.reject(new DOMException("no", "SecurityError"));
    profile.platform = () => platform;
    assert.ok((await profile.tab().client.request("/a")).ok);
  });

  it("is not held while the application is told", async () => {
    const profile = new Profile();
    const loggedIn = gate();
    const told = profile.tab({
      onEnded: () => loggedIn.open(told.client.login(ADA)),
    });
    await told.client.request("/a");
    profile.service.next("GET /a", reply(401));
    profile.service.next(REFRESH, reply(401));
    assert.equal((await told.client.request("/a")).status, 401);
    assert.deepEqual(await loggedIn.passed, { username: "ada" });
    assert.equal(told.client.session, "open");
  });
});

describe("a login", () => {
  it("opens the other tabs, with its user, and without a refresh", async () => {
    const profile = new Profile();
    const [here, there] = [profile.tab(), profile.tab()];
    profile.service.refreshable = false;
    await there.client.request("/x");
    await here.client.login(ADA);
    await settle();
    assert.deepEqual(there.logins, [{ username: "ada" }]);
    assert.deepEqual(here.logins, [], "the tab that logged in knows");
    assert.equal(there.client.session, "open");
    assert.ok((await there.client.request("/x")).ok);
    assert.equal(profile.service.count(REFRESH), 1);
  });

  it("ends what another tab had open", async () => {
    const { tabs } = await opened(2);
    await tabs[0].client.login(ADA);
    await settle();
    assert.deepEqual(tabs[1].ended, ["session_replaced"]);
    assert.deepEqual(tabs[1].logins, [{ username: "ada" }]);
  });

  it("that fails says so, and changes nothing", async () => {
    const { service, tabs } = await opened(2);
    service.next(LOGIN, reply(401, { code: "no_active_account" }));
    await assert.rejects(tabs[0].client.login(ADA), {
      code: "login_failed",
      message: "Name or password is wrong.",
      status: 401,
    });
    service.next(LOGIN, reply(429, {}, { "Retry-After": "90" }));
    await assert.rejects(tabs[0].client.login(ADA), {
      code: "throttled",
      message: "Too many attempts. Please try again in 90 s.",
      retryAfter: 90,
    });
    await settle();
    assert.deepEqual(tabs.map(({ client }) => client.session), ["open", "open"]);
    assert.deepEqual([...tabs[0].ended, ...tabs[1].ended], []);
  });

  it("waits for a refresh under way, whose cookie would replace its own", async () => {
    const { service, tabs } = await opened(2);
    const answer = gate();
    service.next(REFRESH, () => answer.passed);
    const refreshed = tabs[0].client.refresh();
    await settle();
    const login = tabs[1].client.login(ADA);
    await settle();
    assert.equal(service.count(LOGIN), 0);
    answer.open(service.grant());
    await Promise.all([refreshed, login]);
    assert.equal(service.seen.at(-1).what, LOGIN);
  });

  for (const locks of [true, false]) {
    it(`elsewhere: nothing is sent as its user that another began (locks: ${locks})`, async () => {
      const { service, tabs } = await opened(2, { locks });
      const answer = gate();
      service.next("POST /order", () => answer.passed);
      const order = tabs[0].client.request("/order", { method: "POST", body: "one" });
      await settle();
      service.user = "8";
      await tabs[1].client.login(ADA);
      await settle();
      answer.open(reply(401));
      await assert.rejects(order, { code: "session_replaced" });
      assert.equal(service.count("POST /order"), 1);
    });
  }

  it("that a frozen tab did not hear of is found by the user in the token", async () => {
    const { service, tabs } = await opened(1, { channels: false });
    service.valid.clear();
    service.user = "8";
    const order = tabs[0].client.request("/order", { method: "POST" });
    await assert.rejects(order, { code: "session_replaced" });
    await settle();
    assert.equal(service.count("POST /order"), 1);
    assert.deepEqual(tabs[0].ended, ["session_replaced"]);
    assert.equal(tabs[0].client.session, "open");
  });
});

describe("a logout", () => {
  it("ends every tab, and tells each once", async () => {
    const { service, tabs } = await opened(3);
    await tabs[1].client.logout();
    await settle();
    for (const { client, ended } of tabs) {
      assert.deepEqual(ended, ["logged_out"]);
      assert.equal(client.session, "over");
    }
    const before = service.count(REFRESH);
    for (const { client } of tabs) assert.equal((await client.request("/x")).status, 401);
    assert.equal(service.count(REFRESH), before);
    assert.equal(service.last("GET /x").token, null);
  });

  it("in two tabs at once is told once in each", async () => {
    const { tabs } = await opened(2);
    await Promise.all(tabs.map(({ client }) => client.logout()));
    await settle();
    assert.deepEqual(tabs.map(({ ended }) => ended), [["logged_out"], ["logged_out"]]);
  });

  it("shows the access token, so that the service can deny it", async () => {
    const { service, tabs } = await opened(1);
    await tabs[0].client.logout();
    assert.equal(service.last(LOGOUT).token, service.token);
  });

  it("that fails is none: the user has to know", async () => {
    for (const [answer, code] of [
      [reply(503), "unavailable"],
      [new TypeError("Failed to fetch"), "unreachable"],
    ]) {
      const { service, tabs } = await opened(2);
      service.next(LOGOUT, answer);
      await assert.rejects(tabs[0].client.logout(), { code });
      await settle();
      assert.deepEqual(tabs.map(({ client }) => client.session), ["open", "open"]);
    }
  });

  for (const locks of [true, false]) {
    it(`is not undone by a refresh that was under way (locks: ${locks})`, async () => {
      const { service, tabs } = await opened(2, { locks });
      const answer = gate();
      service.next(REFRESH, () => answer.passed);
      const refreshed = tabs[0].client.refresh();
      await settle();
      const logout = tabs[0].client.logout();
      await settle();
      answer.open(service.grant());
      await Promise.all([refreshed, logout]);
      await settle();
      assert.deepEqual(tabs.map(({ client }) => client.session), ["over", "over"]);
    });
  }

  it("is not undone by news that come late", async () => {
    const { profile, tabs } = await opened(2);
    profile.slow = true;
    await tabs[0].client.refresh();
    const late = profile.held.splice(0);
    profile.slow = false;
    await tabs[1].client.logout();
    for (const send of late) send();
    assert.equal(tabs[1].client.session, "over");
  });
});

describe("a session that was refused", () => {
  it("in one tab is over in all, told once in each", async () => {
    const { service, tabs } = await opened(3);
    service.valid.clear();
    service.refreshable = false;
    await Promise.all(tabs.map(({ client }) => client.request("/x")));
    await settle();
    for (const { ended } of tabs) assert.deepEqual(ended, ["session_ended"]);
    assert.equal(service.count(REFRESH), 2, "one at the beginning, one now");
  });
});

describe("a page", () => {
  it("that comes back from the back/forward cache asks whether the session goes on", async () => {
    const { service, tabs } = await opened(1);
    service.refreshable = false;
    tabs[0].told.comeBack();
    await settle();
    assert.deepEqual(tabs[0].ended, ["session_ended"]);
  });

  it("that comes back without a session asks nothing", async () => {
    const profile = new Profile();
    profile.tab().told.comeBack();
    await settle();
    assert.deepEqual(profile.service.seen, []);
  });

  it("whose client is closed hears and tells nothing more", async () => {
    const { service, tabs } = await opened(2);
    tabs[0].client.close();
    await tabs[1].client.logout();
    await tabs[1].client.login(ADA);
    tabs[0].told.comeBack();
    await settle();
    assert.deepEqual([tabs[0].ended, tabs[0].logins], [[], []]);
    assert.equal(tabs[0].client.session, "over");
    assert.equal(tabs[0].told.isListening(), false);
    assert.equal(service.count(REFRESH), 1);
  });

  it("for another service, or in another mode, keeps to itself", async () => {
    const { profile, tabs } = await opened(1);
    const others = [profile.tab({ base: "https://api.example" }), profile.tab({ mode: "cookies" })];
    await tabs[0].client.logout();
    await settle();
    for (const { client, ended } of others) {
      assert.deepEqual([client.session, ended], ["unknown", []]);
    }
  });
});

/** Tabs that all have the same token already. */
async function opened(count, kind, options) {
  const profile = new Profile(kind);
  const tabs = Array.from({ length: count }, () => profile.tab(options));
  for (const { client } of profile.channels ? tabs.slice(0, 1) : tabs) await client.request("/x");
  await settle();
  profile.service.seen = profile.service.seen.filter(({ what }) => what === REFRESH).slice(0, 1);
  assert.ok(tabs.every(({ client }) => client.session === "open"));
  return { profile, service: profile.service, tabs };
}

const neverAborts = () => new AbortController().signal;

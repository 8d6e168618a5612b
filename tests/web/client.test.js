// The browser client in a real browser, against the real service: one session, several tabs.

import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { after, afterEach, before, describe, it } from "node:test";

import { launch } from "./support/browser.js";
import { start } from "./support/chat.js";
import { startSite } from "./support/site.js";
import { openTabs, until } from "./support/tabs.js";

const ROOM = ["--rate-limit", "10000/1s", "--login-limit", "64/15m", "--refresh-limit", "64/1s"];
const IN_BODY = [...ROOM, "--delivery", "access-in-body"];

let browser, site, tabs;

before(async () => {
  browser = await launch();
  site = await startSite();
});

after(async () => {
  await site?.stop();
  await browser?.close();
});

afterEach(async () => {
  await tabs?.context.close();
  tabs = undefined;
});

/** Starts the service for one `describe`. */
function service(flags) {
  let chat;
  before(async () => {
    chat = await start(flags);
    site.forwardTo(chat.address);
  });
  after(() => chat?.stop());
  return () => chat;
}

describe("with the access token in memory", () => {
  service(IN_BODY);

  it("logs in, and shows the token to its own origin alone", async () => {
    tabs = await openTabs(browser, site, 1);
    const [page] = tabs.pages;
    assert.deepEqual(await outcome(page, () => window.client.json("/api/auth/me/")), {
      name: "ClientError",
      code: "login_required",
      message: "Please log in.",
      status: 0,
    });
    assert.equal((await tabs.login()).value.username, "demo");
    const me = await outcome(page, () => window.client.json("/api/auth/me/"));
    assert.equal(me.value.user.username, "demo");
    const asked = tabs.sent.findLast((request) => request.url().endsWith("/api/auth/me/"));
    assert.match((await asked.allHeaders()).authorization, /^Bearer eyJ/);
    for (const request of tabs.sent) assert.doesNotMatch(request.url(), /eyJ|portcullis$/);
  });

  it("keeps nothing that another page could find", async () => {
    tabs = await openTabs(browser, site, 1);
    await tabs.login();
    await tabs.callAll();
    const kept = await tabs.pages[0].evaluate(async () => ({
      storages: localStorage.length + sessionStorage.length,
      databases: (await indexedDB.databases()).length,
      cookies: document.cookie,
      globals: Object.values(window.client).map(String).join(),
    }));
    assert.deepEqual([kept.storages, kept.databases], [0, 0]);
    assert.match(kept.cookies, /^csrftoken=\w+$/);
    assert.doesNotMatch(kept.globals, /eyJ/);
    const names = (await tabs.context.cookies()).map(({ name }) => name).sort();
    assert.ok(!names.includes("access_token"), String(names));
  });

  it("gives the pieces of an answer one by one", async () => {
    tabs = await openTabs(browser, site, 1);
    const [page] = tabs.pages;
    await tabs.login();
    let events = 0;
    site.meter = async (piece) => {
      events += piece.split("\n\n").length - 1;
      // The next piece leaves only when the page has seen this one: collected, none would follow.
      await until(page, (wanted) => window.pieces.length >= wanted, events);
    };
    try {
      assert.deepEqual(await outcome(page, () => window.ask("a b c")), { value: undefined });
    } finally {
      site.meter = async () => {};
    }
    const pieces = await page.evaluate(() => window.pieces);
    assert.ok(pieces.length > 10, String(pieces.length));
    assert.equal(pieces.at(-1).event, "done");
    const text = pieces.slice(0, -1).map(({ data }) => JSON.parse(data).text).join("");
    assert.match(text, /^You said: “a b c”/);
  });

  it("refreshes once for twenty requests of five tabs when the token is about to end", async () => {
    tabs = await openTabs(browser, site, 5);
    await tabs.login();
    for (const page of tabs.pages) await tabs.until(page, "open");
    const before = tabs.refreshes();
    await tabs.clockAt(250_000);
    assert.deepEqual(await tabs.callAll(), Array(20).fill(200));
    assert.equal(tabs.refreshes() - before, 1);
  });

  it("refreshes once when five tabs are loaded anew", async () => {
    tabs = await openTabs(browser, site, 5);
    await tabs.login();
    await tabs.load();
    const before = tabs.refreshes();
    assert.deepEqual(await tabs.callAll(), Array(20).fill(200));
    assert.equal(tabs.refreshes() - before, 1);
  });

  it("logs all tabs out with one, and leaves no cookie that opens anything", async () => {
    tabs = await openTabs(browser, site, 3);
    await tabs.login();
    for (const page of tabs.pages) await tabs.until(page, "open");
    assert.deepEqual(await outcome(tabs.pages[1], () => window.client.logout()), {
      value: undefined,
    });
    for (const page of tabs.pages) {
      await tabs.until(page, "over");
      await until(page, () => window.ended.length > 0);
      assert.deepEqual((await tabs.ended(page)).at(-1), "logged_out");
    }
    const names = (await tabs.context.cookies()).map(({ name }) => name);
    assert.ok(!names.includes("refresh_token"), String(names));
    assert.deepEqual(new Set(await tabs.callAll()), new Set([401]));
    const stored = await tabs.pages[0].evaluate(() => localStorage.length + sessionStorage.length);
    assert.equal(stored, 0);
  });

  it("logs other tabs in, and tells them who", async () => {
    tabs = await openTabs(browser, site, 2);
    await tabs.login(tabs.pages[1]);
    await until(tabs.pages[0], () => window.logins.length === 1);
    assert.equal(await tabs.pages[0].evaluate(() => window.logins[0].username), "demo");
    const before = tabs.refreshes();
    assert.deepEqual(new Set(await tabs.callAll()), new Set([200]));
    assert.equal(tabs.refreshes(), before);
  });

  it("ends a stream with its session, and says so", async () => {
    tabs = await openTabs(browser, site, 2);
    const [page, other] = tabs.pages;
    await tabs.login();
    const long = "word ".repeat(800);
    const asked = page.evaluate((text) => window.outcome(window.ask(text)), long);
    await until(page, () => window.pieces.length > 0);
    await other.evaluate(() => window.client.logout());
    const { code, message } = await asked;
    assert.equal(code, "session_ended");
    assert.equal(message, "Your session has ended. Please log in again.");
  });

  it("sends no credentials to another origin, nor along a redirect to it", async () => {
    tabs = await openTabs(browser, site, 1);
    const [page] = tabs.pages;
    await tabs.login();
    const heard = [];
    const stranger = http.createServer((request, response) => {
      heard.push(request);
      response.writeHead(request.method === "OPTIONS" ? 204 : 200, {
        "Access-Control-Allow-Origin": request.headers.origin ?? "*",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Headers": "authorization, x-csrftoken, content-type",
        "Access-Control-Allow-Methods": "POST",
      });
      response.end("{}");
    });
    stranger.listen(0, "127.0.0.1");
    await once(stranger, "listening");
    try {
      const foreign = `http://localhost:${stranger.address().port}/`;
      const post = (url) =>
        page.evaluate(
          (to) => window.outcome(window.client.request(to, { method: "POST" }).then((r) => r.status)),
          url,
        );
      assert.deepEqual(await post(foreign), { value: 200 });
      assert.deepEqual(heard.map(({ method }) => method), ["POST"]);
      assert.equal(heard[0].headers.authorization, undefined);
      assert.equal(heard[0].headers["x-csrftoken"], undefined);
      site.redirect = foreign;
      assert.equal((await post("/away")).code, "unreachable");
      assert.equal(heard.length, 1, "nothing arrived there");
    } finally {
      stranger.close();
    }
  });
});

describe("when tokens live for four seconds", () => {
  const chat = service([...IN_BODY, "--access-ttl", "4s"]);

  it("twenty requests of five tabs that are refused refresh once", async () => {
    tabs = await openTabs(browser, site, 5);
    await tabs.clockAt(0); // for the pages no time passes, so none sees the token's end come
    await tabs.login();
    for (const page of tabs.pages) await tabs.until(page, "open");
    await tabs.callAll();
    await untilRefused(`http://${chat().address}`);
    const before = tabs.refreshes();
    assert.deepEqual(await tabs.callAll(), Array(20).fill(200));
    assert.equal(tabs.refreshes() - before, 1);
  });

  it("an upload that is refused goes out again, whole", async () => {
    tabs = await openTabs(browser, site, 1);
    await tabs.clockAt(0);
    await tabs.login();
    await tabs.callAll();
    await untilRefused(`http://${chat().address}`);
    const { value } = await outcome(tabs.pages[0], () => {
      const body = "x".repeat(10_000);
      const request = new Request("/api/echo/", { method: "POST", body });
      return window.client.request(request).then((response) => response.json());
    });
    assert.equal(value.source, "bearer");
    const arrived = site.received.filter(({ what }) => what === "POST /api/echo/");
    assert.deepEqual(arrived.slice(-2).map(({ bytes }) => bytes), [10_000, 10_000]);
  });
});

describe("for a page of another origin", () => {
  let chat;
  before(async () => {
    chat = await start([...IN_BODY, "--trusted-origin", site.url]);
    site.forwardTo(undefined);
  });
  after(() => chat?.stop());

  it("logs in, refreshes once for its tabs, streams and logs out all the same", async () => {
    tabs = await openTabs(browser, site, 2, { base: `http://${chat.address}` });
    const [page, other] = tabs.pages;
    assert.equal((await tabs.login()).value.username, "demo");
    await tabs.until(other, "open");
    await tabs.clockAt(250_000);
    const before = tabs.refreshes();
    assert.deepEqual(await tabs.callAll(), Array(8).fill(200));
    assert.equal(tabs.refreshes() - before, 1);
    assert.deepEqual(await outcome(page, () => window.ask("hello")), { value: undefined });
    assert.deepEqual(await outcome(page, () => window.client.logout()), { value: undefined });
    await tabs.until(other, "over");
  });
});

describe("when a copied refresh token is used", () => {
  service([...IN_BODY, "--overlap", "1s"]);

  it("the session ends in every tab, which is told once", async () => {
    tabs = await openTabs(browser, site, 3);
    await tabs.login();
    for (const page of tabs.pages) await tabs.until(page, "open");
    const stolen = await refreshCookie();
    // Two generations on, it is neither the current one nor its parent.
    for (let generation = 0; generation < 2; generation += 1) {
      const { value } = await refreshCookie();
      do await outcome(tabs.pages[0], () => window.client.refresh());
      while ((await refreshCookie()).value === value);
    }
    await tabs.context.addCookies([stolen]);
    let refused;
    // So many refreshes in so few seconds may have met the limit.
    do refused = await outcome(tabs.pages[1], () => window.client.refresh());
    while (refused.code === "throttled");
    assert.deepEqual(refused, { value: false });
    for (const page of tabs.pages) {
      await until(page, () => window.client.session === "over" && window.ended.length);
      assert.deepEqual(await page.evaluate(() => window.ended), [
        { code: "session_ended", message: "Your session has ended. Please log in again." },
      ]);
    }
  });
});

describe("with both tokens in cookies", () => {
  service(ROOM);

  it("sees no token, and refreshes once for five tabs when the access cookie is gone", async () => {
    tabs = await openTabs(browser, site, 5, { mode: "cookies" });
    await tabs.login();
    for (const page of tabs.pages) await tabs.until(page, "open");
    assert.match(await tabs.pages[0].evaluate(() => document.cookie), /^csrftoken=\w+$/);
    await tabs.context.clearCookies({ name: "access_token" });
    const before = tabs.refreshes();
    assert.deepEqual(await tabs.callAll(), Array(20).fill(200));
    assert.equal(tabs.refreshes() - before, 1);
    for (const request of tabs.sent) {
      assert.equal((await request.allHeaders()).authorization, undefined);
    }
  });

  it("proves with each unsafe request that it is not forged, and streams", async () => {
    tabs = await openTabs(browser, site, 1, { mode: "cookies" });
    const [page] = tabs.pages;
    await tabs.login();
    const echo = await outcome(page, () => window.client.json("/api/echo/", { json: {} }));
    assert.equal(echo.value.source, "cookie");
    await page.evaluate(() => {
      document.cookie = "csrftoken=; Path=/; Max-Age=0";
    });
    assert.deepEqual(await outcome(page, () => window.ask("hello")), { value: undefined });
    assert.equal((await page.evaluate(() => window.pieces)).at(-1).event, "done");
  });

  it("logs all tabs out with one", async () => {
    tabs = await openTabs(browser, site, 2, { mode: "cookies" });
    await tabs.login();
    await tabs.until(tabs.pages[1], "open");
    await tabs.pages[0].evaluate(() => window.client.logout());
    await tabs.until(tabs.pages[1], "over");
    const names = (await tabs.context.cookies()).map(({ name }) => name);
    assert.ok(!names.some((name) => /access|refresh/.test(name)), String(names));
  });
});

function outcome(page, call) {
  return page.evaluate(`window.outcome((${call})())`);
}

async function refreshCookie() {
  return (await tabs.context.cookies()).find(({ name }) => name === "refresh_token");
}

/** Asks the service with the token that the page sent last, until it has expired. */
async function untilRefused(url) {
  const asked = tabs.sent.findLast((request) => request.url().endsWith("/api/auth/me/"));
  const { authorization } = await asked.allHeaders();
  for (;;) {
    const { status } = await fetch(`${url}/api/auth/me/`, { headers: { authorization } });
    if (status === 401) return;
    assert.equal(status, 200);
  }
}

// The browser client when things are away: the service, its store, the network. And behind TLS.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, describe, it } from "node:test";

import { launch } from "./support/browser.js";
import { start, startInProduction } from "./support/chat.js";
import { startRedis } from "./support/redis.js";
import { clientOn, startSite } from "./support/site.js";
import { openTabs } from "./support/tabs.js";

let browser, tabs;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

afterEach(async () => {
  await tabs?.context.close();
  tabs = undefined;
});

describe("a session whose store outlives the service", () => {
  let folder, redis, site, chat, flags;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "portcullis-web-"));
    [redis, site] = await Promise.all([startRedis(), startSite()]);
    const file = (name) => path.join(folder, name);
    flags = ["--redis", redis.url, "--database", file("chat.sqlite3")];
    flags.push("--user", "demo:portcullis", "--delivery", "access-in-body");
    for (const name of ["signing", "rotation"]) {
      await writeFile(file(`${name}.key`), randomBytes(32).toString("base64"));
      flags.push(`--${name}-key-file`, file(`${name}.key`));
    }
    await restart();
  });

  after(async () => {
    await chat?.stop();
    await Promise.all([redis?.stop(), site?.stop()]);
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  async function restart() {
    chat = await start(flags);
    site.forwardTo(chat.address);
  }

  it("goes on after a restart; while the service is down nothing is lost", async () => {
    tabs = await openTabs(browser, site, 2);
    const [page, other] = tabs.pages;
    await tabs.login();
    await tabs.until(other, "open");
    await chat.stop();
    site.forwardTo(undefined);
    await tabs.clockAt(400_000); // the tokens have expired meanwhile
    const away = await json(page, "/api/auth/me/");
    assert.equal(away.code, "unreachable");
    assert.equal(away.message, "The service cannot be reached. Please try again.");
    await nothingEnded();
    await restart();
    for (const one of tabs.pages) {
      assert.equal((await json(one, "/api/auth/me/")).value.user.username, "demo");
    }
    await nothingEnded();
  });

  it("goes on when the network comes back", async () => {
    tabs = await openTabs(browser, site, 1);
    const [page] = tabs.pages;
    await tabs.login();
    await tabs.clockAt(400_000);
    await tabs.context.setOffline(true);
    assert.equal((await json(page, "/api/auth/me/")).code, "unreachable");
    await nothingEnded();
    await tabs.context.setOffline(false);
    assert.equal((await json(page, "/api/auth/me/")).value.user.username, "demo");
    await nothingEnded();
  });

  it("goes on after the store was frozen, which the user is told as what it is", async () => {
    tabs = await openTabs(browser, site, 1);
    const [page] = tabs.pages;
    await tabs.login();
    redis.freeze();
    try {
      const refused = await refresh(page);
      assert.deepEqual([refused.code, refused.status], ["unavailable", 503]);
      assert.equal(refused.message, "The service is busy. Please try again.");
      assert.equal((await logout(page)).code, "unavailable", "nor is a logout what did not happen");
      await nothingEnded();
    } finally {
      redis.thaw();
    }
    // The service needs a moment to find its store again.
    while ((await refresh(page)).code === "unavailable");
    assert.deepEqual(await refresh(page), { value: true });
    await nothingEnded();
  });

  async function nothingEnded() {
    for (const page of tabs.pages) {
      assert.equal(await tabs.session(page), "open");
      assert.deepEqual(await tabs.ended(page), []);
    }
  }
});

describe("behind TLS, with cookies that only this host can set", () => {
  let chat;

  before(async () => {
    chat = await startInProduction();
  });

  after(() => chat?.stop());

  it("logs in, proves its requests, refreshes, and logs out of all devices", async () => {
    tabs = await openTabs(browser, clientOn(chat.url), 2, { mode: "cookies" });
    const [page, other] = tabs.pages;
    assert.equal((await tabs.login()).value.username, "demo");
    await tabs.until(other, "open");
    assert.match(await page.evaluate(() => document.cookie), /^__Host-csrftoken=\w+$/);
    await tabs.context.clearCookies({ name: "__Host-access_token" });
    const { value } = await json(page, "/api/auth/logout-all/", { method: "POST" });
    assert.equal(value.confirmed, true);
    assert.equal(tabs.refreshes(), 1);
    assert.deepEqual(await logout(page), { value: undefined });
    await tabs.until(other, "over");
    assert.deepEqual(await tabs.ended(other), ["logged_out"]);
    assert.equal((await json(page, "/api/auth/me/")).code, "logged_out");
    const stored = await page.evaluate(() => localStorage.length + sessionStorage.length);
    assert.equal(stored, 0);
  });
});

const json = (page, to, init) =>
  page.evaluate(([url, given]) => window.outcome(window.client.json(url, given)), [to, init]);
const refresh = (page) => page.evaluate(() => window.outcome(window.client.refresh()));
const logout = (page) => page.evaluate(() => window.outcome(window.client.logout()));

// A user's way through the page in a real browser: log in, talk, reload, see the sessions, log out.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { launch, open, picture } from "./support/browser.js";
import { startInDevelopment, startInProduction } from "./support/chat.js";

const MESSAGE = "Hello there <b>bold</b>";

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

walk("in development mode", startInDevelopment, { prefix: "", secure: false });
walk("behind TLS with host cookies", startInProduction, { prefix: "__Host-", secure: true });

function walk(title, start, { prefix, secure }) {
  describe(title, () => {
    let chat, context, page, complaints;

    before(async () => {
      chat = await start();
      ({ context, page, complaints } = await open(browser));
    });

    after(async () => {
      await context?.close();
      await chat?.stop();
    });

    const shot = (name) => picture(page, `${secure ? "tls" : "plain"}-${name}`);
    const cookies = async () => {
      const found = await context.cookies();
      return Object.fromEntries(found.map((cookie) => [cookie.name, cookie]));
    };

    it("shows a stranger the login alone", async () => {
      await page.goto(chat.url);
      await page.locator("#login").waitFor();
      assert.equal(await page.locator("#chat").isVisible(), false);
      assert.equal(await page.locator("#account").isVisible(), false);
      assert.equal(await page.evaluate(() => document.activeElement.id), "username");
      await shot("login");
    });

    it("says that the name or the password is wrong, and not which", async () => {
      await logIn(page, "not the password");
      await page.getByRole("alert").filter({ hasText: "Name or password is wrong." }).waitFor();
      assert.equal(await page.locator("#chat").isVisible(), false);
      await shot("wrong-password");
    });

    it("logs in with the right one", async () => {
      await logIn(page, "portcullis");
      await page.locator("#chat").waitFor();
      assert.equal(await page.locator("#name").textContent(), "demo");
      assert.equal(await page.getByRole("alert").isVisible(), false);
      assert.equal(await page.locator("#password").inputValue(), "", "no password stays behind");
      await page.locator("#empty").waitFor();
    });

    it("keeps the tokens in cookies that no script can read", async () => {
      const found = await cookies();
      for (const name of ["access_token", "refresh_token"]) {
        const cookie = found[prefix + name];
        assert.ok(cookie, `${prefix + name} is among ${Object.keys(found)}`);
        assert.equal(cookie.httpOnly, true, name);
      }
      for (const cookie of Object.values(found)) {
        assert.equal(cookie.secure, secure, cookie.name);
        assert.ok(["Lax", "Strict"].includes(cookie.sameSite), cookie.name);
      }
      const readable = await page.evaluate(() => document.cookie);
      assert.match(readable, new RegExp(`^${prefix}csrftoken=[^;]+$`));
      const stored = await page.evaluate(() => localStorage.length + sessionStorage.length);
      assert.equal(stored, 0, "nothing is kept in storage");
    });

    it("shows an answer piece by piece, and markup as text", async () => {
      const lengths = await answerTo(page, MESSAGE);
      assert.ok(lengths.length > 5, `seen while it grew: ${lengths}`);
      assert.equal(await page.locator("#messages li").count(), 2);
      assert.match(await page.locator("li.user").textContent(), /<b>bold<\/b>/);
      assert.match(await page.locator("li.assistant").textContent(), /<b>bold<\/b>/);
      assert.equal(await page.locator("#messages b").count(), 0);
      assert.equal(await page.evaluate(() => document.activeElement.id), "message");
      await shot("answer");
    });

    it("is still logged in after a reload, with its history", async () => {
      await page.reload();
      await page.locator("#messages li").nth(1).waitFor();
      assert.equal(await page.locator("#messages li").count(), 2);
      assert.equal(await page.locator("#login").isVisible(), false);
    });

    it("gets new tokens without the user when the old one is gone", async () => {
      await context.clearCookies({ name: `${prefix}access_token` });
      await page.reload();
      await page.locator("#messages li").nth(1).waitFor();
      assert.ok((await cookies())[`${prefix}access_token`]);
    });

    it("lists the sessions, names its own, and ends another", async () => {
      const other = await open(browser);
      await other.page.goto(chat.url);
      await logIn(other.page, "portcullis");
      await other.page.locator("#chat").waitFor();

      await page.getByRole("button", { name: "My sessions" }).click();
      await page.locator("#session-list li").nth(1).waitFor();
      assert.equal(await page.locator("#session-list li").count(), 2);
      assert.equal(await page.locator("#session-list").getByText("this one").count(), 1);
      await shot("sessions");
      await page.getByRole("button", { name: /^End the session/ }).click();
      await page.locator("#session-list li").nth(1).waitFor({ state: "detached" });

      await other.page.reload();
      await other.page.locator("#login").waitFor();
      assert.deepEqual(other.complaints, []);
      await other.context.close();
    });

    it("logs out, and the tokens are gone", async () => {
      await page.getByRole("button", { name: "Log out", exact: true }).click();
      await page.locator("#login").waitFor();
      assert.equal(await page.locator("#messages li").count(), 0);
      const found = await cookies();
      assert.equal(found[`${prefix}access_token`], undefined);
      assert.equal(found[`${prefix}refresh_token`], undefined);
      await page.reload();
      await page.locator("#login").waitFor();
    });

    it("neither broke a policy nor complained on the console", () => {
      assert.deepEqual(complaints, []);
    });
  });
}

describe("on every screen", () => {
  let chat;

  before(async () => {
    chat = await startInDevelopment();
  });

  after(() => chat?.stop());

  for (const [name, options] of Object.entries({
    dark: { colorScheme: "dark" },
    narrow: { viewport: { width: 320, height: 640 }, isMobile: true },
    "narrow-dark": { viewport: { width: 320, height: 640 }, colorScheme: "dark" },
  })) {
    it(`fits and can be used: ${name}`, async () => {
      const { context, page, complaints } = await open(browser, options);
      await page.goto(chat.url);
      await page.locator("#login").waitFor();
      await fits(page);
      await picture(page, `${name}-login`);
      await logIn(page, "portcullis");
      await page.locator("#chat").waitFor();
      await answerTo(page, `An address: https://example.test/${"x".repeat(120)}`);
      await fits(page);
      await endsAboveTheForm(page);
      await picture(page, `${name}-answer`);
      await page.getByRole("button", { name: "My sessions" }).click();
      await page.locator("#session-list li").first().waitFor();
      await fits(page);
      await picture(page, `${name}-sessions`);
      assert.deepEqual(complaints, []);
      await context.close();
    });
  }

  it("runs no script that somebody slipped into the page", async () => {
    const { context, page, complaints } = await open(browser);
    await page.route(chat.url + "/", async (route) => {
      const response = await route.fetch();
      const slipped = "<script>window.ran = 1</script><img src=/x onerror='window.ran = 2'><main";
      await route.fulfill({ response, body: (await response.text()).replace("<main", slipped) });
    });
    await page.goto(chat.url);
    await page.locator("#login").waitFor();
    const refused = await page.evaluate(async () => {
      const told = new Promise((resolve) => {
        const note = (event) => resolve(event.violatedDirective);
        document.addEventListener("securitypolicyviolation", note, { once: true });
      });
      try {
        document.getElementById("main").innerHTML = "<img src=/x onerror='window.ran = 3'>";
        return "nothing";
      } catch {
        return told;
      }
    });
    assert.equal(refused, "require-trusted-types-for");
    const broken = complaints.filter((text) => text.startsWith("policy:")).join("\n");
    assert.match(broken, /script-src-elem inline/);
    assert.match(broken, /script-src-attr inline/);
    assert.equal(await page.evaluate(() => window.ran), undefined);
    await context.close();
  });
});

async function logIn(page, password) {
  await page.getByLabel("Name").fill("demo");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** Sends `message` by Enter; gives every length that the answer had while it was shown. */
async function answerTo(page, message) {
  await page.evaluate(() => {
    const seen = [0];
    window.lengths = seen;
    const look = () => {
      const answer = document.querySelector("#messages li.assistant:last-child span:last-child");
      const length = answer?.textContent.length ?? 0;
      if (length > seen.at(-1)) seen.push(length);
    };
    const watched = { childList: true, subtree: true, characterData: true };
    new MutationObserver(look).observe(document.getElementById("messages"), watched);
  });
  await page.getByLabel("Your message").fill(message);
  await page.getByLabel("Your message").press("Enter");
  await page.locator("#messages[aria-busy]").waitFor();
  await page.locator("#messages:not([aria-busy])").waitFor();
  return page.evaluate(() => window.lengths);
}

/** Nothing has to be scrolled sideways for, and everything can be hit with a finger. */
async function fits(page) {
  const [content, window_] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(content <= window_, `${content} px of content in ${window_} px`);
  for (const button of await page.getByRole("button").all()) {
    const box = await button.boundingBox();
    assert.ok(box.height >= 24 && box.width >= 24, `${await button.textContent()} is too small`);
  }
}

/** The last words of the answer are to be read without scrolling. */
async function endsAboveTheForm(page) {
  const answer = await page.locator("#messages li").last().boundingBox();
  const form = await page.locator("#ask").boundingBox();
  const [end, top] = [answer.y + answer.height, form.y];
  assert.ok(end <= top, `the answer ends at ${end} px, the form begins at ${top} px`);
}

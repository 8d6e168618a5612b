// Several tabs of one browser on a site with the browser client.

import { open } from "./browser.js";

/**
 * Waits until `check` holds in `page`. Playwright's own waiting needs `eval` later on, which the
 * page's policy forbids.
 */
export function until(page, check, wanted) {
  return page.evaluate(`(async () => {
    const check = ${check};
    for (let tries = 0; tries < 1000; tries += 1) {
      if (check(${JSON.stringify(wanted)})) return;
      await new Promise((next) => setTimeout(next, 20));
    }
    throw new Error("this never came true: " + check);
  })()`);
}

/** Opens `count` tabs of one profile, each with a client made from `options`. */
export async function openTabs(browser, site, count, options) {
  const { context, page, complaints } = await open(browser);
  await site.prepare?.(context);
  const sent = [];
  context.on("request", (request) => sent.push(request));
  const pages = [page];
  while (pages.length < count) pages.push(await context.newPage());
  const tabs = { context, pages, complaints, sent };
  tabs.load = async () => {
    for (const one of pages) {
      await one.goto(site.page);
      await until(one, () => window.ready);
      await one.evaluate((given) => window.start(given), options);
    }
  };
  tabs.refreshes = () =>
    sent.filter(
      // Before one to another origin the browser asks whether it may.
      (one) => one.method() === "POST" && new URL(one.url()).pathname === "/api/auth/refresh/",
    ).length;
  /** Four requests in each tab at once; every status that came back. */
  tabs.callAll = async (path = "/api/auth/me/") => {
    const paths = Array(4).fill(path);
    const all = pages.map((one) => one.evaluate((given) => window.statuses(given), paths));
    return (await Promise.all(all)).flat();
  };
  tabs.login = (one = pages[0]) =>
    one.evaluate(() =>
      window.outcome(window.client.login({ username: "demo", password: "portcullis" })),
    );
  tabs.ended = (one) => one.evaluate(() => window.ended.map(({ code }) => code));
  tabs.session = (one) => one.evaluate(() => window.client.session);
  /** Waits until the client of `one` says so. */
  tabs.until = (one, session) =>
    until(one, (wanted) => window.client.session === wanted, session);
  /** Lets every page's clock stand at `milliseconds` from now. */
  tabs.clockAt = (milliseconds) => context.clock.setFixedTime(Date.now() + milliseconds);
  await tabs.load();
  return tabs;
}

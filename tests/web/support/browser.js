// A fresh Chromium, and a page that remembers everything it complained about.

import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import path from "node:path";

import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The browser that `CHROMIUM` names, or the first one on `PATH`. */
function program() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of NAMES) {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    } catch {
      // the next one
    }
  }
  throw new Error(`none of ${NAMES.join(", ")} is on PATH; set CHROMIUM to a browser`);
}

/** Starts the browser with an empty profile. */
export function launch() {
  // As root, which is who runs tests in containers, Chromium has no sandbox.
  const chromiumSandbox = process.getuid?.() !== 0;
  return chromium.launch({ executablePath: program(), chromiumSandbox, args: FLAGS });
}

/** Opens a page in a context of its own, with a list that its complaints go to. */
export async function open(browser, options) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  const complaints = [];
  await context.exposeBinding("complain", (_, text) => complaints.push(text));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.complain(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  const page = await context.newPage();
  page.on("pageerror", (problem) => complaints.push(`error: ${problem.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    // Chromium notes every 401 there, and asking who is logged in is how the page finds out.
    const refused = message.text().includes("the server responded with a status of 401");
    const asked = /\/api\/auth\/(me|refresh|login)\/$/.test(message.location().url);
    if (!(refused && asked)) complaints.push(`console: ${message.text()}`);
  });
  return { context, page, complaints };
}

/** Keeps a picture of the page in the folder that `SCREENSHOTS` names, if any. */
export async function picture(page, name) {
  if (!process.env.SCREENSHOTS) return;
  // npm runs this in another folder than the one the name was typed in.
  const folder = path.resolve(process.env.INIT_CWD ?? ".", process.env.SCREENSHOTS);
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
}

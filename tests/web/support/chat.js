// The chat service as a child process, alone or behind a front that ends TLS.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { startFront } from "./front.js";

const BUILT = fileURLToPath(new URL("../../../target/debug/portcullis-chat", import.meta.url));
const PROGRAM = path.resolve(process.env.PORTCULLIS_CHAT ?? BUILT);
const START_MS = 60_000;

/** Starts the service in development mode, over plain http. */
export async function startInDevelopment() {
  const { address, stop } = await start([]);
  return { url: `http://${address}`, stop };
}

/**
 * Starts the service as it runs in production: behind a proxy that ends TLS, with keys, with
 * cookies that only this host can set.
 */
export async function startInProduction() {
  const front = await startFront();
  const flags = ["--public-origin", front.url, "--trusted-proxy", "127.0.0.1/32"];
  const user = ["--user", "demo:portcullis", "--cookie-profile", "host"];
  try {
    for (const name of ["signing", "rotation"]) {
      const file = path.join(front.folder, `${name}.key`);
      await writeFile(file, randomBytes(32).toString("base64"));
      flags.push(`--${name}-key-file`, file);
    }
    const chat = await start([...flags, ...user]);
    front.forwardTo(Number(chat.address.split(":").at(-1)));
    const stop = async () => {
      await chat.stop();
      await front.stop();
    };
    return { ...front, stop };
  } catch (problem) {
    await front.stop();
    throw problem;
  }
}

/** Runs the program on a free port until `stop`; it names its address when it is ready. */
export async function start(flags) {
  const environment = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("PORTCULLIS_") && name !== "RUST_LOG",
  );
  const child = spawn(PROGRAM, ["--listen", "127.0.0.1:0", ...flags], {
    env: { ...Object.fromEntries(environment), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close").catch(() => {});
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  try {
    return { address: await named(child), stop };
  } catch (problem) {
    await stop();
    throw problem;
  }
}

/** The first address of loopback that the program names: the banner on stdout, or the log. */
function named(child) {
  const said = [];
  return new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${PROGRAM} ${why}; it said:\n${said.join("\n")}`));
    const timer = setTimeout(fail, START_MS, "does not start");
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        if (said.length < 50) said.push(line);
        const address = /(?:http:\/\/|serving.*address=)(127\.0\.0\.1:\d+)/.exec(line)?.[1];
        if (!address) return;
        clearTimeout(timer);
        resolve(address);
      });
    }
    child.on("error", (problem) => fail(`cannot be run (${problem.message})`));
    child.on("close", (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
  });
}

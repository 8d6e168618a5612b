// What is shipped: how large it is, what it needs, what it never touches.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { it } from "node:test";
import { gzipSync } from "node:zlib";

/** The core, gzipped: 3 kB. */
const MOST_BYTES = 3_000;

const read = (path) => readFile(new URL(`../${path}`, import.meta.url), "utf8");

it(`the core has at most ${MOST_BYTES} bytes, gzipped`, async (test) => {
  for (const file of ["client.js", "stream.js", "axios.js"]) {
    const bytes = gzipSync(await read(`dist/${file}`), { level: 9 }).length;
    test.diagnostic(`${file}: ${bytes} bytes gzipped`);
    if (file === "client.js") assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
  }
});

it("the core imports nothing, the others the core alone", async () => {
  const imports = async (file) => [...(await read(file)).matchAll(/from\s*"([^"]+)"/g)];
  assert.deepEqual(await imports("dist/client.js"), []);
  assert.deepEqual((await imports("dist/stream.js")).map(([, from]) => from), ["./client.js"]);
  assert.deepEqual(await imports("dist/axios.js"), []);
  const { dependencies, devDependencies } = JSON.parse(await read("package.json"));
  assert.equal(dependencies, undefined);
  for (const [name, version] of Object.entries(devDependencies)) {
    assert.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned`);
  }
});

it("nothing that is shipped names a storage or the console", async () => {
  for (const file of ["client.js", "stream.js", "axios.js"]) {
    const text = await read(`dist/${file}`);
    assert.doesNotMatch(text, /localStorage|sessionStorage|indexedDB|caches|console/, file);
  }
});

it("the lock file and the settings of npm name no registry", async () => {
  assert.doesNotMatch(await read("package-lock.json"), /"resolved"|https?:\/\/registry/);
  assert.doesNotMatch(await read(".npmrc"), /registry\s*=|\/\//);
});

it("sources stay below 400 lines and within 100 columns", async () => {
  const folders = ["src", "test"];
  for (const folder of folders) {
    for (const name of await readdir(new URL(`../${folder}`, import.meta.url))) {
      if (!/\.(ts|js)$/.test(name)) continue;
      const lines = (await read(`${folder}/${name}`)).split("\n");
      assert.ok(lines.length <= 400, `${name} has ${lines.length} lines`);
      const long = lines.findIndex((line) => [...line].length > 100);
      assert.equal(long, -1, `${name}:${long + 1} is too long`);
    }
  }
});

// Bundles the entries into dist/, minified: what is measured is what is shipped.

import { build } from "esbuild";

const shared = {
  outdir: "dist",
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
};

await build({ ...shared, entryPoints: { client: "src/index.ts" } });
// Beside it, since an error has to be an instance of the one class.
const beside = { name: "client.js", setup: external };
await build({ ...shared, entryPoints: ["src/stream.ts", "src/axios.ts"], plugins: [beside] });

function external(bundle) {
  bundle.onResolve({ filter: /^\.\/index\.js$/ }, () => ({ path: "./client.js", external: true }));
}

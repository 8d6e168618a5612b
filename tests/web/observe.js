// Runs the rules of the MDN HTTP Observatory on a host and prints the grade as JSON.
//
// node observe.js HOST PORT, with NODE_EXTRA_CA_CERTS naming the authority of the certificate,
// which Node.js reads only at its start. The package's own scan() knows no ports, so this adds up
// what the same tests find, by the same table. Nothing leaves the machine.

import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const main = createRequire(import.meta.url).resolve("@mdn/mdn-http-observatory");
const source = path.dirname(main);
const load = (name) => import(pathToFileURL(path.join(source, name)).href);

// The list of preloaded hosts, which the package would download: none of ours is in it.
await writeFile(path.join(source, "..", "conf", "hsts-preload.json"), "{}\n");

const { ALL_TESTS } = await load("constants.js");
const { MINIMUM_SCORE_FOR_EXTRA_CREDIT: EXTRA_FROM } = await load("grader/charts.js");
const { getGradeForScore, getScoreModifier } = await load("grader/grader.js");
const { retrieve } = await load("retriever/retriever.js");

const [host, port] = process.argv.slice(2);
const answers = await retrieve(host, { httpPort: Number(port), httpsPort: Number(port) });
const results = ALL_TESTS.map((test) => test(answers)).map((found) => ({
  name: found.constructor.name,
  result: found.result,
  pass: found.pass,
  modifier: getScoreModifier(found.result),
}));
const add = (list) => list.reduce((score, { modifier }) => score + modifier, 100);
const withoutExtra = add(results.filter(({ modifier }) => modifier < 0));
const score = withoutExtra >= EXTRA_FROM ? add(results) : withoutExtra;
const { status } = answers.responses.auto;
console.log(JSON.stringify({ status, score, grade: getGradeForScore(score).grade, results }));

// What `npm test` runs: the packages that the suites drive, then every check, the unit tests and the suites that need more
// than one package. Nothing stops at the first failure. The last line tells how many tests passed and failed.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const reports = mkdtempSync(join(tmpdir(), "sluice-reports-"));
process.once("exit", () => rmSync(reports, { recursive: true, force: true }));

const total = { passed: 0, failed: 0, skipped: 0 };
const faults = [];
const failures = [];
const notRun = new Set();

/** Longest that one step may take, in milliseconds; by then it hangs. */
const stepMs = 1_200_000;

/** Ends the step that is running, with all that it started. */
let endStep = () => {};

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    endStep();
    process.exit(1);
  });
}

/** Runs a program, with its output passed through and a process group of its own; whether it ended well. */
function run(title, command, args) {
  console.log(`\n=== ${title}`);
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, detached: true, stdio: ["ignore", "inherit", "inherit"] });
    endStep = () => endGroup(child.pid, "SIGTERM");
    const late = setTimeout(() => {
      console.error(`${title} took longer than ${stepMs / 60_000} minutes`);
      endStep();
      setTimeout(() => endGroup(child.pid, "SIGKILL"), 5000).unref();
    }, stepMs);
    const settle = (good) => {
      clearTimeout(late);
      endStep = () => {};
      resolve(good);
    };
    child.once("error", (error) => {
      console.error(error.message);
      settle(false);
    });
    child.once("exit", (status) => settle(status === 0));
  });
}

function endGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** A check without tests of its own: one failure, or none. */
async function check(title, command, args) {
  if (await run(title, command, args)) return;
  total.failed += 1;
  faults.push(title);
}

/** Runs vitest and adds up what it reports. */
async function suites(title, command, args) {
  const report = join(reports, `${title.replaceAll(" ", "-")}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const good = await run(title, command, [...args, ...reporters]);
  const failed = count(report);
  // Errors outside of any test, or a runner that died.
  if (!good && failed === 0) total.failed += 1;
  if (!good) faults.push(title);
}

/** Adds up one report; returns how many failures it holds. */
function count(report) {
  let results;
  try {
    results = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return 0;
  }
  // A file that could not be loaded or set up fails as a whole, and its tests are told as skipped.
  const broken = results.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.every((test) => test.status !== "failed"),
  );
  const failed = results.numFailedTests + broken.length;
  total.passed += results.numPassedTests;
  total.failed += failed;
  total.skipped += results.numPendingTests + results.numTodoTests;
  for (const { name, message } of broken) failures.push(`${relative(root, name)}\n${message}`);
  for (const { name, assertionResults } of results.testResults) {
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status === "failed") failures.push([`${relative(root, name)}: ${fullName}`, ...failureMessages].join("\n"));
    }
  }
  for (const { ancestorTitles } of results.testResults.flatMap(({ assertionResults }) => assertionResults)) {
    for (const title of ancestorTitles) if (title.includes("(cannot run: ")) notRun.add(title);
  }
  return failed;
}

const vitest = [join(root, "node_modules/vitest/vitest.mjs"), "run"];
const config = ["--config", "test/vitest.config.ts"];

await check("setup", "sh", ["test/setup.sh"]);
await check("lint", "npm", ["run", "--silent", "lint"]);
await check("format", "npm", ["run", "--silent", "format:check"]);
await check("types", "npm", ["run", "--silent", "build"]);
await suites("unit tests", process.execPath, vitest);
// Those of core that go through a server, once more with all plugins in the way.
await suites("core with all plugins", process.execPath, [...vitest, "--config", "test/plugins/vitest.config.ts"]);
// Other programs as clients and servers, side by side.
const timing = "test/auth/timing.test.ts";
const isBesideOthers = (name) => ["audit", "auth", "interop", "packages", "plugins", "quota", "totp"].includes(name);
const folders = readdirSync(join(root, "test"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
const named = (wanted) =>
  folders.filter(({ name }) => isBesideOthers(name) === wanted).map(({ name }) => `test/${name}/`);
await suites("suites side by side", process.execPath, [...vitest, ...config, `--exclude=${timing}`, ...named(true)]);
// These measure time and memory, kill servers or need a port of their own, so they have the machine to themselves.
await suites("suites one by one", process.execPath, [
  ...vitest,
  ...config,
  "--no-file-parallelism",
  timing,
  ...named(false),
]);
// The server under attack, once more where ssh2's native addon was not built; fuzzing is shorter then.
process.env.SLUICE_WITHOUT_ADDON = "1";
process.env.SLUICE_FUZZ_SECONDS ??= "20";
await suites("attacks without the addon", process.execPath, [
  ...vitest,
  ...config,
  "--no-file-parallelism",
  "test/security/",
  "test/fuzz/wire.test.ts",
]);

console.log();
// Once more at the end, where it is found without reading everything before.
for (const failure of failures) console.log(`${failure.slice(0, 2000).trimEnd()}\n`);
for (const title of notRun) console.log(`Not run: ${title}`);
if (faults.length > 0) console.log(`Failed: ${faults.join(", ")}`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed === 0 ? 0 : 1;

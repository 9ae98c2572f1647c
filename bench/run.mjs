import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

const built = ["core", "fs-local"].map((name) => new URL(`../packages/${name}/dist/index.js`, import.meta.url));
if (!built.every((file) => existsSync(file))) {
  console.error("bench: the packages are not built, and what users run is what is measured; first run: npm run build");
  process.exit(1);
}

const main = new URL("main.ts", import.meta.url).pathname;
const child = spawn(process.execPath, ["--import", "tsx", main, ...process.argv.slice(2)], { stdio: "inherit" });
// An interrupt reaches the child too, which stops its servers and then ends.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));

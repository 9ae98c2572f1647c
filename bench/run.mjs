import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

const built = ["core", "fs-local"].map((name) => new URL(`../packages/${name}/dist/index.js`, import.meta.url));
if (!built.every((file) => existsSync(file))) {
  console.error("bench: the packages are not built, and what users run is what is measured; first run: npm run build");
  process.exit(1);
}

const main = new URL("main.ts", import.meta.url).pathname;
const child = spawn(process.execPath, ["--import", "tsx", main, ...process.argv.slice(2)], { stdio: "inherit" });
// From a terminal, an interrupt reaches the child too. It stops its servers and ends, and so does this.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code) => process.exit(code ?? 1));

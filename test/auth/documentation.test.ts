import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { run } from "../interop/process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const text = readFileSync(new URL("../../docs/auth.md", import.meta.url), "utf8");
const programs = [...text.matchAll(/^```ts\n(import .*?)^```$/gms)].map(([, program = ""]) => program);

describe("Every program in docs/auth.md", () => {
  it("is found here", () => {
    expect(programs.length).toBeGreaterThanOrEqual(5);
    for (const program of programs) expect(program).toContain("await server.listen(2022);");
  });

  it.each(programs.map((program, i) => [i + 1, program] as const))("starts: number %i", async (_, program) => {
    const listening = "await server.listen({ host: '127.0.0.1', port: 0 });";
    const ended = `${listening} console.log(await server.explain()); await server.close();`;
    const code = program.replace("await server.listen(2022);", ended);
    const node = ["--conditions=@sluice/source", "--import", "tsx", "--input-type=module", "--eval", code];
    const { stdout } = await run(process.execPath, node, { cwd: root, env: process.env });
    expect(stdout.toString()).toContain("Login, any of:");
  });
});

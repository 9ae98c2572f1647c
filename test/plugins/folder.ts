import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "sluice-plugins-"));
let made = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A name of its own for what the plugins of one server write; gone when the test file has ended. */
export function freshFolder(): string {
  return join(folder, String((made += 1)));
}

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { qrText } from "./qr.ts";

const address =
  "otpauth://totp/Example%20Corp:alice%40example.com?secret=ITUNX6HTCYYZXMWUUBT5AT4FWEIKYSSZ&issuer=Example%20Corp";
const hasReader = spawnSync("zbarimg", ["--version"]).error === undefined;
const scale = 6;

/** The text as a picture: a grey map with one byte for each dot, as the terminal would show it. */
function picture(lines: readonly string[], columns: number): Buffer {
  const rows = lines.flatMap((line) => {
    const cells = line.replace("\u001b[30;47m", "").replace("\u001b[0m", "").split("");
    return [cells.map((cell) => "█▀".includes(cell)), cells.map((cell) => "█▄".includes(cell))];
  });
  const dots = rows.flatMap((row) => {
    const line = row.flatMap((isDark) => Array.from({ length: scale }, () => (isDark ? 0 : 255)));
    return Array.from({ length: scale }, () => line).flat();
  });
  return Buffer.concat([Buffer.from(`P5 ${columns * scale} ${rows.length * scale} 255\n`), Buffer.from(dots)]);
}

test("a QR code fits a terminal of 80 columns and 24 lines, each line as wide as it says", () => {
  const { columns, lines } = qrText(address);
  expect(columns).toBeLessThan(80);
  expect(lines.length).toBeLessThanOrEqual(24);
  for (const line of lines) expect(line).toHaveLength(columns + "\u001b[30;47m\u001b[0m".length);
});

test.skipIf(!hasReader)("a QR code is read as what it was made from", () => {
  const { columns, lines } = qrText(address);
  const directory = mkdtempSync(join(tmpdir(), "sluice-qr-"));
  try {
    writeFileSync(join(directory, "qr.pgm"), picture(lines, columns));
    const { stdout } = spawnSync("zbarimg", ["--quiet", "--raw", join(directory, "qr.pgm")], { encoding: "utf8" });
    expect(stdout.trim()).toBe(address);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

import { encode } from "uqr";

// Readers want light around the code; four modules by the standard, two are enough for a screen.
const border = 2;

/** A QR code as text: how many columns it takes, and its lines. */
export interface QrText {
  readonly columns: number;
  readonly lines: readonly string[];
}

/** Draws a QR code with two modules in each character. Black on white whatever the terminal's colours are: readers may fail on the reverse. */
export function qrText(text: string): QrText {
  const { data, size } = encode(text, { ecc: "L", border });
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) {
    const [upper = [], lower = []] = data.slice(row, row + 2);
    const cells = upper.map((isDark, column) => block(isDark, lower[column] ?? false));
    lines.push(`\u001b[30;47m${cells.join("")}\u001b[0m`);
  }
  return { columns: size, lines };
}

function block(upper: boolean, lower: boolean): string {
  if (upper) return lower ? "█" : "▀";
  return lower ? "▄" : " ";
}

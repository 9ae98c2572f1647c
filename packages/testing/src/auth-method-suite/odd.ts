import type { Credentials, Mechanism } from "@sluice/core";

/** Names that nobody has, and that break what is put together carelessly: objects as maps, paths, filters, C strings. */
export const oddNames: readonly string[] = [
  ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "undefined", "null", "true", "NaN", "0"],
  [".", "..", "/", "../x", "../../etc/passwd", "a/../b", "%2e%2e", "~", "-"],
  ["*", "*)(uid=*", "admin)(&", "\\2a", "x,ou=admins", "' OR 1=1 --", "${name}"],
  ["\0", "\t", "\r\n", "\u202etxet", "\u200b", "\ufb00", "e\u0301\u0301", "😀", "\ud800", "\udc80", "\ufffd"],
  ["", " ", "a".repeat(65), "ü".repeat(255), "a".repeat(100_000)],
].flat();

/** A good name with what a careless comparison would overlook. */
export function variantsOf(name: string): string[] {
  return [
    `${name}\0`,
    `\0${name}`,
    `${name}\0x`,
    `${name}\n`,
    `${name}\u200b`,
    `../${name}`,
    `${name}/..`,
    `./${name}`,
  ];
}

/** Credentials that core lets through, and that are never good. */
export function oddCredentials<M extends Mechanism>(mechanism: M, good: Credentials[M]): Credentials[M][] {
  return odd[mechanism](good);
}

const odd: { readonly [P in Mechanism]: (good: Credentials[P]) => Credentials[P][] } = {
  password({ password }) {
    const guesses = [" ", "*", "__proto__", "x".repeat(1024), "ß".repeat(512), `${password}x`, `x${password}`];
    return guesses.map((guess) => ({ password: guess }));
  },
  publickey({ key }) {
    const cutOff = key.blob.subarray(0, -1);
    const tooLong = [...key.blob, 0];
    const noise = Array.from({ length: 4096 }, (_, i) => i % 251);
    const blobs = [[], [0], [0xff, 0xff, 0xff, 0xff], cutOff, tooLong, noise];
    return blobs.map((blob) => ({ key: { ...key, blob: Uint8Array.from(blob) } }));
  },
  "keyboard-interactive"() {
    const answers = ["", " ", "__proto__", "x".repeat(10_000)];
    return answers.map((answer) => ({ ask: async ({ prompts }) => prompts.map(() => answer) }));
  },
};

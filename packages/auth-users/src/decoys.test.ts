import { describe, expect, it } from "vitest";
import { Decoys } from "./decoys.ts";
import { parseHash } from "./hash.ts";

const scrypt = "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
const argon2 = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
const names = Array.from({ length: 2000 }, (_, i) => `nobody${i}`);

describe("decoys", () => {
  it("cost what the hashes of the file cost", () => {
    const decoys = new Decoys([parseHash(argon2), parseHash(argon2)]);
    for (const name of names.slice(0, 20)) expect(decoys.for(name).effort).toBe(parseHash(argon2).effort);
  });

  it("are spread over unknown names as the costs are over users", () => {
    const decoys = new Decoys([scrypt, argon2, argon2, argon2].map(parseHash));
    const share = names.filter((name) => decoys.for(name).cost.algorithm === "scrypt").length / names.length;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.3);
  });

  it("stay the same for a name, also after a restart and whatever the order of the file", () => {
    const before = new Decoys([scrypt, argon2].map(parseHash));
    const after = new Decoys([argon2, scrypt].map(parseHash));
    for (const name of names) expect(after.for(name).effort).toBe(before.for(name).effort);
  });

  it("are there for a file without passwords as well", () => {
    expect(new Decoys([]).for("alice").cost).toEqual({ algorithm: "scrypt", ln: 15, r: 8, p: 3 });
  });
});

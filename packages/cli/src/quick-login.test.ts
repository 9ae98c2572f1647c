import type { AuthAttempt } from "@sluice/core";
import { expect, test } from "vitest";
import { onePassword, randomPassword } from "./quick-login.ts";

test("passwords are made up anew, of letters that are hard to confuse", () => {
  const made = new Set(Array.from({ length: 100 }, randomPassword));
  expect(made.size).toBe(100);
  for (const password of made) expect(password).toMatch(/^([a-hj-km-np-z2-9]{5}-){3}[a-hj-km-np-z2-9]{5}$/);
});

test("one user with one password logs in, and nobody else", async () => {
  const method = onePassword("demo", "right");
  const verdict = async (username: string, password: string): Promise<string> => {
    return (await method.verify({ username, password } as AuthAttempt<"password">)).is;
  };
  expect(await verdict("demo", "right")).toBe("proven");
  expect(await verdict("demo", "wrong")).toBe("refused");
  expect(await verdict("demo", "right ")).toBe("refused");
  expect(await verdict("Demo", "right")).toBe("refused");
  expect(await verdict("", "")).toBe("refused");
});

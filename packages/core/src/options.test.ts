import { describe, expect, it } from "vitest";
import { checkOptions, defaultLimits, type Limits } from "./options.ts";

const hostKeys = ["./host_ed25519"];
const names = Object.keys(defaultLimits) as (keyof Limits)[];
const check = (options: object): Limits => checkOptions({ hostKeys, ...options });

const refused = (message: string): unknown => expect.objectContaining({ code: "ERR_SLUICE_OPTIONS", message });

describe("checkOptions", () => {
  it("gives the default limits where none are given", () => {
    expect(check({})).toEqual(defaultLimits);
    expect(check({ limits: {} })).toEqual(defaultLimits);
    expect(check({ limits: { handles: 7 } })).toEqual({ ...defaultLimits, handles: 7 });
  });

  it("accepts its own defaults", () => {
    expect(check({ limits: defaultLimits })).toEqual(defaultLimits);
  });

  it.each([undefined, [], "./host_ed25519", null])("asks for a host key where it is given %j", (given) => {
    expect(() => check({ hostKeys: given })).toThrow(
      refused('hostKeys: at least one host key is needed; make one with "sluice hostkey" or ssh-keygen'),
    );
  });

  it.each([
    [{ hostkey: [] }, 'hostkey: unknown option; did you mean "hostKeys"?'],
    [{ Auth: [] }, 'Auth: unknown option; did you mean "auth"?'],
    [{ maximumBandwidth: 1 }, "maximumBandwidth: unknown option"],
    [{ limits: { handle: 1 } }, 'limits.handle: unknown option; did you mean "handles"?'],
    [{ limits: { loginGrace: 1 } }, 'limits.loginGrace: unknown option; did you mean "loginGraceMs"?'],
    [{ limits: { constructor: 1 } }, "limits.constructor: unknown option"],
  ])("refuses the unknown name in %j", (options, message) => {
    expect(() => check(options)).toThrow(refused(message));
  });

  it.each(names)("takes only whole numbers from 1 for limits.%s", (name) => {
    for (const value of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, "10", null, undefined, true, 10n]) {
      expect(() => check({ limits: { [name]: value } })).toThrow(
        refused(`limits.${name}: a whole number from 1 is needed, got ${String(value)}`),
      );
    }
    expect(check({ limits: { [name]: 300_000 } })[name]).toBe(300_000);
  });

  it.each(names.filter((name) => name.endsWith("Ms")))(
    "refuses times that no timer can wait for in limits.%s: they would be over at once",
    (name) => {
      expect(check({ limits: { [name]: 2 ** 31 - 1 } })[name]).toBe(2 ** 31 - 1);
      expect(() => check({ limits: { [name]: 2 ** 31 } })).toThrow(name);
      expect(() => check({ limits: { [name]: Number.MAX_SAFE_INTEGER } })).toThrow(name);
    },
  );

  it("wants a session's budget to hold one request of the largest size", () => {
    expect(check({ limits: { sessionBytes: 262_144 } }).sessionBytes).toBe(262_144);
    expect(() => check({ limits: { sessionBytes: 262_143 } })).toThrow(
      refused("limits.sessionBytes: at least 262144 is needed, the size of one request"),
    );
  });

  it.each(["", " ", "two words", "tab\t", "newline\n", "é", "x".repeat(201)])("refuses the ident %j", (ident) => {
    expect(() => check({ ident })).toThrow(/^ident: /);
  });

  it.each(["Sluice", "x", "x".repeat(200), "Acme_2.0-rc1"])("accepts the ident %s", (ident) => {
    expect(() => check({ ident })).not.toThrow();
  });

  it("knows three orders of SYMLINK's paths", () => {
    for (const symlinkOrder of ["auto", "openssh", "spec"]) expect(() => check({ symlinkOrder })).not.toThrow();
    expect(() => check({ symlinkOrder: "rfc" })).toThrow(/^symlinkOrder: "auto", "openssh" or "spec" is needed$/);
  });
});

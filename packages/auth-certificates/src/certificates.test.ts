import { describe, expect, it } from "vitest";
import { madeKey } from "../../core/test/made-keys.ts";
import { certificates } from "./certificates.ts";
import type { CertificatesOptions } from "./options.ts";

const authorities = [madeKey().line];

describe("the options", () => {
  it.each([
    { authorities },
    { authorities, principals: { alice: ["team"] }, revoked: "revoked.krl", requireTouch: true },
    { authorities, principals: () => ["team"], requireVerification: true },
  ])("may be %j", async (options) => {
    expect(await certificates(options).validate()).toEqual([]);
  });

  it.each([
    [{}, "authorities"],
    [{ authorities: [] }, "authorities"],
    [{ authorities: [""] }, "authorities"],
    [{ authorities, principals: { alice: [] } }, "principals"],
    [{ authorities, principals: { alice: "team" } }, "principals"],
    [{ authorities, principals: ["team"] }, "principals"],
    [{ authorities, revoked: "" }, "revoked"],
    [{ authorities, requireTouch: "yes" }, "requireTouch"],
  ])("may not be %j", async (options, where) => {
    const [issue] = await certificates(options as CertificatesOptions).validate();
    expect(issue?.path?.[0]).toBe(where);
  });

  it("may not have names that nobody knows", async () => {
    expect(await certificates({ authorities, touch: true } as CertificatesOptions).validate()).toHaveLength(1);
  });
});

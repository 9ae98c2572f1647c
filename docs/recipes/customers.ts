import { defineFileSystem, SftpError } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { z } from "zod";

/** A claim is whatever a directory says: only what can be nothing but a folder's name becomes one. */
const folder = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** A folder for each customer, made when somebody of theirs first comes: which one, the claim `customer` of the login tells. */
export const customerFiles = defineFileSystem({
  name: "customer-files",
  options: z.strictObject({ root: z.string().min(1) }),
  create: ({ root }) =>
    localFiles({
      createRoot: true,
      root: ({ user }) => {
        const { customer } = user.claims;
        if (typeof customer === "string" && folder.test(customer)) return `${root}/${customer}`;
        throw new SftpError("permissionDenied", "No customer is known for this login");
      },
    }),
});

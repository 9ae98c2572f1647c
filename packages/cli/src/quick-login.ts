import { proven, refused, SftpError, type AuthMethod, type PluginHost } from "@sluice/core";
import { createHmac, randomBytes, randomInt, timingSafeEqual } from "node:crypto";

// Without the letters and digits that are taken for others when read from a screen.
const letters = "abcdefghjkmnpqrstuvwxyz23456789";
const groups = 4;
const groupLength = 5;

/** A password that can be read out and typed: about 99 bits. */
export function randomPassword(): string {
  return Array.from({ length: groups }, () =>
    Array.from({ length: groupLength }, () => letters[randomInt(letters.length)]).join(""),
  ).join("-");
}

/** Proves one user by one password, both known to this process only. Takes the same time whatever of them is wrong. */
export function onePassword(user: string, password: string): AuthMethod<"password"> {
  const key = randomBytes(32);
  const digest = (text: string): Buffer => createHmac("sha256", key).update(text).digest();
  const [userDigest, passwordDigest] = [digest(user), digest(password)];
  return {
    name: "password",
    mechanism: "password",
    verify({ username, password: given }) {
      const userFits = timingSafeEqual(digest(username), userDigest);
      const passwordFits = timingSafeEqual(digest(given), passwordDigest);
      return userFits && passwordFits ? proven() : refused("wrong user or password");
    },
  };
}

/** Refuses whatever would change a file. */
export function refuseChanges(host: Pick<PluginHost, "before">): void {
  const refuse = (): never => {
    throw new SftpError("permissionDenied", "This server is read-only");
  };
  host.before(["write", "setstat", "mkdir", "rmdir", "remove", "rename", "symlink", "link", "copy"], refuse);
  host.before("open", (ctx) => {
    const { write, append, create, truncate } = ctx.request.flags;
    if (write || append || create || truncate) refuse();
  });
}

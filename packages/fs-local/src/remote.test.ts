import { describe, expect, it } from "vitest";
import { hasRemoteMount } from "./remote.ts";

const table = [
  "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw",
  "30 22 0:25 / /srv/sftp/a\\040b/nfs rw - nfs4 server:/export rw,vers=4.2",
  "31 22 0:26 / /srv/local rw - xfs /dev/vdb rw",
  "32 22 0:27 / /srv/users/bob/cloud rw master:3 propagate_from:2 - fuse.sshfs bob@host: rw",
  "33 22 0:28 / /mnt/fuselike rw - fuse9 x rw",
  "",
].join("\n");

describe("a mount of a network file system", () => {
  it.each([
    ["/", true],
    ["/srv", true],
    ["/srv/sftp", true],
    ["/srv/sftp/a b", true],
    ["/srv/users/bob", true],
    ["/srv/users/bo", false],
    ["/srv/users/alice", false],
    ["/srv/local", false],
    ["/mnt", false],
  ])("below %s is found: %s", (path, found) => {
    expect(hasRemoteMount(table, path)).toBe(found);
  });
});

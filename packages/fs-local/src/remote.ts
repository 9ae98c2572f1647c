import * as calls from "./calls.ts";
import type { Steps } from "./steps.ts";

/*
 * Which file systems may make a call wait for a network, or for a program that answers for the kernel (FUSE).
 */

/** `statfs(2)` types, from the kernel's `magic.h` and the file systems' own headers. */
const remoteTypes: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2 and later
  0x65735546, // FUSE, virtiofs
  0x01021997, // 9P
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x6b414653, // AFS in the kernel
  0x73757245, // Coda
  0x564c, // NCP
  0x0bd00bd0, // Lustre
  0x47504653, // GPFS
  0x7461636f, // OCFS2
  0x01161970, // GFS2
  0x19830326, // BeeGFS
  0xaad7aaea, // PanFS
  0x20030528, // OrangeFS
  0x786f4256, // VirtualBox shared folders
  0xbacbacbc, // VMware shared folders
  0x0187, // autofs: whatever it will mount
]);

const remoteNames =
  /^(?:nfs4?|smbfs|cifs|smb3|fuse(?:blk)?(?:\..+)?|virtiofs|9p|ceph|k?afs|coda|ncpfs|lustre|gpfs|ocfs2|gfs2|beegfs|panfs|orangefs|vboxsf|vmhgfs|autofs)$/;

/** Whether a directory is on such a file system, or has one mounted somewhere below it. */
export function* isRemote(fd: number): Steps<boolean> {
  const { type } = yield* calls.statfs(`/proc/self/fd/${fd}/.`);
  if (remoteTypes.has(type)) return true;
  const path = (yield* calls.readlink(`/proc/self/fd/${fd}`)).toString("latin1");
  return hasRemoteMount(yield* calls.readText("/proc/self/mountinfo"), path);
}

/** Whether a table of mounts, as in proc(5) under `/proc/pid/mountinfo`, has a remote one below `path`. */
export function hasRemoteMount(mountinfo: string, path: string): boolean {
  const below = path === "/" ? "/" : `${path}/`;
  return mountinfo.split("\n").some((line) => {
    const [mount = "", source = ""] = line.split(" - ");
    const point = (mount.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return point.startsWith(below) && remoteNames.test(source.split(" ")[0] ?? "");
  });
}

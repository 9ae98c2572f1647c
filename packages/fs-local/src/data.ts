import fs from "node:fs";

/*
 * The calls that move data or wait for the disk. They run on the thread pool whatever the disk: there the kernel's copying
 * overlaps with the encryption on the main thread. Only what lies at the beginning of a file, and so is all of a small one, is moved in a
 * burst on local disks: the way to the thread pool and back takes ten times as long as the copying.
 */

/** How far into a file that goes, in bytes. */
export const burstBytes: number = 16 * 1024;

/** Reads at once, no further than one burst goes. Bytes read, 0 at end of file. */
export function readNow(fd: number, buffer: Uint8Array, position: number): number {
  return fs.readSync(fd, buffer, 0, Math.min(buffer.length, burstBytes), position);
}

/** Writes at once. Bytes written, maybe fewer than asked. */
export function writeNow(fd: number, data: Uint8Array, position: number): number {
  return fs.writeSync(fd, data, 0, data.length, position);
}

/** Bytes read, 0 at end of file. */
export function readAt(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, offset, length, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

/** Bytes written, maybe fewer than asked. Without a position: at the descriptor's own, for files opened to append. */
export function writeAt(fd: number, data: Uint8Array, offset: number, position: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, data, offset, data.length - offset, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

export function flush(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** Lets a file share another's content, in no time, where the file system can: fails where it cannot. */
export function shareContent(from: string, to: string): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.copyFile(from, to, fs.constants.COPYFILE_FICLONE_FORCE, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

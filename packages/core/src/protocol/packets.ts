/** Packet types, in the drafts' spelling (draft-ietf-secsh-filexfer-13, section 4.3; SYMLINK up to -05). */
export const SSH_FXP = {
  INIT: 1,
  VERSION: 2,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  STAT: 17,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED: 200,
  EXTENDED_REPLY: 201,
} as const;

/** Status codes that are not errors; the rest are in `statusCodes`. */
export const SSH_FX = { OK: 0, EOF: 1 } as const;

/** Open flags of v3 and v4 (draft-ietf-secsh-filexfer-02, section 6.3). */
export const SSH_FXF = { READ: 0x1, WRITE: 0x2, APPEND: 0x4, CREAT: 0x8, TRUNC: 0x10, EXCL: 0x20 } as const;

/** Attribute bits of v3 (draft-ietf-secsh-filexfer-02, section 5). */
export const SSH_FILEXFER_ATTR = {
  SIZE: 0x1,
  UIDGID: 0x2,
  PERMISSIONS: 0x4,
  ACMODTIME: 0x8,
  EXTENDED: 0x8000_0000,
} as const;

/** Largest packet accepted, without its length field: 256 KiB of payload and 1 KiB of framing. */
export const maxPacketBytes: number = 257 * 1024;

/** Most bytes that one READ or WRITE moves; told to clients by `limits@openssh.com`. */
export const maxDataBytes: number = 255 * 1024;

import { message, MSG, sftp, str, u32, u64, u8 } from "../security/wire.ts";
import { account, authRequest, globalRequest, passwordRequest } from "../security/peer.ts";
import { openMessage, requestMessage } from "../security/channel.ts";

const attributes = Buffer.concat([
  u32(0x8000_000f),
  u64(10),
  u32(1),
  u32(2),
  u32(0o644),
  u32(1),
  u32(2),
  u32(1),
  str("a@b"),
  str("c"),
]);

/** SFTP requests, from their type on: each with its id and fields. */
export function sftpSamples(file: Uint8Array, directory: Uint8Array, id = 7): Buffer[] {
  const request = (type: number, ...fields: Buffer[]): Buffer => message(type, u32(id), ...fields);
  const extended = (name: string, ...fields: Buffer[]): Buffer => request(200, str(name), ...fields);
  return [
    request(3, str("/fuzz/a"), u32(0x0b), attributes),
    request(4, str(file)),
    request(5, str(file), u64(0), u32(4096)),
    request(6, str(file), u64(0), str("some data to write")),
    request(7, str("/file.bin")),
    request(8, str(file)),
    request(9, str("/fuzz/b"), attributes),
    request(10, str(file), attributes),
    request(11, str("/directory")),
    request(12, str(directory)),
    request(13, str("/fuzz/c")),
    request(14, str("/fuzz"), attributes),
    request(15, str("/fuzz/d")),
    request(16, str("/fuzz/../x/./y")),
    request(17, str("/file.bin")),
    request(18, str("/fuzz/a"), str("/fuzz/e")),
    request(19, str("/fuzz/g")),
    request(20, str("target"), str("/fuzz/g")),
    extended("posix-rename@openssh.com", str("/fuzz/e"), str("/fuzz/a")),
    extended("hardlink@openssh.com", str("/fuzz/a"), str("/fuzz/h")),
    extended("statvfs@openssh.com", str("/")),
    extended("space-available", str("/")),
    extended("fstatvfs@openssh.com", str(file)),
    extended("fsync@openssh.com", str(file)),
    extended("lsetstat@openssh.com", str("/fuzz/g"), attributes),
    extended("limits@openssh.com"),
    extended("expand-path@openssh.com", str("~/x")),
    extended("home-directory", str(account.username)),
    extended("users-groups-by-id@openssh.com", str(u32(1)), str(u32(2))),
    extended("copy-data", str(file), u64(0), u64(100), str(file), u64(200)),
    extended("unknown@fuzz", str("x")),
  ];
}

/** SSH messages that a client may send before its login. */
export function loginSamples(): Buffer[] {
  const blob = Buffer.concat([str("ssh-ed25519"), str(Buffer.alloc(32, 9))]);
  const proof = Buffer.concat([str("ssh-ed25519"), str(Buffer.alloc(64, 9))]);
  return [
    message(MSG.IGNORE, str("x")),
    message(MSG.DEBUG, u8(1), str("x"), str("")),
    message(MSG.UNIMPLEMENTED, u32(1)),
    message(MSG.EXT_INFO, u32(1), str("ext-info-in-auth@openssh.com"), str("0")),
    message(MSG.SERVICE_REQUEST, str("ssh-userauth")),
    passwordRequest(account.username, "wrong"),
    authRequest(account.username, "none"),
    authRequest(account.username, "password", u8(1), str("old"), str("new")),
    authRequest(account.username, "publickey", u8(0), str("ssh-ed25519"), str(blob)),
    authRequest(account.username, "publickey", u8(1), str("ssh-ed25519"), str(blob), str(proof)),
    authRequest(account.username, "keyboard-interactive", str(""), str("")),
    authRequest(account.username, "hostbased", str("ssh-ed25519"), str(blob), str("h"), str("u"), str(proof)),
    authRequest("slow", "password", u8(0), str("x")),
    message(MSG.USERAUTH_INFO_RESPONSE, u32(1), str("41")),
    message(MSG.DISCONNECT, u32(11), str("bye"), str("")),
  ];
}

/** SSH messages that a client may send after it, for a channel that is open. */
export function channelSamples(channel: number): Buffer[] {
  const id = u32(channel);
  return [
    openMessage(1),
    openMessage(2, { type: "direct-tcpip" }, str("127.0.0.1"), u32(22), str("127.0.0.1"), u32(1)),
    message(MSG.CHANNEL_WINDOW_ADJUST, id, u32(1000)),
    message(MSG.CHANNEL_DATA, id, str(sftp(17, u32(7), str("/file.bin")))),
    message(MSG.CHANNEL_EXTENDED_DATA, id, u32(1), str("x")),
    message(MSG.CHANNEL_EOF, id),
    message(MSG.CHANNEL_CLOSE, id),
    requestMessage(channel, "subsystem", true, str("sftp")),
    requestMessage(channel, "env", false, str("A"), str("B")),
    requestMessage(channel, "pty-req", true, str("xterm"), u32(80), u32(24), u32(0), u32(0), str(u8(0))),
    requestMessage(channel, "exec", true, str("true")),
    globalRequest("keepalive@openssh.com", true),
    globalRequest("tcpip-forward", true, str("127.0.0.1"), u32(0)),
    ...loginSamples(),
  ];
}

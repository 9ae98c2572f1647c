export { connectSsh, type SshClient, type SshClientOptions } from "./ssh/client.ts";
export { MemorySocket, memorySockets } from "./ssh/memory-socket.ts";

import { createServer, generateHostKey, proven, refused } from "@sluice/core";
import { memoryFiles } from "@sluice/fs-memory";

const server = createServer({ hostKeys: [{ key: generateHostKey().privateKey }], log: { level: "warn" } });
server.authenticate({
  name: "demo",
  mechanism: "password",
  verify: ({ password }) => (password === "demo" ? proven() : refused("wrong password")),
});
server.mount("/", memoryFiles({ files: { "/hello.txt": "Hello from Sluice\n" } }));
const address = await server.listen({ host: "127.0.0.1", port: Number(process.env.PORT ?? 2022) });
console.log("Listening on", address, "- log in as anybody, password: demo");

// A server that nobody attacks, in a process of its own: how long it takes to answer is how long the machine takes.
import { createServer } from "node:net";

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {});
  socket.on("data", (data) => socket.write(data));
});
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
// Whoever started it is gone.
process.on("disconnect", () => process.exit(0));

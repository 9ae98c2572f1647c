// Makes ssh2 run as it does where its native addon was not built. Loaded by --require, before everything else.
const { _extensions: extensions } = require("node:module");

const load = extensions[".node"];
extensions[".node"] = (module, file) => {
  if (file.endsWith("sshcrypto.node")) throw new Error("The addon is disabled for this test");
  return load(module, file);
};

export { localFiles } from "./localfiles.ts";
export type { LocalFilesOptions } from "./options.ts";

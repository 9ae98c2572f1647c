export { lmdbStore, type LmdbStoreOptions } from "./lmdb.ts";

import { namesOf, SftpError, type FileHandle, type FileSystem, type SftpPath, type Stats } from "@sluice/core";
import type { Database, SqlValue } from "sql.js";

const customers = "SELECT name, changed FROM customers ORDER BY name LIMIT 10000";
const customer = "SELECT name, changed FROM customers WHERE name = ?";
const orders = `SELECT day, item, cents FROM orders
  WHERE customer = (SELECT id FROM customers WHERE name = ?) ORDER BY day, item LIMIT 100000`;

/** A directory that is a query: one file `<customer>.csv` for each row, with that customer's orders. Nothing is on a disk. */
export function reportFiles(database: Database): FileSystem {
  /** What a client names goes to the database as a value, never as a part of the SQL. */
  const rows = (sql: string, ...values: SqlValue[]): SqlValue[][] => {
    const statement = database.prepare(sql, values);
    try {
      const found: SqlValue[][] = [];
      while (statement.step()) found.push(statement.get());
      return found;
    } finally {
      statement.free();
    }
  };
  const contentOf = (name: string): Buffer =>
    Buffer.from([["day", "item", "cents"], ...rows(orders, name)].map(csvLine).join(""));
  const statsOf = (size: number, changed: SqlValue | undefined): Stats => ({
    type: "file",
    size,
    mode: 0o444,
    mtimeMs: Number(changed),
  });

  const find = (path: SftpPath): { readonly content: Buffer; readonly stats: Stats } => {
    const [file = "", ...below] = namesOf(path);
    const [row] = file.endsWith(".csv") ? rows(customer, file.slice(0, -4)) : [];
    if (row === undefined || below.length > 0) throw new SftpError("noSuchFile");
    const content = contentOf(String(row[0]));
    return { content, stats: statsOf(content.length, row[1]) };
  };
  const readOnly = (): never => {
    throw new SftpError("permissionDenied", "Reports are made from the database");
  };

  return {
    async open(path, flags): Promise<FileHandle> {
      if (path === "/") throw new SftpError("isADirectory");
      if (flags.write || flags.append || flags.create || flags.truncate) readOnly();
      // As it is now: whoever reads sees one state of the database from beginning to end.
      const { content, stats } = find(path);
      return {
        read: async (buffer, position) => content.copy(buffer, 0, Math.min(position, content.length)),
        write: async () => readOnly(),
        stat: async () => stats,
        close: async () => undefined,
      };
    },
    async *list(path) {
      if (path !== "/") {
        find(path);
        throw new SftpError("notADirectory");
      }
      for (const [value, changed] of rows(customers)) {
        const name = String(value);
        // Not every value of a column can be a file's name.
        if (!/^[^/\0]{1,80}$/.test(name)) continue;
        yield [{ name: `${name}.csv`, stats: statsOf(contentOf(name).length, changed) }];
      }
    },
    async stat(path) {
      return path === "/" ? { type: "directory", size: 0, mode: 0o555, mtimeMs: Date.now() } : find(path).stats;
    },
  };
}

/** One record (RFC 4180). */
function csvLine(values: readonly SqlValue[]): string {
  const fields = values.map((value) => (value === null ? "" : String(value)));
  return `${fields.map((text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(",")}\r\n`;
}

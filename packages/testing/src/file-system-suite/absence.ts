import assert from "node:assert/strict";
import { check, type Case } from "./case.ts";
import { upload, type OptionalHandleMethod, type OptionalMethod } from "./stage.ts";

/** A method that a file system, or its handles, may lack. */
export type Absent = OptionalMethod | OptionalHandleMethod;

/** Whether a case is about a method: its name begins with it. */
export function isOf({ name }: Case, method: Absent): boolean {
  return name.split(/[: ]/, 1)[0] === method;
}

/** What is owed of a method that is absent: that it is. One that is there has to pass its cases. */
export function absence(method: Absent): Case {
  return check(`${method}: is absent`, async (stage) => {
    const handle = await stage.open("/file", upload);
    for (const owner of [stage.fs, handle]) {
      assert.equal(Reflect.get(owner, method), undefined, `it has a method ${method}`);
    }
  });
}

import type { InteractiveRequest, PasswordRequest } from "./request.ts";
import type { Questions } from "./method.ts";

const maxPasswordBytes = 1024;
const maxPrompts = 16;

/** Whether text may be a password: an empty one proves nothing to many directories, and one with NUL is cut off there. */
export function isPassword(text: unknown): text is string {
  if (typeof text !== "string" || text.includes("\0")) return false;
  const bytes = Buffer.byteLength(text);
  return bytes > 0 && bytes <= maxPasswordBytes;
}

/** The passwords of a request, or why they are refused before any method sees them. */
export function passwordsOf(
  request: PasswordRequest,
): { readonly password: string; readonly newPassword?: string } | string {
  const { password, newPassword } = request;
  if (!isPassword(password)) return "The password is not acceptable";
  if (newPassword === undefined) return { password };
  return isPassword(newPassword) ? { password, newPassword } : "The new password is not acceptable";
}

/**
 * The questions of one attempt.
 *
 * @param due resolves when the client may be asked
 * @param answered called when the client has answered
 */
export function asker(
  request: InteractiveRequest,
  due: () => Promise<void>,
  answered: () => void,
): (questions: Questions) => Promise<readonly string[]> {
  return async (questions) => {
    if (questions.prompts.length > maxPrompts)
      throw new RangeError(`At most ${maxPrompts} prompts may be asked at once`);
    await due();
    const answers = await request.ask(questions);
    answered();
    if (answers.length !== questions.prompts.length)
      throw new Error("The client answered with another number of answers");
    return answers;
  };
}

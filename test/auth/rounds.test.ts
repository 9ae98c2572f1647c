import { afterEach, describe, expect, it } from "vitest";
import { proven, refused, type AuthMethod } from "@sluice/core";
import { clientNames, login, unavailable } from "./clients.ts";
import { listen, method, type ListeningServer } from "./server.ts";

let running: ListeningServer | undefined;
afterEach(async () => running?.close());

type Verify = AuthMethod<"keyboard-interactive">["verify"];

async function serve(verify: Verify): Promise<number> {
  const asking = method<"keyboard-interactive">({ name: "asking", mechanism: "keyboard-interactive", verify });
  running = await listen({ methods: [asking] });
  return running.port;
}

const prompt = (text: string): { prompts: { text: string; echo: boolean }[] } => ({ prompts: [{ text, echo: true }] });

describe.each(clientNames.filter((client) => unavailable(client) === undefined))(
  "Keyboard-interactive with %s",
  (client) => {
    const credentials = { user: "alice", methods: ["keyboard-interactive"] } as const;

    it("takes several rounds, with questions together and alone", async () => {
      const port = await serve(async ({ ask }) => {
        const [one] = await ask(prompt("One: "));
        const [two, three] = await ask({
          name: "More",
          instruction: "Two at once",
          prompts: [
            { text: "Two: ", echo: true },
            { text: "Three: ", echo: false },
          ],
        });
        return [one, two, three].join() === "1,2,3" ? proven() : refused("wrong");
      });
      expect(await login(client, { ...credentials, port, answers: ["1", "2", "3"] })).toMatchObject({ loggedIn: true });
      expect(await login(client, { ...credentials, port, answers: ["1", "3", "2"] })).toMatchObject({
        loggedIn: false,
      });
    });

    it("takes rounds without a question, as at the end of PAM's conversations", async () => {
      const port = await serve(async ({ ask }) => {
        const none = await ask({ instruction: "Look at your phone", prompts: [] });
        const [answer] = await ask(prompt("Number: "));
        await ask({ instruction: "Thank you", prompts: [] });
        return none.length === 0 && answer === "7" ? proven() : refused("wrong");
      });
      expect(await login(client, { ...credentials, port, answers: ["7"] })).toMatchObject({ loggedIn: true });
    });

    it("logs in by a method that asks nothing", async () => {
      const port = await serve(() => proven());
      expect(await login(client, { ...credentials, port })).toMatchObject({ loggedIn: true, prompts: noPrompts() });
    });
  },
);

/** PuTTY asks about the host key. */
const noPrompts = (): unknown => expect.not.arrayContaining([expect.stringMatching(/password/i)]);

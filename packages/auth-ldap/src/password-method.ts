import {
  changeRequired,
  proven,
  refused,
  unknown,
  type AuthAttempt,
  type AuthMethod,
  type Verdict,
} from "@sluice/core";
import { barred, passwordState, type PasswordState } from "./account.ts";
import { decide, isAskable } from "./attempt.ts";
import type { Client } from "./client.ts";
import type { Directory, Person } from "./directory.ts";
import { escapeValue } from "./dn.ts";
import { draftOf } from "./draft.ts";
import { Answer } from "./error.ts";
import { shutOut, type Group } from "./groups.ts";
import { isName } from "./schema.ts";
import type { Tracker } from "./recheck.ts";
import { fill } from "./template.ts";

const prompt = "Your password has to be changed. New password: ";
const promptAgain = "The directory did not accept that password. New password: ";
/** What has a meaning in a name of Active Directory, or must not be in one. */
const oddInAccount = /["/\\[\]:;|=,+*?<>@]/;

/** The passwords of one attempt. */
interface Passwords {
  readonly old: string;
  readonly new: string | undefined;
}

/** What a bind leads to: a verdict, or another bind once the connection and its place are given back. */
type Step = Verdict | (() => Promise<Verdict>);

/** Proves the factor `ldap`: a password that the directory takes. */
export class PasswordMethod implements AuthMethod<"password"> {
  readonly name: string = "ldap";
  readonly mechanism = "password" as const;
  readonly #directory: Directory;
  readonly #tracker: Tracker;

  constructor(directory: Directory, tracker: Tracker) {
    this.#directory = directory;
    this.#tracker = tracker;
  }

  async verify(attempt: AuthAttempt<"password">): Promise<Verdict> {
    const { username, password, newPassword } = attempt;
    if (!isAskable(username)) return unknown();
    // An empty password never reaches a bind: directories answer it with success.
    if (password === "" || newPassword === "") return refused("the password is empty");
    return decide(attempt, this.#directory.settings.loginMs, async (signal) => {
      const passwords = { old: password, new: newPassword };
      const { template } = this.#directory.settings;
      if (template !== undefined) return this.#directly(attempt, template, passwords, signal);
      return this.#bySearch(attempt, passwords, signal);
    });
  }

  async #bySearch(attempt: AuthAttempt, passwords: Passwords, signal: AbortSignal): Promise<Verdict> {
    const person = await this.#directory.find(attempt.username, signal);
    if (person === undefined) {
      await this.#directory.pretend(passwords.old, signal);
      return unknown();
    }
    const { dn } = person.entry;
    const step = await this.#directory.bindAs<Step>(dn, passwords.old, signal, async (client, answer) => {
      const state = passwordState(answer);
      if (state.is === "refused") return refused(state.reason);
      const groups = await this.#directory.groups(person, signal);
      const bar = this.#bar(person, groups);
      if (bar !== undefined) return refused(bar);
      if (state.is === "right" && passwords.new === undefined) return this.#proven(attempt, person, groups);
      const change = await this.#change(attempt, state, client, dn, passwords, signal);
      if (typeof change !== "string") return change;
      this.#directory.forget(attempt.username);
      return () => this.#again(dn, change, signal, () => this.#proven(attempt, person, groups));
    });
    return typeof step === "function" ? step() : step;
  }

  async #directly(attempt: AuthAttempt, template: string, passwords: Passwords, signal: AbortSignal): Promise<Verdict> {
    const { username } = attempt;
    const byDn = isName(template);
    if (!byDn && oddInAccount.test(username)) return unknown();
    const name = fill(template, new Map([["username", username]]), byDn ? escapeValue : (value) => value);
    const bound = { name, isDn: byDn };
    const ownDn = async (by: Client): Promise<string> =>
      (await this.#directory.self(by, bound, username, signal)).entry.dn;
    const step = await this.#directory.bindAs<Step>(name, passwords.old, signal, async (client, answer) => {
      const state = passwordState(answer);
      if (state.is === "refused") return refused(state.reason);
      const judge = async (by: Client): Promise<Verdict> => {
        const person = await this.#directory.self(by, bound, username, signal);
        const groups = await this.#directory.groupsBy(by, person, signal);
        const bar = this.#bar(person, groups);
        return bar === undefined ? this.#proven(attempt, person, groups) : refused(bar);
      };
      if (state.is === "right" && passwords.new === undefined) return judge(client);
      // Only a distinguished name can be given a new password; before the change, the entry may be out of sight.
      const dn = byDn ? name : state.is === "right" ? await ownDn(client) : undefined;
      if (dn === undefined || (state.is === "due" && !state.bound))
        return refused(`${reasonOf(state)}, which needs search and bind`);
      const change = await this.#change(attempt, state, client, dn, passwords, signal);
      return typeof change === "string" ? () => this.#again(name, change, signal, judge) : change;
    });
    return typeof step === "function" ? step() : step;
  }

  /** Sets the new password. @returns the password that holds now, or what the client is told */
  async #change(
    attempt: AuthAttempt,
    state: PasswordState,
    client: Client,
    dn: string,
    passwords: Passwords,
    signal: AbortSignal,
  ): Promise<string | Verdict> {
    if (!this.#directory.settings.passwordChange)
      return refused(`${reasonOf(state)}; passwords cannot be changed here`);
    if (passwords.new === undefined) return changeRequired(prompt);
    const change = { dn, from: passwords.old, to: passwords.new };
    try {
      if (state.is === "due" && !state.bound) await this.#directory.changePassword(change, signal);
      else await this.#directory.changeOwnPassword(client, state.is === "due", change, signal);
      return passwords.new;
    } catch (error) {
      if (error instanceof Answer && isPolicy(error)) {
        attempt.connection.log.info(
          { username: attempt.username, reason: error.message },
          "A new password was not accepted",
        );
        return changeRequired(promptAgain);
      }
      throw error;
    }
  }

  /** Logs in with the password that was just set: it counts once the directory takes it. */
  #again(
    name: string,
    password: string,
    signal: AbortSignal,
    judge: (client: Client) => Verdict | Promise<Verdict>,
  ): Promise<Verdict> {
    return this.#directory.bindAs(name, password, signal, async (client, answer) => {
      const state = passwordState(answer);
      return state.is === "right" ? judge(client) : refused(`after the change: ${reasonOf(state)}`);
    });
  }

  #bar({ entry }: Person, groups: readonly Group[]): string | undefined {
    const { settings } = this.#directory;
    return barred(entry, Date.now()) ?? (settings.groups === undefined ? undefined : shutOut(settings.groups, groups));
  }

  #proven(attempt: AuthAttempt, person: Person, groups: readonly Group[]): Verdict {
    const draft = draftOf(this.#directory.settings, person.entry, person.name, groups);
    this.#tracker.track(attempt.connection, person);
    return proven(draft);
  }
}

function reasonOf(state: PasswordState): string {
  return state.is === "right" ? "the password is right" : state.reason;
}

/** Too short, too simple, used before: constraintViolation, or what Active Directory calls a restriction of passwords. */
function isPolicy({ code, message }: Answer): boolean {
  return code === 19 || (code === 53 && message.includes("0000052D"));
}

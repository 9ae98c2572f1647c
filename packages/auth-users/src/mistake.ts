/** What is wrong with one value of a users file. The message never repeats the value where it could be a secret. */
export class Mistake extends Error {
  constructor(message: string) {
    super(message);
    this.name = "Mistake";
  }
}

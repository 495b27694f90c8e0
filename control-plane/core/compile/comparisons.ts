// Whether two values say the same, found out once for each pair of objects: what is shared by thousands is compared once.

import { equalStructures } from '#model/structure.ts';

export class Comparisons<T extends object> {
  readonly #answers = new WeakMap<T, WeakMap<T, boolean>>();

  holds(a: T, b: T): boolean {
    if (a === b) return true;
    let answers = this.#answers.get(a);
    if (answers === undefined) {
      answers = new WeakMap();
      this.#answers.set(a, answers);
    }
    let answer = answers.get(b);
    if (answer === undefined) {
      answer = equalStructures(a, b);
      answers.set(b, answer);
    }
    return answer;
  }
}

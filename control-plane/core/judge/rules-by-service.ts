// Rules of one segment, or of many, by the service they are for: of thousands, a query's service leaves a few to ask. It hands out every
// rule that can match and some that cannot, so whoever asks still asks each rule itself.

import { protocolNumbers, type Service } from '#model/service.ts';
import type { Rule } from '#policy/policy/policy.ts';

export class RulesByService<T extends Pick<Rule, 'services'> = Rule> {
  /** Places of the rules that name only single ports, by each of these; the rest are `#others`. */
  readonly #byPort = new Map<number, number[]>();
  readonly #others: number[] = [];
  readonly #rules: readonly T[];

  constructor(rules: readonly T[]) {
    this.#rules = rules;
    for (const [at, rule] of rules.entries()) {
      const keys = portKeys(rule);
      if (keys === undefined) this.#others.push(at);
      else for (const key of keys) this.#add(key, at);
    }
  }

  #add(key: number, at: number): void {
    const found = this.#byPort.get(key);
    if (found === undefined) this.#byPort.set(key, [at]);
    else found.push(at);
  }

  /** In the order of the rules. */
  *at({ protocol, port = 0 }: Service): Generator<T> {
    const named = this.#byPort.get(portKey(protocol, port)) ?? [];
    const others = this.#others;
    let [atNamed, atOthers] = [0, 0];
    for (;;) {
      const a = named[atNamed] ?? Number.POSITIVE_INFINITY;
      const b = others[atOthers] ?? Number.POSITIVE_INFINITY;
      const rule = this.#rules[Math.min(a, b)];
      if (rule === undefined) return;
      if (a < b) atNamed += 1;
      else atOthers += 1;
      yield rule;
    }
  }
}

/** Undefined where some term is more than one port. */
function portKeys({ services }: Pick<Rule, 'services'>): ReadonlySet<number> | undefined {
  const keys = new Set<number>();
  for (const term of services) {
    if (term.kind !== 'ports' || term.low !== term.high) return undefined;
    keys.add(portKey(protocolNumbers[term.protocol], term.low));
  }
  return keys;
}

function portKey(protocol: number, port: number): number {
  return protocol * 65_536 + port;
}

// Judges every pair of ends that an assertion is over, one pair of each pair of classes (end-classes.ts). Counts, failures and their order are
// those of judging pair by pair.

import { type Family, familyOf } from '#model/address.ts';
import type { Workload } from '#policy/policy/policy.ts';
import type { EndClass, EndClasses, Endpoint } from './end-classes.ts';

/** How many connections a run of tests may still judge. */
export interface JudgingBudget {
  left: number;
}

export interface PairJudging<Failure> {
  readonly from: readonly Endpoint[];
  readonly to: readonly Endpoint[];
  /** Absent: neither end is over many, and each pair is judged by itself. */
  readonly classes: EndClasses | undefined;
  /** The workload that an end is of, where pairs of one and the same are left out. */
  readonly ownerOf: (end: Endpoint) => Workload | undefined;
  /** Services of a pair, by family. */
  readonly serviceCounts: Readonly<Record<Family, number>>;
  /** Of one pair and one of its services. */
  readonly judge: (pair: Pair, service: number) => Failure | undefined;
  readonly mostFailures: number;
  readonly budget: JudgingBudget;
}

export interface Pair {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** `tried` counts connections that are judged, each by itself or by one that is alike. `over-budget`: not all could be. */
export interface JudgedPairs<Failure> {
  readonly failures: readonly Failure[];
  readonly tried: number;
  readonly end: 'complete' | 'over-budget';
}

export function judgePairs<Failure>(judging: PairJudging<Failure>): JudgedPairs<Failure> {
  return new PairJudge(judging).run();
}

/** Ends of one class, in their order. */
interface Group {
  readonly of: EndClass;
  readonly ends: Endpoint[];
}

type Outcome = 'holds' | 'fails';

class PairJudge<Failure> {
  readonly #judging: PairJudging<Failure>;
  readonly #failures: Failure[] = [];
  #tried = 0;
  #isOver = false;
  /** By pair of classes. */
  readonly #outcomes = new Map<string, Outcome>();
  /** Classes of which no pair with any end of `to` fails. */
  readonly #holding = new Set<number>();
  readonly #groups: readonly Group[];
  readonly #countOfTo: Record<Family, number> = { ipv4: 0, ipv6: 0 };
  readonly #countOfOwner = new Map<Workload | undefined, Record<Family, number>>();

  constructor(judging: PairJudging<Failure>) {
    this.#judging = judging;
    const groups = new Map<number, Group>();
    for (const end of judging.to) {
      const family = familyOf(end.address);
      const owner = judging.ownerOf(end);
      const own = this.#countOfOwner.get(owner) ?? { ipv4: 0, ipv6: 0 };
      this.#countOfOwner.set(owner, own);
      this.#countOfTo[family] += 1;
      own[family] += 1;
      const of = judging.classes?.of(end);
      const group = of === undefined ? undefined : groups.get(of.number);
      if (group !== undefined) group.ends.push(end);
      else if (of !== undefined) groups.set(of.number, { of, ends: [end] });
    }
    this.#groups = [...groups.values()];
  }

  run(): JudgedPairs<Failure> {
    const { from, classes, mostFailures } = this.#judging;
    for (const source of from) {
      const own = classes?.of(source);
      if (own !== undefined && this.#holdsTowardsAll(source, own)) this.#tried += this.#countFrom(source);
      else this.#judgeEach(source, own);
      if (this.#isOver || this.#failures.length >= mostFailures) break;
    }
    return { failures: this.#failures, tried: this.#tried, end: this.#isOver ? 'over-budget' : 'complete' };
  }

  #isPair(source: Endpoint, destination: Endpoint): boolean {
    if (familyOf(source.address) !== familyOf(destination.address)) return false;
    const owner = this.#judging.ownerOf(source);
    return owner === undefined || owner !== this.#judging.ownerOf(destination);
  }

  #holdsTowardsAll(source: Endpoint, own: EndClass): boolean {
    if (this.#holding.has(own.number)) return true;
    // Of a class that only this very workload is of, others of its own class may have a pair with.
    let isWhole = true;
    for (const { of, ends } of this.#groups) {
      if (of.family !== own.family) continue;
      const key = this.#judging.classes?.pairKey(own, of) ?? '';
      if (this.#outcomes.get(key) === 'holds') continue;
      const destination = ends.find((end) => this.#isPair(source, end));
      if (destination === undefined) isWhole = false;
      else if (this.#outcomeOf({ source, destination }, key) === 'fails') return false;
      if (this.#isOver) return false;
    }
    if (isWhole) this.#holding.add(own.number);
    return true;
  }

  #outcomeOf(pair: Pair, key: string): Outcome {
    const known = this.#outcomes.get(key);
    if (known !== undefined) return known;
    let outcome: Outcome = 'holds';
    for (let service = 0; service < this.#servicesOf(pair.source) && outcome === 'holds'; service += 1)
      if (this.#judge(pair, service) !== undefined) outcome = 'fails';
    this.#outcomes.set(key, outcome);
    return outcome;
  }

  #judge(pair: Pair, service: number): Failure | undefined {
    const { budget, judge } = this.#judging;
    budget.left -= 1;
    if (budget.left < 0) this.#isOver = true;
    return this.#isOver ? undefined : judge(pair, service);
  }

  #judgeEach(source: Endpoint, own: EndClass | undefined): void {
    const { to, classes, mostFailures } = this.#judging;
    const count = this.#servicesOf(source);
    for (const destination of to) {
      if (this.#isOver || this.#failures.length >= mostFailures) return;
      if (!this.#isPair(source, destination)) continue;
      const pair = { source, destination };
      if (own !== undefined && classes !== undefined) {
        const key = classes.pairKey(own, classes.of(destination));
        if (this.#outcomeOf(pair, key) === 'holds') {
          this.#tried += count;
          continue;
        }
      }
      for (let service = 0; service < count; service += 1) {
        if (this.#failures.length >= mostFailures) return;
        this.#tried += 1;
        const failure = this.#judge(pair, service);
        if (failure !== undefined) this.#failures.push(failure);
      }
    }
  }

  #servicesOf({ address }: Endpoint): number {
    return this.#judging.serviceCounts[familyOf(address)];
  }

  #countFrom(source: Endpoint): number {
    const family = familyOf(source.address);
    const owner = this.#judging.ownerOf(source);
    const own = owner === undefined ? 0 : (this.#countOfOwner.get(owner)?.[family] ?? 0);
    return (this.#countOfTo[family] - own) * this.#servicesOf(source);
  }
}

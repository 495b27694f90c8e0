// The label index the other way round: which of many selectors match one workload's labels. Each selector is filed under labels
// without one of which it matches nothing, so a workload is tried against the few filed under its own labels instead of all.

import type { Labels } from '#model/label.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';

/** Filing so few costs more than trying them. */
const mostUnfiled = 16;

/** A label with any value, or with one. */
interface Mark {
  readonly key: string;
  readonly value?: string;
}

type Bucket<Item> = Set<Item>;

export class SelectorIndex<Item extends { readonly selector: Selector }> {
  readonly #items = new Set<Item>();
  /** Made with the first item too many to try them all. */
  #files: Files<Item> | undefined;

  get size(): number {
    return this.#items.size;
  }

  add(item: Item): void {
    this.#items.add(item);
    if (this.#files !== undefined) this.#files.add(item);
    else if (this.#items.size > mostUnfiled) {
      this.#files = new Files();
      for (const each of this.#items) this.#files.add(each);
    }
  }

  remove(item: Item): void {
    if (this.#items.delete(item)) this.#files?.remove(item);
  }

  /** Each once, in no order. */
  matching(labels: Labels): readonly Item[] {
    const matches: Item[] = [];
    const candidates = this.#files?.candidates(labels) ?? this.#items;
    for (const item of candidates) if (selectorMatches(item.selector, labels)) matches.push(item);
    return matches;
  }
}

class Files<Item extends { readonly selector: Selector }> {
  readonly #byKey = new Map<string, Bucket<Item>>();
  readonly #byValue = new Map<string, Map<string, Bucket<Item>>>();
  readonly #others: Bucket<Item> = new Set();
  /** An item moves to no better place when buckets fill later, so that it is found again. */
  readonly #marks = new Map<Item, readonly Mark[]>();

  add(item: Item): void {
    const marks = this.#marksOf(item.selector);
    if (marks === undefined) {
      this.#others.add(item);
      return;
    }
    this.#marks.set(item, marks);
    for (const mark of marks) this.#bucket(mark).add(item);
  }

  remove(item: Item): void {
    this.#others.delete(item);
    for (const { key, value } of this.#marks.get(item) ?? []) {
      const buckets = value === undefined ? this.#byKey : this.#byValue.get(key);
      const name = value ?? key;
      const bucket = buckets?.get(name);
      bucket?.delete(item);
      if (bucket?.size === 0) buckets?.delete(name);
      if (value !== undefined && buckets?.size === 0) this.#byValue.delete(key);
    }
    this.#marks.delete(item);
  }

  candidates(labels: Labels): ReadonlySet<Item> {
    const found = new Set(this.#others);
    for (const [key, value] of labels) {
      for (const item of this.#byKey.get(key) ?? []) found.add(item);
      for (const item of this.#byValue.get(key)?.get(value) ?? []) found.add(item);
    }
    return found;
  }

  /** Of the terms of an "and", the one whose buckets hold least. Undefined where labels that are absent can match. */
  #marksOf(selector: Selector): readonly Mark[] | undefined {
    switch (selector.kind) {
      case 'has':
        return [{ key: selector.key }];
      case 'in':
        return [...selector.values].map((value) => ({ key: selector.key, value }));
      case 'and':
        return selector.terms.reduce<readonly Mark[] | undefined>((best, term) => {
          const marks = this.#marksOf(term);
          return marks !== undefined && (best === undefined || this.#load(marks) < this.#load(best)) ? marks : best;
        }, undefined);
      case 'or': {
        const marks = selector.terms.map((term) => this.#marksOf(term));
        return marks.includes(undefined) ? undefined : marks.flatMap((own) => own ?? []);
      }
      case 'all':
      case 'not':
      case 'not-in':
        return undefined;
    }
  }

  #load(marks: readonly Mark[]): number {
    let sum = 0;
    for (const { key, value } of marks) {
      const bucket = value === undefined ? this.#byKey.get(key) : this.#byValue.get(key)?.get(value);
      sum += bucket?.size ?? 0;
    }
    return sum;
  }

  #bucket({ key, value }: Mark): Bucket<Item> {
    let buckets = this.#byKey;
    if (value !== undefined) {
      buckets = this.#byValue.get(key) ?? new Map();
      this.#byValue.set(key, buckets);
    }
    const bucket = buckets.get(value ?? key) ?? new Set();
    buckets.set(value ?? key, bucket);
    return bucket;
  }
}

// A map that is another map but for some keys, so that one change among 100,000 entries copies none of them. Both stay as they are;
// what was patched many times over is copied at last, and so a change costs little on average.

/** Beyond this share of the entries the patches are worth a copy of the whole. */
const mostPatchedShare = 1 / 16;
const fewestPatches = 64;

/** `changes`: each key's new value, or undefined where it goes. Keys keep their place in the order of iteration; new ones come last. */
export function patchedMap<Key, Value extends NonNullable<unknown>>(
  map: ReadonlyMap<Key, Value>,
  changes: ReadonlyMap<Key, Value | undefined>,
): ReadonlyMap<Key, Value> {
  if (changes.size === 0) return map;
  const base = map instanceof PatchedMap ? map.base : map;
  const patches = new Map(map instanceof PatchedMap ? map.patches : undefined);
  for (const [key, value] of changes) patches.set(key, value);
  const patched = new PatchedMap<Key, Value>(base, patches);
  return patches.size <= Math.max(fewestPatches, base.size * mostPatchedShare) ? patched : new Map(patched);
}

class PatchedMap<Key, Value extends NonNullable<unknown>> implements ReadonlyMap<Key, Value> {
  readonly base: ReadonlyMap<Key, Value>;
  readonly patches: ReadonlyMap<Key, Value | undefined>;
  readonly size: number;

  constructor(base: ReadonlyMap<Key, Value>, patches: ReadonlyMap<Key, Value | undefined>) {
    this.base = base;
    this.patches = patches;
    let { size } = base;
    for (const [key, value] of patches) size += Number(value !== undefined) - Number(base.has(key));
    this.size = size;
  }

  get(key: Key): Value | undefined {
    return this.patches.has(key) ? this.patches.get(key) : this.base.get(key);
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[Key, Value]> {
    for (const [key, old] of this.base) {
      const value = this.patches.has(key) ? this.patches.get(key) : old;
      if (value !== undefined) yield [key, value];
    }
    for (const [key, value] of this.patches) if (value !== undefined && !this.base.has(key)) yield [key, value];
  }

  *keys(): MapIterator<Key> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<Value> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(visit: (value: Value, key: Key, map: ReadonlyMap<Key, Value>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }

  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.entries();
  }
}

// Elements of a map of ours that come and go.

import type { Address } from '#model/address.ts';

/** Where a map leads: to a chain, or by a tag (map-values.ts). */
export type ElementAnswer = { readonly chain: string } | { readonly tag: number };

/** A key is a cgroup as the kernel numbers it, or an address; a deletion names the key alone. */
export type ElementChange =
  | { readonly kind: 'add'; readonly map: string; readonly key: bigint | Address; readonly answer: ElementAnswer }
  | { readonly kind: 'delete'; readonly map: string; readonly key: bigint | Address };

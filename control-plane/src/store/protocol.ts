// What passes between the store and its workers: groups of calls, each group one transaction, and their answers in order.

import type { OperationName } from './operations.ts';

export interface StoreCall {
  readonly operation: OperationName;
  readonly input: unknown;
}

export interface StoreWorkerOptions {
  readonly path: string;
  readonly access: 'write' | 'read';
}

export type StoreAnswer =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly message: string };

/** `opened` comes first and once. */
export type StoreReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'not-opened'; readonly message: string }
  | { readonly kind: 'answers'; readonly answers: readonly StoreAnswer[] };

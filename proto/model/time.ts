// Time is a value: pure code is given it, and never asks a clock.

declare const millisBrand: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z, an integer. */
export type Millis = number & { readonly [millisBrand]: true };

export function millis(value: number): Millis {
  return Math.trunc(value) as Millis;
}

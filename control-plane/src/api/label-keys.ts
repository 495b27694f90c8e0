// Which keys an operator may give as labels: neither facts, which agents report, nor words of the selector language.

import { factPrefix, reservedKeys } from '#model/label.ts';
import { ApiError } from '../answers/api-error.ts';

/** Throws an ApiError for the first that may not be. */
export function assertLabelKeys(keys: readonly string[]): void {
  for (const key of keys) assertLabelKey(key);
}

function assertLabelKey(key: string): void {
  if (key.startsWith(factPrefix)) {
    throw new ApiError(
      'label-invalid',
      `"${key}" is a fact: labels under "${factPrefix}" are what agents report, and cannot be set`,
    );
  }
  if (reservedKeys.has(key))
    throw new ApiError('label-invalid', `"${key}" is a word of the selector language and cannot be a label`);
}

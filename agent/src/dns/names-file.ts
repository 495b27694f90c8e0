// What the names of the policy stood for, as the state directory keeps it: one line of JSON. Whatever is in it that is no such
// entry is left out: it only saves a start from asking again.

import type { LearntAddress } from '#agent-core/dns/learnt-names.ts';
import { parseAddress } from '#model/address.ts';
import { domainName } from '#model/domain-name.ts';

export function encodeLearntNames(entries: readonly LearntAddress[]): Uint8Array {
  return Buffer.from(`${JSON.stringify(entries)}\n`);
}

export function decodeLearntNames(bytes: Uint8Array): readonly LearntAddress[] {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return [];
  }
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown): LearntAddress[] => {
    if (!Array.isArray(entry)) return [];
    const [name, text, until] = entry as readonly unknown[];
    if (typeof name !== 'string' || typeof text !== 'string' || typeof until !== 'number') return [];
    const address = parseAddress(text);
    return domainName(name) === name && address.ok && Number.isFinite(until) ? [[name, address.value, until]] : [];
  });
}

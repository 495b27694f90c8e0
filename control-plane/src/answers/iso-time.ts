import type { Millis } from '#model/time.ts';

export function isoTime(at: Millis | number): string {
  return new Date(at).toISOString();
}

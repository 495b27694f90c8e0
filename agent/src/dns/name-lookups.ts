// Asks the host's resolvers for the exact names of the policy, at their TTL: so that what they stand for is known before anyone
// connects, and also where no answer can be seen (DNS over TLS or HTTPS). Names with "*." cannot be asked for.

import { Resolver } from 'node:dns/promises';
import type { AnsweredAddress } from '#agent-core/dns/dns-answer.ts';
import { type Address, parseAddress } from '#model/address.ts';

export interface NameLookups {
  /** Begins whatever is due; `nowMs` is of a clock that never goes back. */
  tick(due: {
    readonly names: readonly string[];
    readonly resolvers: readonly Address[];
    readonly nowMs: number;
  }): void;
  /** Names of which the last look-up had no answer, be it "there is none". */
  failed(): number;
  close(): void;
}

/** Half a minute is far below what an address is kept for; five minutes keep up with whoever moves. */
const againLeastMs = 30_000;
const againMostMs = 300_000;
const retryMs = 10_000;
const atOnceMost = 8;
const askMs = 2000;

export function createNameLookups(options: {
  readonly learn: (answered: readonly AnsweredAddress[]) => unknown;
}): NameLookups {
  const dueAt = new Map<string, number>();
  const failing = new Set<string>();
  let running = 0;
  let resolver = new Resolver({ timeout: askMs, tries: 2 });
  let servers = '';
  let isClosed = false;

  const ask = async (name: string, startedAt: number) => {
    running += 1;
    const answers = await Promise.allSettled([
      resolver.resolve4(name, { ttl: true }),
      resolver.resolve6(name, { ttl: true }),
    ]);
    running -= 1;
    if (isClosed || !dueAt.has(name)) return;
    const answered = answers
      .flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
      .flatMap((record) => {
        const address = parseAddress(record.address);
        return address.ok ? [{ address: address.value, names: [name], ttlSeconds: record.ttl }] : [];
      });
    const isAnswered = answered.length > 0 || answers.some(({ status }) => status === 'fulfilled');
    if (isAnswered) failing.delete(name);
    else failing.add(name);
    options.learn(answered);
    const ttlMs = Math.min(...answered.map(({ ttlSeconds }) => ttlSeconds * 1000), againMostMs);
    dueAt.set(name, startedAt + (answered.length === 0 ? retryMs : Math.max(ttlMs, againLeastMs)));
  };

  return {
    tick({ names, resolvers, nowMs }) {
      if (resolvers.length === 0) return;
      if (resolvers.join() !== servers) {
        servers = resolvers.join();
        resolver = new Resolver({ timeout: askMs, tries: 2 });
        resolver.setServers([...resolvers]);
      }
      const exact = new Set(names.filter((name) => !name.startsWith('*.')));
      for (const name of dueAt.keys()) {
        if (exact.has(name)) continue;
        dueAt.delete(name);
        failing.delete(name);
      }
      for (const name of exact) {
        if (running >= atOnceMost) return;
        if ((dueAt.get(name) ?? 0) > nowMs) continue;
        dueAt.set(name, Number.POSITIVE_INFINITY);
        void ask(name, nowMs);
      }
    },
    failed: () => failing.size,
    close() {
      isClosed = true;
      resolver.cancel();
    },
  };
}

// Many hosts in one process: each enrols and keeps its policy stream by the agent's own code, over real TLS. What an agent does to a kernel is
// left out, so that a thousand fit beside the control plane they talk to.

import { join } from 'node:path';
import pino from 'pino';
import { enroll } from '#agent/link/enroll.ts';
import { openIdentity } from '#agent/link/identity.ts';
import { createPolicySync } from '#agent/policy/policy-sync.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { Secret } from '#model/secret.ts';

export interface ManyHosts {
  readonly directory: string;
  readonly from: number;
  readonly count: number;
}

export interface Enrolling extends ManyHosts {
  /** HOST:PORT for that host. */
  readonly controlPlaneOf: (n: number) => string;
  readonly caFingerprint: string;
  /** Taken in turn. */
  readonly tokens: readonly string[];
  readonly patienceMs: number;
}

export interface EnrolledMany {
  /** Why those did not get in that did not. */
  readonly failures: readonly string[];
  /** From the start of all to the last answer. */
  readonly tookMs: number;
}

const nameOf = (n: number) => `host-${n}`;
const stateOf = (directory: string, n: number) => join(directory, nameOf(n));
const numbersOf = ({ from, count }: ManyHosts) => Array.from({ length: count }, (_, at) => from + at);

/** All at once, as machines that one template makes. */
export async function enrolMany(given: Enrolling): Promise<EnrolledMany> {
  const { directory, controlPlaneOf, caFingerprint, tokens, patienceMs } = given;
  const began = performance.now();
  const outcomes = await Promise.all(
    numbersOf(given).map((n) =>
      enroll({
        controlPlane: controlPlaneOf(n),
        caFingerprint,
        token: new Secret(tokens[n % tokens.length] ?? ''),
        name: nameOf(n),
        stateDirectory: stateOf(directory, n),
        patienceMs,
      }),
    ),
  );
  const failures = outcomes.flatMap((one) => (one.ok ? [] : [`${one.error.code}: ${one.error.message}`]));
  return { failures, tookMs: performance.now() - began };
}

export interface RunningMany {
  /** From now on: forgets who is connected. Resolves, with the milliseconds since, when all have connected anew. */
  allAnew(): Promise<number>;
  /** Since the last `allAnew`, or since `countAnew` was called: how often a host tried to connect, and when the first was connected. */
  counted(): { readonly tries: number; readonly firstMs: number };
  countAnew(): void;
  /** Hosts that hold a rule set. */
  held(): number;
  stop(): Promise<void>;
}

export async function runMany(given: ManyHosts & { readonly addressOf: (n: number) => string }): Promise<RunningMany> {
  const { directory, addressOf } = given;
  const log = pino({ level: 'silent' });
  const ending = new AbortController();
  const waiting = new Set<number>();
  let connectedAll = (): void => undefined;
  const counted = { tries: 0, began: performance.now(), firstMs: Number.NaN };
  const countAnew = () => void Object.assign(counted, { tries: 0, began: performance.now(), firstMs: Number.NaN });
  const parts = await Promise.all(
    numbersOf(given).map(async (n) => {
      const identity = assertOk(await openIdentity({ stateDirectory: stateOf(directory, n), log }));
      return { n, identity, held: undefined as HostRuleSet | undefined };
    }),
  );
  const allAnew = (): Promise<number> => {
    const began = performance.now();
    countAnew();
    for (const { n } of parts) waiting.add(n);
    return new Promise((resolve) => {
      connectedAll = () => resolve(performance.now() - began);
    });
  };
  const syncs = parts.map((part) =>
    createPolicySync({
      identity: part.identity,
      enforcer: {
        held: () => part.held,
        async apply(ruleSet) {
          part.held = ruleSet;
          return { kind: 'applied', revision: ruleSet.revision };
        },
      },
      agentVersion: '0.1.0',
      hostReport: () => ({ addresses: [addressOf(part.n)], facts: new Map([['os', 'debian']]) }),
      status: () => ({
        revision: part.held?.revision ?? 0,
        enforcing: true,
        lost: 0,
        spooledBatches: 0,
        repairs: 0,
        problem: '',
      }),
      heardTime: () => undefined,
      signal: ending.signal,
      log,
      onState(state) {
        if (state === 'connecting') counted.tries += 1;
        if (state === 'connected' && Number.isNaN(counted.firstMs)) counted.firstMs = performance.now() - counted.began;
        if (state === 'connected' && waiting.delete(part.n) && waiting.size === 0) connectedAll();
      },
    }),
  );
  return {
    allAnew,
    countAnew,
    counted: () => counted,
    held: () => parts.filter(({ held }) => held !== undefined).length,
    async stop() {
      ending.abort();
      await Promise.all(syncs.map(({ done }) => done));
      for (const { identity } of parts) identity.close();
    },
  };
}

// An agent's network half, for real (enrolment, certificate, policy stream, flow reports), over an enforcer that only remembers.

import { join } from 'node:path';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import { createFlowReporter } from '#agent/flows/flow-reporter.ts';
import { enroll } from '#agent/link/enroll.ts';
import { type Identity, openIdentity } from '#agent/link/identity.ts';
import { createPolicySync } from '#agent/policy/policy-sync.ts';
import type { ApplyOutcome, FlowReporter } from '#agent/table/apply-outcome.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { Secret } from '#model/secret.ts';
import type { Millis } from '#model/time.ts';
import { scratchDirectory } from './scratch-directory.ts';

export interface WireAgent {
  readonly applied: readonly HostRuleSet[];
  /** The rule set in force, once `holds` of it. */
  until(holds: (ruleSet: HostRuleSet) => boolean): Promise<HostRuleSet>;
  readonly flows: FlowReporter;
  readonly stateDirectory: string;
  readonly identity: Identity;
  /** That it was told a revision, as the control plane gave it. */
  proof(): Uint8Array | undefined;
  stop(): Promise<void>;
}

export interface WireAgentOptions {
  readonly controlPlane: string;
  readonly caFingerprint: string;
  readonly token: string;
  readonly name: string;
  readonly addresses: readonly string[];
  /** Why the kernel would refuse it, or undefined. */
  readonly refuse?: (ruleSet: HostRuleSet) => string | undefined;
  /** Its certificate is renewed in time, and it moves to another CA at once. Default not. */
  readonly renews?: true;
  /** It takes schedules, and judges them by itself. Default: it is sent what grants. */
  readonly heardTime?: (sentAt: Millis) => void;
}

export async function startWireAgent(options: WireAgentOptions): Promise<WireAgent> {
  const { controlPlane, caFingerprint, token, name } = options;
  const stateDirectory = join(await scratchDirectory(), name);
  assertOk(await enroll({ controlPlane, caFingerprint, token: new Secret(token), name, stateDirectory }));
  return connectWireAgent(stateDirectory, options);
}

/** One that is enrolled. */
export async function connectWireAgent(
  stateDirectory: string,
  options: Pick<WireAgentOptions, 'addresses' | 'refuse' | 'renews' | 'heardTime'>,
): Promise<WireAgent> {
  const log = pino({ level: 'silent' });
  const identity = assertOk(await openIdentity({ stateDirectory, log, moveSpreadMs: 0 }));
  const abort = new AbortController();
  const renewing = options.renews ? identity.keepRenewed(abort.signal) : undefined;
  const applied: HostRuleSet[] = [];
  const watchers = new Set<() => void>();
  let proof: Uint8Array | undefined;
  const sync = createPolicySync({
    identity,
    enforcer: {
      held: () => applied.at(-1),
      async apply(ruleSet): Promise<ApplyOutcome> {
        const reason = options.refuse?.(ruleSet);
        if (reason !== undefined) return { kind: 'refused', revision: ruleSet.revision, reason };
        applied.push(ruleSet);
        for (const look of watchers) look();
        return { kind: 'applied', revision: ruleSet.revision };
      },
    },
    agentVersion: '0.1.0',
    hostReport: () => ({
      addresses: options.addresses.map((text) => assertOk(parseAddress(text))),
      facts: new Map([['os', 'debian']]),
    }),
    status: () => ({
      revision: applied.at(-1)?.revision ?? 0,
      enforcing: true,
      lost: 0,
      spooledBatches: 0,
      repairs: 0,
      problem: '',
    }),
    proof: {
      current: () => proof,
      take: (next) => {
        proof = next;
      },
    },
    ...(options.heardTime === undefined ? {} : { heardTime: options.heardTime }),
    signal: abort.signal,
    log,
    onState: () => undefined,
    times: { backoffLeastMs: 20, backoffMostMs: 200 },
  });
  const stop = async () => {
    abort.abort();
    await Promise.all([sync.done, renewing]);
  };
  onTestFinished(stop);
  return {
    stateDirectory,
    identity,
    applied,
    flows: createFlowReporter({ identity }),
    proof: () => proof,
    stop,
    until: (holds) =>
      new Promise((resolve) => {
        const look = () => {
          const ruleSet = applied.at(-1);
          if (ruleSet === undefined || !holds(ruleSet)) return;
          watchers.delete(look);
          resolve(ruleSet);
        };
        watchers.add(look);
        look();
      }),
  };
}

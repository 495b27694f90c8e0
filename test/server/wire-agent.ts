// An agent's network half, for real (enrolment, certificate, policy stream, flow reports), over an enforcer that only remembers.

import { join } from 'node:path';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import { createFlowReporter } from '#agent/flows/flow-reporter.ts';
import { enroll } from '#agent/link/enroll.ts';
import { type Identity, openIdentity } from '#agent/link/identity.ts';
import { type Announced, createFollower } from '#agent/policy/announced.ts';
import { askControlPlane } from '#agent/policy/ask-control-plane.ts';
import { createPolicySync, type PolicySync } from '#agent/policy/policy-sync.ts';
import type { ApplyOutcome, FlowReporter } from '#agent/table/apply-outcome.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { Secret } from '#model/secret.ts';
import type { Millis } from '#model/time.ts';
import { controlPlaneText } from '#wire/control-plane-address.ts';
import { scratchDirectory } from './scratch-directory.ts';

export interface WireAgent {
  readonly applied: readonly HostRuleSet[];
  /** The rule set in force, once `holds` of it. */
  until(holds: (ruleSet: HostRuleSet) => boolean): Promise<HostRuleSet>;
  readonly flows: FlowReporter;
  readonly stateDirectory: string;
  readonly identity: Identity;
  /** Undefined where nothing is announced to it, or it follows nothing. */
  announced(): Announced | undefined;
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
  /** It follows announcements at once; called with what is let through from then on. */
  readonly permit?: (addresses: readonly string[]) => void;
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
  options: Pick<WireAgentOptions, 'addresses' | 'refuse' | 'renews' | 'heardTime' | 'permit'>,
): Promise<WireAgent> {
  const log = pino({ level: 'silent' });
  const identity = assertOk(await openIdentity({ stateDirectory, log, moveSpreadMs: 0 }));
  const abort = new AbortController();
  const renewing = options.renews ? identity.keepRenewed(abort.signal) : undefined;
  const applied: HostRuleSet[] = [];
  const watchers = new Set<() => void>();
  let proof: Uint8Array | undefined;
  const { permit } = options;
  const follower =
    permit === undefined
      ? undefined
      : createFollower({
          identity,
          permit: async (all) => permit(all.map(controlPlaneText)),
          ask: (address, signal) =>
            askControlPlane({ identity, address, agentVersion: '0.1.0', proof, timeoutMs: 5000, signal }),
          leave: () => sync.leave(),
          signal: abort.signal,
          log,
          times: { spreadMs: 0, againLeastMs: 20, againMostMs: 100 },
        });
  const sync: PolicySync = createPolicySync({
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
      ...followingOf(follower),
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
    ...(follower === undefined ? {} : { announced: follower.told }),
    onState: (state) => {
      if (state === 'connected') follower?.connected();
    },
    times: { backoffLeastMs: 20, backoffMostMs: 200, ...(follower === undefined ? {} : { statusMs: 100 }) },
  });
  const stop = async () => {
    abort.abort();
    await Promise.all([sync.done, renewing, follower?.done]);
  };
  onTestFinished(stop);
  return {
    stateDirectory,
    identity,
    applied,
    flows: createFlowReporter({ identity }),
    announced: () => follower?.standing(),
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

function followingOf(follower: { standing(): Announced | undefined } | undefined) {
  const announced = follower?.standing();
  if (announced === undefined) return {};
  const { announcement, state, problem } = announced;
  return { following: { announcement, state, problem } };
}

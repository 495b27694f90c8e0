// From connections and denials to the control plane: collected and attributed, spooled on disk, sent from there.
//
//   conntrack, denied sets ─► flow collection ─► spool ─► flow sender ─► flow reporter ══gRPC══► control plane

import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Enforcement } from '#agent/enforce/enforcement.ts';
import type { HostAddresses } from '#agent/host/addresses.ts';
import type { Identity } from '#agent/link/identity.ts';
import type { NetlinkReader } from '#agent/netlink/read-loop.ts';
import type { AgentSettings } from '#agent/settings/settings.ts';
import type { StateDirectory } from '#agent/state/state-directory.ts';
import type { OpenedAs } from '#agent-core/flows/connection-direction.ts';
import type { ConntrackEntry } from '#agent-core/netlink/conntrack-entry.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { EssentialEntry } from '#model/rule-set.ts';
import { decodeFlowBatch, encodeFlowBatch } from '#wire/flow-batch.ts';
import { attributionOf } from './attribution.ts';
import { createDeniedSource } from './denied-source.ts';
import { createFlowCollection } from './flow-collection.ts';
import { createFlowReporter } from './flow-reporter.ts';
import { createFlowSender, type RefusedRecords } from './flow-sender.ts';
import { openFlowSpool } from './flow-spool.ts';

/** What the agent's status says of its flows, counted since its start. */
export interface FlowsStatus {
  readonly events: number;
  readonly overruns: number;
  readonly malformed: number;
  readonly lostRecords: number;
  /** Denied packets that found no room in the kernel's sets. */
  readonly unrecordedDenials: { readonly inbound: number; readonly outbound: number };
  readonly lostConnections: number;
  readonly spooledBatches: number;
  readonly spooledBytes: number;
  /** Records that the control plane did not count, since the agent's start: of workloads or addresses that are not this host's, too old. */
  readonly refused: RefusedRecords;
}

export interface FlowPipeline {
  /** Absent where conntrack's events cannot be had. */
  readonly reader: NetlinkReader | undefined;
  /** What is seen from now on is attributed by the rule set in force now. */
  policyChanged(): void;
  /** The control plane is back: no reason to wait. */
  nudge(): void;
  /** Until the signal aborts; then what was seen is spooled. */
  run(signal: AbortSignal): readonly Promise<void>[];
  /** Every flow lost since the start, by any cause. */
  lost(): number;
  spooledBatches(): number;
  status(): FlowsStatus;
  /** Once nothing reads any more. */
  close(): void;
}

export interface FlowPipelineOptions {
  readonly state: StateDirectory;
  readonly settings: AgentSettings;
  readonly identity: Identity;
  readonly enforcement: Pick<Enforcement, 'nft' | 'enforcer' | 'names'>;
  readonly hostAddresses: () => Pick<HostAddresses, 'all' | 'published'>;
  readonly essentials: () => readonly EssentialEntry[];
  /** The kernel took up a TCP connection in its midst. */
  readonly pickedUp: () => void;
  /** It saw one begin. */
  readonly began: (connection: ConntrackEntry) => void;
  readonly openedAs: OpenedAs;
  readonly log: Logger;
}

export async function openFlowPipeline(options: FlowPipelineOptions): Promise<FlowPipeline> {
  const { state, settings, identity, log } = options;
  const { nft, enforcer, names } = options.enforcement;
  const { marks } = settings.connections;
  const spool = await openFlowSpool({
    state,
    codec: { encode: encodeFlowBatch, decode: decodeFlowBatch },
    bytesMost: settings.flows.spoolBytesMost,
    // A state directory that was lost must not begin below what the control plane has seen; batches are seconds apart.
    firstSequence: Math.floor(systemClock.wall() / 1000),
    run: randomBytes(16).toString('hex'),
  });
  const collection = await createFlowCollection({
    settings: settings.flows,
    marks,
    spool,
    state,
    denied: createDeniedSource({
      nft,
      marks,
      deniesIn(number) {
        const decision = enforcer.decisionOf(number);
        return decision?.end.verdict === 'deny' ? decision.direction : undefined;
      },
    }),
    attribution: () =>
      attributionOf({
        host: identity.host,
        ruleSet: names.known(enforcer.held()),
        hostAddresses: options.hostAddresses().all,
        published: options.hostAddresses().published,
        essentials: options.essentials(),
        stamps: enforcer.stamps(),
        decisionOf: (number) => enforcer.decisionOf(number),
      }),
    pickedUp: options.pickedUp,
    began: options.began,
    openedAs: options.openedAs,
    log,
    spooled: () => sender.nudge(),
  });
  const sender = createFlowSender({
    spool,
    reporter: createFlowReporter({ identity }),
    reported(outcome) {
      if (outcome.kind === 'sent') log.info('flows are reported again');
      else if (outcome.kind === 'refused')
        log.error(
          { sequence: outcome.sequence, reason: outcome.reason },
          'the control plane refused a batch of flows; its connections are counted as lost',
        );
      else log.warn({ reason: outcome.reason }, 'flows cannot be sent; they wait on disk');
    },
  });
  return {
    reader: collection.reader,
    policyChanged: () => collection.policyChanged(),
    nudge: () => sender.nudge(),
    run: (signal) => [sender.run(signal), collection.run(signal)],
    lost() {
      const { overruns, lostRecords, unrecordedDenials } = collection.counts();
      const { lostConnections, damagedFiles } = spool.counts();
      const denials = unrecordedDenials.inbound + unrecordedDenials.outbound;
      return overruns + lostRecords + lostConnections + damagedFiles + denials;
    },
    spooledBatches: () => spool.counts().batches,
    status() {
      const { batches, bytes, lostConnections } = spool.counts();
      const refused = sender.refused();
      return { ...collection.counts(), lostConnections, spooledBatches: batches, spooledBytes: bytes, refused };
    },
    close: () => collection.close(),
  };
}

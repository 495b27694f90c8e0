// What the settings say of the agents' port, and where the audit log hears of the connections that it refused.

import type { Logger } from 'pino';
import type { AgentServerOptions } from '#control-plane/agents/agent-service.ts';
import { RepeatedRefusals } from '#control-plane/notes/repeated-refusals.ts';
import { type AdmissionLimits, admissionLimits } from '#control-plane/rpc/admission-limits.ts';
import type { ConnectionRefusal } from '#control-plane/rpc/agent-listener.ts';
import type { Settings } from '#control-plane/settings/settings.ts';
import { parseAddress } from '#model/address.ts';
import { rangesContain } from '#model/address-range.ts';
import type { Millis } from '#model/time.ts';
import { proxyRanges } from './claims-options.ts';
import type { AuditNote } from './store/audit.ts';

const mebibyte = 1024 * 1024;

type AdmissionSettings = Pick<
  Settings,
  'agentConnections' | 'strangerConnections' | 'strangerConnectionsOfAddress' | 'agentMegabytes' | 'proxies'
>;

export function limitsOf(settings: AdmissionSettings): AdmissionLimits {
  const { agentConnections, strangerConnections, strangerConnectionsOfAddress: ofSource, agentMegabytes } = settings;
  const { strangerPlaces, familiarPlaces, agent } = admissionLimits;
  return {
    ...admissionLimits,
    agents: agentConnections,
    strangerPlaces: { ...strangerPlaces, all: strangerConnections, ofSource },
    familiarPlaces: { ...familiarPlaces, ofSource },
    agent: { ...agent, bytes: { ...agent.bytes, all: agentMegabytes * mebibyte } },
  };
}

export interface Admission extends Required<Pick<AgentServerOptions, 'limits' | 'isShared' | 'connectionRefused'>> {
  /** Writes down what was counted and not yet told. */
  stop(): void;
}

/** Ends by itself, or is of a handshake that never became one: counted in the metrics alone. */
const untold: ReadonlySet<ConnectionRefusal> = new Set(['silent', 'evicted']);

export function admissionOptions(
  settings: AdmissionSettings,
  parts: { readonly now: () => Millis; readonly log: Logger; readonly audit: (note: AuditNote) => Promise<void> },
): Admission {
  const { now, log, audit } = parts;
  const proxies = proxyRanges(settings.proxies);
  const refusals = new RepeatedRefusals<ConnectionRefusal>({
    now,
    tell: ({ target, details }) => {
      log.warn({ target, details }, 'a connection to the port of agents was refused');
      void audit({ at: now(), actor: 'control-plane', action: 'connection-refused', target, details }).catch(
        (cause: unknown) => log.error({ err: cause }, 'a refused connection is not in the audit log'),
      );
    },
  });
  return {
    limits: limitsOf(settings),
    isShared: (text) => {
      const address = parseAddress(text);
      return address.ok && rangesContain(proxies, address.value);
    },
    connectionRefused: ({ address, host, reason }) => {
      if (!untold.has(reason)) refusals.take({ address, reason, ...(host === undefined ? {} : { name: host }) });
    },
    stop: () => refusals.stop(),
  };
}

// Every limit of the agents' port on connections, streams, bytes and time, with its reason. Who has shown no certificate that holds is a
// stranger and gets the least; what strangers may take is theirs alone, so that they cannot use up what agents need. Bounds on what a message
// holds are in proto/wire/limits.ts.

import type { ServerOptions } from 'node:http2';
import { limits } from '#wire/limits.ts';
import type { ByteLimits } from './byte-budget.ts';
import type { TurnLimits } from './handshake-turns.ts';
import type { RateBudgetOptions } from './rate-budget.ts';
import type { PlaceLimits } from './stranger-places.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** What one connection may do. */
export interface ConnectionLimits {
  /** HTTP/2's own bounds, all named here, so that no version of Node changes them. */
  readonly http2: ServerOptions;
  /** Pings and changes of settings that it may send. */
  readonly controls: RateBudgetOptions;
  /** Calls that it may begin. */
  readonly calls: RateBudgetOptions;
  /** Messages on a stream; who is faster waits. */
  readonly messages: RateBudgetOptions;
  /** From its first byte to its last. */
  readonly messageMs: number;
  /** A message may come in so many pieces, and one more for each so many bytes. */
  readonly pieces: { readonly most: number; readonly bytesEach: number };
  /** From the handshake to the end, whatever it does; agents stay. */
  readonly lifeMs?: number;
  /** In its whole life, below TLS; agents may send without end. */
  readonly wireBytes?: number;
  /** Unfinished and unanswered messages. */
  readonly bytes: ByteLimits;
}

export interface AdmissionLimits {
  /** From the first packet to the first bytes, and from a handshake's beginning to its end. */
  readonly handshakeMs: number;
  /** Handshakes at a time: of strangers, and as many of those who come from where an enrolled host is at home. */
  readonly handshakes: TurnLimits;
  /** Connections of strangers, an unfinished handshake included. */
  readonly strangerPlaces: PlaceLimits;
  /** The same for those who come from where an enrolled host is at home. */
  readonly familiarPlaces: PlaceLimits;
  /** New connections of one address. */
  readonly connectionsOfSource: RateBudgetOptions;
  /** New connections from all addresses where no enrolled host is at home. */
  readonly strangerConnections: RateBudgetOptions;
  /** New connections from all addresses where one is. */
  readonly familiarConnections: RateBudgetOptions;
  /** Connections with a certificate that holds, in all and of one host: the one in use, the next one after a renewal, and what is not yet known to be gone. */
  readonly agents: number;
  readonly agentsOfHost: number;
  /** Streams that were opened and have not come to their first rule set, for some seconds: each costs a compile and a snapshot. */
  readonly hellosAtOnce: number;
  /** Streams of one host. An agent that finds no control plane waits longer each time; who comes faster than this wants turns that others need. */
  readonly hellosOfHost: RateBudgetOptions;
  /**
   * Bytes of one host on its policy streams, before a message is read: what it costs to read one follows its size. Beyond it the stream waits;
   * a host that owes more than `patienceMs` comes back later.
   */
  readonly streamBytesOfHost: RateBudgetOptions & { readonly patienceMs: number };
  readonly stranger: ConnectionLimits;
  readonly agent: ConnectionLimits;
}

export const admissionLimits: AdmissionLimits = {
  handshakeMs: 10_000,
  // An agent gives a connection ten seconds at first.
  handshakes: { all: 32, ofSource: 24, holdMs: 1000, patienceMs: 9000 },
  strangerPlaces: { all: 1024, ofSource: 256, graceMs: 2000 },
  familiarPlaces: { all: 2048, ofSource: 256, graceMs: 2000 },
  connectionsOfSource: { burst: 256, everyMs: 20 },
  strangerConnections: { burst: 1024, everyMs: 5 },
  familiarConnections: { burst: 2048, everyMs: 1 },
  agents: 25_000,
  agentsOfHost: 4,
  hellosAtOnce: 512,
  hellosOfHost: { burst: 600, everyMs: 250 },
  // Two of the largest reports at once, then a large one in eight seconds: the largest was measured at 0.1 to 0.5 s of the thread that serves all.
  streamBytesOfHost: {
    burst: 2 * limits.streamMessageBytes,
    everyMs: 1000 / (256 * kibibyte),
    patienceMs: 10_000,
  },
  stranger: {
    http2: {
      settings: {
        enablePush: false,
        enableConnectProtocol: false,
        maxConcurrentStreams: 2,
        initialWindowSize: 16 * kibibyte,
        maxFrameSize: 16 * kibibyte,
        maxHeaderListSize: 4 * kibibyte,
        headerTableSize: 4 * kibibyte,
      },
      maxSessionMemory: 1,
      maxDeflateDynamicTableSize: 4 * kibibyte,
      maxHeaderListPairs: 32,
      maxOutstandingPings: 1,
      maxSettings: 8,
      maxSessionInvalidFrames: 8,
      maxSessionRejectedStreams: 8,
      streamResetBurst: 8,
      streamResetRate: 1,
    },
    controls: { burst: 16, everyMs: 1000 },
    calls: { burst: 8, everyMs: 1000 },
    messages: { burst: 8, everyMs: 1000 },
    messageMs: 10_000,
    pieces: { most: 64, bytesEach: 256 },
    lifeMs: 30_000,
    // The greatest request, its headers and frames, twice.
    wireBytes: 64 * kibibyte,
    bytes: { all: 16 * mebibyte, each: 4 * mebibyte },
  },
  agent: {
    http2: {
      settings: {
        enablePush: false,
        enableConnectProtocol: false,
        maxConcurrentStreams: 8,
        // One batch of flows in a few round trips, whatever the distance.
        initialWindowSize: 256 * kibibyte,
        maxFrameSize: 16 * kibibyte,
        maxHeaderListSize: 16 * kibibyte,
        headerTableSize: 4 * kibibyte,
      },
      // In MB; a snapshot that is on its way counts too.
      maxSessionMemory: 80,
      maxDeflateDynamicTableSize: 4 * kibibyte,
      maxHeaderListPairs: 64,
      maxOutstandingPings: 4,
      maxSettings: 16,
      maxSessionInvalidFrames: 32,
      maxSessionRejectedStreams: 32,
      streamResetBurst: 100,
      streamResetRate: 10,
    },
    controls: { burst: 100, everyMs: 1000 },
    // A spool is sent one batch after the other, each as soon as the one before is answered.
    calls: { burst: 1000, everyMs: 5 },
    messages: { burst: 1000, everyMs: 5 },
    messageMs: 30_000,
    pieces: { most: 256, bytesEach: 256 },
    bytes: { all: 64 * mebibyte, each: 3 * limits.agentMessageBytes },
  },
};

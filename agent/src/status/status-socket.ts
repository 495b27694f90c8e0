// What a running agent says of itself: one JSON document to whoever connects to the socket in the state directory, which only
// its owner may (under /run where that directory cannot be written). The asking side is here too, so that both agree on the shape.

import { chmodSync, closeSync, existsSync, openSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import type { NamesStatus } from '#agent/dns/names.ts';
import type { FlowsStatus } from '#agent/flows/flow-pipeline.ts';
import type { ControlPlaneStanding } from '#agent/link/control-plane-list.ts';
import type { Announced } from '#agent/policy/announced.ts';
import { fallbackDirectory, isDiskError, makeFallbackDirectory, removeIfPossible } from '#agent/state/run-directory.ts';
import type { ForeignFinding } from '#agent-core/host/other-tables.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EnforcementMode } from '#model/verdict.ts';
import type { AddressStanding } from '#wire/policy-sync-messages.ts';

/** One quarantine that holds on this host: of the workload `name`, and of what is inside of it. */
export interface QuarantineStatus {
  readonly name: string;
  readonly workloads: readonly string[];
  /** Addresses and ranges that stay allowed, as far as other policy allows them; the first few. */
  readonly allowed: readonly string[];
  readonly allowedCount: number;
}

/**
 * `revision` is the newest the control plane sent, `applied` the one in force in the kernel (0: none). `mode` is the stricter of
 * the host's two directions, `open` where it never had a policy. `lost` counts every flow lost since the start, by any cause.
 */
export interface AgentStatusDocument {
  readonly host: string;
  readonly revision: number;
  readonly applied: number;
  readonly mode: EnforcementMode | 'open';
  readonly modes: { readonly inbound: EnforcementMode | 'open'; readonly outbound: EnforcementMode | 'open' };
  readonly connected: boolean;
  /** Since when it is, or is not, in ISO 8601; and why not. */
  readonly connection: { readonly since: string; readonly reason?: string };
  /** ISO 8601. */
  readonly certificateEnds: string;
  /** By how much this host's clock is ahead of the control plane's; absent before it was heard. */
  readonly clockAheadMs?: number;
  readonly lost: number;
  readonly running: boolean;
  readonly controlPlane: string;
  /** Each address of it, in the order in which they are tried; `at` in ISO 8601. */
  readonly controlPlanes?: readonly {
    readonly address: string;
    readonly state: ControlPlaneStanding['state'];
    readonly problem?: { readonly reason: string; readonly at: string };
  }[];
  /** Where the control plane says that it is from now on, and how far this host is on its way there; absent where nothing is announced. */
  readonly announced?: Pick<Announced, 'addresses' | 'state' | 'problem'>;
  readonly version: string;
  readonly startedAt: string;
  readonly pid: number;
  readonly workloads: number;
  readonly peerSets: number;
  readonly addresses: readonly string[];
  /** Absent where the host forwards nothing. `guests`: interfaces behind which only guests of it are, which it answers for. */
  readonly forwards?: { readonly guests: readonly string[] };
  /** What the control plane said last of the host's claims to addresses; absent before it did. */
  readonly addressStanding?: AddressStanding;
  readonly repairs: number;
  readonly problem: string;
  /** What may override our rules or keep them from holding, in words. */
  readonly warnings: readonly string[];
  /** What keeps this host from being protected or connected (docs/reference/host-problems.md). */
  readonly problems: readonly { readonly code: string; readonly text: string; readonly remedy: string }[];
  /** What in others' tables could override ours or deny what we allow, with its place. */
  readonly foreign: readonly ForeignFinding[];
  /** Times that a file of the state directory could not be written. */
  readonly failedWrites: number;
  /** Open because someone at the console said so; `since` in ISO 8601. What is applied meanwhile is kept, not enforced. */
  readonly panic?: { readonly since: string; readonly reason: string };
  /** The rules are not in the kernel: so after a panic, and until what is held is loaded again after it. */
  readonly isOpened: boolean;
  /** Empty where nothing on this host is quarantined. */
  readonly quarantines: readonly QuarantineStatus[];
  /** The control plane keeps this agent out, since another is connected with its identity; `since` in ISO 8601. */
  readonly identityShared?: { readonly since: string; readonly reason: string };
  /** What passes before any policy, in words. */
  readonly essentials: readonly string[];
  /** What waits for the control plane's audit log, and what was lost before it got there. */
  readonly events: { readonly waiting: number; readonly lost: number };
  readonly names: NamesStatus;
  readonly flows: FlowsStatus;
}

export interface StatusServer {
  close(): Promise<void>;
}

const askTimeoutMs = 5000;
const answerBytesMost = 1 << 20;

/** The state lock is held: a socket file that is there was left behind. */
export async function serveStatus(path: string, describe: () => object): Promise<StatusServer> {
  try {
    return await serveAt(path, describe);
  } catch (error) {
    if (!isDiskError(error)) throw error;
    makeFallbackDirectory(dirname(path));
    return serveAt(fallbackOf(path), describe);
  }
}

function fallbackOf(path: string): string {
  return join(fallbackDirectory(dirname(path)), basename(path));
}

async function serveAt(path: string, describe: () => object): Promise<StatusServer> {
  if (existsSync(path)) unlinkSync(path);
  const server = createServer((connection) => {
    connection.on('error', () => connection.destroy());
    connection.end(`${JSON.stringify(describe())}\n`);
  });
  await withShortPath(path, (short) => listening(server, short));
  chmodSync(path, 0o600);
  return {
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        // Where it stays, the next agent's is under /run.
        removeIfPossible(path);
      }),
  };
}

/** The error says that nobody answers there, or what came instead of an answer. */
export async function askStatus(path: string): Promise<Result<unknown>> {
  const answer = await askAt(path);
  if (answer.ok) return answer;
  const other = await askAt(fallbackOf(path));
  return other.ok ? other : answer;
}

async function askAt(path: string): Promise<Result<unknown>> {
  if (!existsSync(path)) return err('there is no socket');
  return withShortPath(
    path,
    (short) =>
      new Promise<Result<unknown>>((resolve) => {
        let text = '';
        const connection = createConnection(short);
        connection.setEncoding('utf8').setTimeout(askTimeoutMs, () => {
          connection.destroy();
          resolve(err('it did not answer in time'));
        });
        connection.on('data', (part: string) => {
          text += part;
          if (text.length > answerBytesMost) connection.destroy(new Error('too long an answer'));
        });
        connection.on('error', (error) => resolve(err(error.message)));
        connection.on('end', () => resolve(parseJson(text)));
      }),
  );
}

function parseJson(text: string): Result<unknown> {
  try {
    return ok(JSON.parse(text));
  } catch {
    return err('its answer is not JSON');
  }
}

/** A socket's path is at most 107 bytes; through an open folder it is always short. */
async function withShortPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) < 100) return use(path);
  const folder = openSync(dirname(path), 'r');
  try {
    return await use(`/proc/self/fd/${folder}/${basename(path)}`);
  } finally {
    closeSync(folder);
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

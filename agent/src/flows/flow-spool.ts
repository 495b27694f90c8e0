// Flow batches wait on disk until the control plane has given a receipt: one file a batch, named by its sequence,
// sealed. They are kept as they go over the wire, and read only where their connections must be counted. Bounded by
// bytes; when full the oldest go, and what they held goes into the next batch as a counted loss. A file torn by a power
// cut is counted and removed, never sent.

import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, seal, unseal, writeWhole } from '#agent/state/durable-file.ts';
import { isDiskError, removeIfPossible } from '#agent/state/run-directory.ts';
import type { FlowProgress, StateDirectory } from '#agent/state/state-directory.ts';
import type { EncodedBatch } from '#agent/table/apply-outcome.ts';
import type { DenialCounts } from '#agent-core/flows/unrecorded-denials.ts';
import type { FlowBatch, FlowLoss, FlowRecord } from '#model/flow.ts';
import { err, ok, type Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';

export interface FlowCodec {
  encode(batch: FlowBatch): Uint8Array;
  decode(bytes: Uint8Array): Result<FlowBatch>;
}

/** What is spooled of a window; the spool gives the sequence and adds its own losses. */
export interface SpoolWindow {
  readonly startedAt: Millis;
  readonly endedAt: Millis;
  readonly records: readonly FlowRecord[];
  readonly lost: Omit<FlowLoss, 'spooled'>;
  /** The counters that are in `lost`: kept, so that the next run of the agent does not report them again. */
  readonly unrecorded: DenialCounts;
}

export interface SpoolCounts {
  readonly batches: number;
  readonly bytes: number;
  /** Since the start: connections in batches that had to go, and files that were damaged. */
  readonly lostConnections: number;
  readonly damagedFiles: number;
}

export interface FlowSpool {
  /** The error says why the disk did not take it: its connections are then counted as lost. */
  append(window: SpoolWindow): Promise<Result<void>>;
  /** The oldest batch, or undefined. */
  oldest(): Promise<EncodedBatch | undefined>;
  /** Forgets a batch: it has its receipt. */
  remove(sequence: number): void;
  /** The control plane never takes this batch: what it holds is counted as lost. */
  giveUp(sequence: number): Promise<void>;
  counts(): SpoolCounts;
}

export interface FlowSpoolOptions {
  readonly state: StateDirectory;
  readonly codec: FlowCodec;
  /** Default 64 MiB: some two million flow records. */
  readonly bytesMost?: number;
  /** Where the sequence starts on a host that never had one. */
  readonly firstSequence: number;
  /** Of this life of the agent, 32 hex digits: what an earlier one has left here keeps its own. */
  readonly run: string;
}

interface SpooledFile {
  readonly sequence: number;
  readonly bytes: number;
}

const suffix = '.batch';
const noLoss: FlowLoss = { overruns: 0, records: 0, spooled: 0, deniedInbound: 0, deniedOutbound: 0 };

export async function openFlowSpool(options: FlowSpoolOptions): Promise<FlowSpool> {
  const { state, codec, bytesMost = 64 << 20 } = options;
  const directory = state.spoolPath;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    // Appending then fails too, and says so.
    if (!isDiskError(error)) throw error;
  }
  const pathOf = (sequence: number) => join(directory, `${String(sequence).padStart(16, '0')}${suffix}`);
  const files = listFiles(directory);
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const kept = (await state.readFlowProgress())?.nextSequence ?? options.firstSequence;
  // A batch is written before the progress is: after a crash between the two, the file knows better.
  const newest = files.at(-1);
  let nextSequence = Math.max(kept, (newest?.sequence ?? 0) + 1);
  if (newest !== undefined && newest.sequence >= kept) await progressFrom(newest);
  let pending = noLoss;
  let lostConnections = 0;
  let damagedFiles = 0;

  const fileOf = (sequence: number) => files.find((file) => file.sequence === sequence);

  function drop(file: SpooledFile): void {
    const index = files.indexOf(file);
    if (index < 0) return;
    files.splice(index, 1);
    bytes -= file.bytes;
    // One that stays is sent again after a restart, and taken once.
    removeIfPossible(pathOf(file.sequence));
  }

  /** Undefined where the file is gone or damaged. */
  async function read(file: SpooledFile): Promise<Uint8Array | undefined> {
    const bytes = await readIfThere(pathOf(file.sequence));
    if (bytes === undefined) return undefined;
    const sealed = unseal(bytes);
    return sealed.ok ? withoutTold(sealed.value) : undefined;
  }

  async function readBatch(file: SpooledFile): Promise<FlowBatch | undefined> {
    const bytes = await read(file);
    const batch = bytes === undefined ? undefined : codec.decode(bytes);
    return batch?.ok === true ? batch.value : undefined;
  }

  /** Its batch is reported: the next run must not report it again. */
  async function progressFrom(file: SpooledFile): Promise<void> {
    const sealed = unseal((await readIfThere(pathOf(file.sequence))) ?? new Uint8Array());
    const told = sealed.ok ? readTold(sealed.value) : undefined;
    if (told === undefined) return;
    await state.writeFlowProgress({ nextSequence: file.sequence + 1, ...told }).catch((error: unknown) => {
      if (!isDiskError(error)) throw error;
    });
  }

  async function letGo(file: SpooledFile): Promise<void> {
    const batch = await readBatch(file);
    if (batch === undefined) damagedFiles += 1;
    const connections = batch === undefined ? 0 : connectionsOf(batch);
    lostConnections += connections;
    pending = addLoss(pending, addLoss(batch?.lost ?? noLoss, { ...noLoss, spooled: connections }));
    drop(file);
  }

  return {
    async append(window) {
      const sequence = nextSequence;
      const lost = addLoss(pending, { ...window.lost, spooled: 0 });
      const sealed = seal(
        Buffer.concat([codec.encode({ ...window, run: options.run, sequence, lost }), renderTold(window)]),
      );
      try {
        await writeWhole(pathOf(sequence), sealed);
        const { endedAt: seenUntil, unrecorded } = window;
        await state.writeFlowProgress({ nextSequence: sequence + 1, seenUntil, unrecorded });
      } catch (error) {
        const connections = connectionsOf(window);
        lostConnections += connections;
        pending = addLoss(lost, { ...noLoss, spooled: connections });
        // If this fails too, the next append takes the same number and replaces the file.
        await rm(pathOf(sequence), { force: true }).catch(() => undefined);
        return err(
          `flows could not be written to ${directory}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
        );
      }
      nextSequence += 1;
      pending = noLoss;
      files.push({ sequence, bytes: sealed.length });
      bytes += sealed.length;
      // The newest always stays, however small the limit.
      for (let oldest = files[0]; bytes > bytesMost && files.length > 1 && oldest !== undefined; oldest = files[0]) {
        await letGo(oldest);
      }
      return ok(undefined);
    },

    async oldest() {
      for (let file = files[0]; file !== undefined; file = files[0]) {
        const bytes = await read(file);
        // Meanwhile the full spool may have let it go.
        if (!files.includes(file)) continue;
        if (bytes !== undefined) return { sequence: file.sequence, bytes };
        damagedFiles += 1;
        drop(file);
      }
      return undefined;
    },

    remove(sequence) {
      const file = fileOf(sequence);
      if (file !== undefined) drop(file);
    },

    async giveUp(sequence) {
      const file = fileOf(sequence);
      if (file !== undefined) await letGo(file);
    },

    counts: () => ({ batches: files.length, bytes, lostConnections, damagedFiles }),
  };
}

/** Behind the batch, as a field of protobuf that no message of ours has: whoever decodes the batch passes it over. */
const toldTag = Buffer.from([0xfa, 0x7f, 24]);
const toldBytes = toldTag.length + 24;

type Told = Pick<FlowProgress, 'seenUntil' | 'unrecorded'>;

function renderTold({ endedAt, unrecorded }: SpoolWindow): Uint8Array {
  const bytes = Buffer.alloc(toldBytes);
  toldTag.copy(bytes);
  for (const [at, value] of [endedAt, unrecorded.inbound, unrecorded.outbound].entries())
    bytes.writeDoubleLE(value, toldTag.length + 8 * at);
  return bytes;
}

/** What stands behind the batch; undefined: by an agent that wrote none. */
function toldPart(batch: Uint8Array): Buffer | undefined {
  if (batch.length < toldBytes) return undefined;
  const bytes = Buffer.from(batch.subarray(-toldBytes));
  return bytes.subarray(0, toldTag.length).equals(toldTag) ? bytes : undefined;
}

/** The batch alone: what is told is for this host. */
function withoutTold(batch: Uint8Array): Uint8Array {
  return toldPart(batch) === undefined ? batch : batch.subarray(0, -toldBytes);
}

/** Undefined: by an agent that wrote none. */
function readTold(batch: Uint8Array): Told | undefined {
  const bytes = toldPart(batch);
  if (bytes === undefined) return undefined;
  const [seenUntil = 0, inbound = -1, outbound = -1] = [0, 8, 16].map((at) => bytes.readDoubleLE(toldTag.length + at));
  const isTold = seenUntil > 0 && [seenUntil, inbound, outbound].every((n) => Number.isSafeInteger(n) && n >= 0);
  return isTold ? { seenUntil: millis(seenUntil), unrecorded: { inbound, outbound } } : undefined;
}

/** In order of sequence. What a crash left half written goes. */
function listFiles(directory: string): SpooledFile[] {
  const files: SpooledFile[] = [];
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const path = join(directory, name);
    const sequence = name.endsWith(suffix) ? Number(name.slice(0, -suffix.length)) : Number.NaN;
    if (Number.isSafeInteger(sequence + 1)) files.push({ sequence, bytes: statSync(path).size });
    else if (name.endsWith('.tmp')) removeIfPossible(path);
  }
  return files.sort((a, b) => a.sequence - b.sequence);
}

function connectionsOf({ records }: Pick<SpoolWindow, 'records'>): number {
  return records.reduce((sum, record) => sum + record.connections, 0);
}

function addLoss(a: FlowLoss, b: FlowLoss): FlowLoss {
  return {
    overruns: a.overruns + b.overruns,
    records: a.records + b.records,
    spooled: a.spooled + b.spooled,
    deniedInbound: a.deniedInbound + b.deniedInbound,
    deniedOutbound: a.deniedOutbound + b.deniedOutbound,
  };
}

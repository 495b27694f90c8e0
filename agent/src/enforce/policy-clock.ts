// The time by which rules end and windows turn (agent/core/time/policy-clock.ts), from the kernel's clocks, the control
// plane's word, and what was kept on disk. Where the disk takes nothing it is kept under /run, so that it outlives the
// agent.

import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { readIfThere, seal, unseal, writeWhole } from '#agent/state/durable-file.ts';
import {
  isDiskError,
  makeFallbackDirectory,
  removeIfPossible,
  trustedFallbackDirectory,
} from '#agent/state/run-directory.ts';
import {
  type ClockReading,
  heardInstant,
  instantAt,
  instantKept,
  type KnownInstant,
} from '#agent-core/time/policy-clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import { latestInstant } from '#model/counts.ts';
import { type Millis, millis } from '#model/time.ts';

export interface PolicyClock {
  now(): Millis;
  /** The control plane's clock, as its heartbeat tells it. */
  heard(sentAt: Millis): void;
  /** Writes down how late it is. */
  keep(): Promise<void>;
  /**
   * How far the host's own clock is ahead of the control plane's, as last heard in this boot; negative where it is
   * behind.
   */
  aheadMs(): number | undefined;
}

export async function openPolicyClock(statePath: string, read: () => ClockReading = readClocks): Promise<PolicyClock> {
  let known = await readKept(statePath);
  return {
    now: () => instantAt(known, read()),
    heard(sentAt) {
      known = heardInstant(known, read(), sentAt);
    },
    async keep() {
      const now = read();
      const kept = instantKept(known, now);
      // What a boot has found out is a floor for the rest of it.
      known = kept;
      await write(statePath, kept);
    },
    aheadMs() {
      const heard = known?.bootId === read().bootId ? known.heard : undefined;
      return heard === undefined ? undefined : Math.round(heard.aheadMs);
    },
  };
}

export function readClocks(): ClockReading {
  return { wall: systemClock.wall(), uptimeMs: Math.round(uptime() * 1000), bootId: bootId() };
}

let ownBoot: string | undefined;

function bootId(): string {
  ownBoot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return ownBoot;
}

async function write(statePath: string, kept: KnownInstant): Promise<void> {
  const bytes = seal(Buffer.from(JSON.stringify(kept)));
  try {
    await writeWhole(pathIn(statePath), bytes);
    const fallback = trustedFallbackDirectory(statePath);
    if (fallback !== undefined) removeIfPossible(join(fallback, interimName));
  } catch (error) {
    if (!isDiskError(error)) throw error;
    // Other writes report a full or read-only disk; this one is small and is tried again in minutes.
    try {
      await writeWhole(join(makeFallbackDirectory(statePath), interimName), bytes);
    } catch (again) {
      if (!isDiskError(again)) throw again;
    }
  }
}

/** Under /run lies only what the disk did not take. What is not whole is as good as nothing. */
async function readKept(statePath: string): Promise<KnownInstant | undefined> {
  const fallback = trustedFallbackDirectory(statePath);
  for (const path of [...(fallback === undefined ? [] : [join(fallback, interimName)]), pathIn(statePath)]) {
    const kept = await readOne(path);
    if (kept !== undefined) return kept;
  }
  return undefined;
}

async function readOne(path: string): Promise<KnownInstant | undefined> {
  let sealed: Uint8Array | undefined;
  try {
    sealed = await readIfThere(path);
  } catch (error) {
    if (!isDiskError(error)) throw error;
  }
  const bytes = sealed === undefined ? undefined : unseal(sealed);
  return bytes?.ok === true ? parseKnownInstant(Buffer.from(bytes.value).toString('utf8')) : undefined;
}

/** Undefined where the text is not what `keep` writes. */
export function parseKnownInstant(text: string): KnownInstant | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const found = (typeof value === 'object' && value !== null ? value : {}) as Partial<Record<string, unknown>>;
  const { instant, uptimeMs, bootId: boot, heard } = found;
  if (!isWhole(instant) || !isWhole(uptimeMs) || typeof boot !== 'string') return undefined;
  if (instant < 0 || instant > latestInstant) return undefined;
  const base = { instant: millis(instant), uptimeMs, bootId: boot };
  if (heard === undefined) return base;
  const word = (typeof heard === 'object' && heard !== null ? heard : {}) as Partial<Record<string, unknown>>;
  if (!isWhole(word['uptimeMs']) || !isWhole(word['aheadMs'])) return undefined;
  return { ...base, heard: { uptimeMs: word['uptimeMs'], aheadMs: word['aheadMs'] } };
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** Under /run the copy of the last good policy is a file called last-good, so this lies beside it. */
const interimName = 'policy-clock';

function pathIn(directory: string): string {
  return join(directory, 'last-good', 'clock');
}

// What the disk gives back after every way a write can be cut short, and that two agents never share a state directory.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openStateDirectory, type StateDirectory } from '#agent/state/state-directory.ts';
import { acquireStateLock, lockOwner } from '#agent/state/state-lock.ts';
import { millis } from '#model/time.ts';
import { waitFor } from '#test/support/wait.ts';

let path: string;
let state: StateDirectory;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'segwall-state-'));
  state = openStateDirectory(join(path, 'state'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

const first = Buffer.from('the first rule set');
const second = Buffer.from('the second rule set');
const current = () => join(state.path, 'last-good', 'current');
const previous = () => join(state.path, 'last-good', 'previous');

describe('last good', () => {
  test('a new directory has none', async () => {
    expect(await state.readLastGood()).toEqual({ kind: 'none' });
  });

  test('the newest is read back, byte for byte', async () => {
    await state.writeLastGood(first);
    await state.writeLastGood(second);
    expect(await openStateDirectory(state.path).readLastGood()).toEqual({ kind: 'found', bytes: second });
  });

  test('a file cut at any length is damaged, and gives the one before it', async () => {
    await state.writeLastGood(first);
    await state.writeLastGood(second);
    const whole = await readFile(current());
    for (let length = 0; length < whole.length; length += 1) {
      await writeFile(current(), whole.subarray(0, length));
      const found = await state.readLastGood();
      expect(found).toMatchObject({ kind: 'found', bytes: first });
      expect(found.kind === 'found' && found.problem).toContain(current());
    }
  });

  test('a flipped bit is damage', async () => {
    await state.writeLastGood(first);
    await state.writeLastGood(second);
    const whole = await readFile(current());
    whole[3] = (whole[3] ?? 0) ^ 1;
    await writeFile(current(), whole);
    expect(await state.readLastGood()).toMatchObject({ kind: 'found', bytes: first });
  });

  test('a crash between the two renames leaves the one that was in force', async () => {
    await state.writeLastGood(first);
    await rename(current(), previous());
    expect(await state.readLastGood()).toEqual({ kind: 'found', bytes: first });
  });

  test('a damaged current never displaces the whole one behind it', async () => {
    await state.writeLastGood(first);
    await state.writeLastGood(second);
    await truncate(current(), 5);
    const third = Buffer.from('the third');
    await state.writeLastGood(third);
    await truncate(current(), 5);
    expect(await state.readLastGood()).toMatchObject({ kind: 'found', bytes: first });
  });

  test('with both damaged it says so, and never that there was none', async () => {
    await state.writeLastGood(first);
    await copyFile(current(), previous());
    await truncate(current(), 5);
    await truncate(previous(), 5);
    expect(await state.readLastGood()).toMatchObject({ kind: 'damaged' });
  });

  test('what was forgotten does not come back', async () => {
    await state.writeLastGood(first);
    await state.writeLastGood(second);
    await state.forgetLastGood();
    expect(await state.readLastGood()).toEqual({ kind: 'none' });
  });

  test('nobody else may read it, and nothing temporary stays', async () => {
    await state.writeLastGood(first);
    expect((await stat(state.path)).mode & 0o777).toBe(0o700);
    expect((await stat(current())).mode & 0o777).toBe(0o600);
    expect(await readdir(join(state.path, 'last-good'))).toEqual(['current']);
  });
});

describe('flow progress', () => {
  test('is read back, and damage reads as unknown', async () => {
    expect(await state.readFlowProgress()).toBeUndefined();
    const progress = { nextSequence: 7, seenUntil: millis(1_000), unrecorded: { inbound: 3, outbound: 4 } };
    await state.writeFlowProgress(progress);
    expect(await state.readFlowProgress()).toEqual(progress);
    // As it was before it held counters.
    await writeFile(join(state.path, 'flow-progress'), '7 1000');
    expect(await state.readFlowProgress()).toEqual({ ...progress, unrecorded: { inbound: 0, outbound: 0 } });
    await writeFile(join(state.path, 'flow-progress'), 'x');
    expect(await state.readFlowProgress()).toBeUndefined();
  });
});

describe('the lock', () => {
  test('is held by one, and free again after release', () => {
    const lock = acquireStateLock(state.lockPath);
    expect(lock.ok).toBe(true);
    expect(acquireStateLock(state.lockPath)).toEqual({
      ok: false,
      error: `process ${process.pid} is running on it`,
    });
    expect(lockOwner(state.lockPath)).toBe(process.pid);
    if (lock.ok) lock.value.release();
    expect(lockOwner(state.lockPath)).toBeUndefined();
    expect(acquireStateLock(state.lockPath).ok).toBe(true);
  });

  test('of a process that was killed is stale', async () => {
    const child = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `import { acquireStateLock } from '#agent/state/state-lock.ts'; acquireStateLock(${JSON.stringify(state.lockPath)}); console.log('locked'); setInterval(() => {}, 1000);`,
    ]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(acquireStateLock(state.lockPath).ok).toBe(false);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    expect(acquireStateLock(state.lockPath).ok).toBe(true);
  });

  test('of a process that was killed and that nobody has waited for is stale', async () => {
    const script = `import { acquireStateLock } from '#agent/state/state-lock.ts'; acquireStateLock(${JSON.stringify(state.lockPath)}); console.log(process.pid); setInterval(() => {}, 1000);`;
    // What becomes the parent never waits.
    const parent = spawn('sh', ['-c', '"$0" --input-type=module -e "$1" & exec sleep 600', process.execPath, script]);
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(acquireStateLock(state.lockPath)).toEqual({ ok: false, error: `process ${pid} is running on it` });
    expect(lockOwner(state.lockPath)).toBe(pid);
    process.kill(pid, 'SIGKILL');
    const isZombie = async () => / Z /.test(await readFile(`/proc/${pid}/stat`, 'latin1'));
    // Its other threads end after its first.
    const isFree = async () => lockOwner(state.lockPath) === undefined;
    await waitFor(isFree, { what: 'the kernel has let go of its lock', timeoutMs: 60_000 });
    expect(acquireStateLock(state.lockPath).ok).toBe(true);
    expect(await isZombie()).toBe(true);
  });

  test('is not lost to who looks whose it is, however often', async () => {
    for (let time = 0; time < 200; time += 1) {
      expect(lockOwner(state.lockPath)).toBeUndefined();
      const lock = acquireStateLock(state.lockPath);
      expect(lock.ok).toBe(true);
      expect(lockOwner(state.lockPath)).toBe(process.pid);
      if (lock.ok) lock.value.release();
    }
  });

  test('with a process id that another process has now is stale', async () => {
    await writeFile(state.lockPath, `${process.pid} 1 another-boot\n`);
    expect(acquireStateLock(state.lockPath).ok).toBe(true);
  });
});

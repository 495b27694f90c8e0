// The audit log where nobody on the control plane can reach it: exported whole and in parts, judged without a server, and what happens to it
// when whoever has the file changes it. What was exported may be dropped, and what is kept verifies from there on.

import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { exportTo, verifyLines } from '#cli/server/audit-export.ts';
import { openAuditSink, parseLine } from '#cli/server/audit-file.ts';
import { type AuditLine, readEntries, verifyLog } from '#cli/server/audit-log.ts';
import type { AuditVerdict } from '#policy/audit/audit-verifier.ts';
import { startApiServer } from './support/api-server.ts';
import {
  type AuditLogUnderTest,
  changeStore,
  cutEnd,
  forgetSigned,
  openAuditLog,
  rewriteChain,
  type WrittenLog,
  writeLogs,
} from './support/audit-log.ts';
import { runSegwall } from './support/segwall.ts';

let scratch: string;
let written: WrittenLog;
let exported: readonly AuditLine[];
let key: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'segwall-export-'));
  written = await writeLogs(scratch);
  const log = await openAuditLog(written.directory);
  exported = await exportedLines(log, join(scratch, 'whole.ndjson'));
  key = log.checkpoints.key;
  await log.close();
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

async function opened(): Promise<AuditLogUnderTest & { readonly data: string }> {
  const data = await mkdtemp(join(scratch, 'copy-'));
  await cp(written.directory, data, { recursive: true });
  const log = await openAuditLog(data);
  onTestFinished(() => log.close());
  return { ...log, data };
}

async function exportFile({ client }: AuditLogUnderTest, path: string, since?: number): Promise<AuditVerdict> {
  return exportTo(await openAuditSink(path), { client, since });
}

async function linesOf(path: string): Promise<readonly AuditLine[]> {
  const texts = (await readFile(path, 'utf8')).trimEnd().split('\n');
  return texts.flatMap((text) => parseLine(text) ?? []);
}

async function exportedLines(log: AuditLogUnderTest, path: string): Promise<readonly AuditLine[]> {
  await exportFile(log, path);
  return linesOf(path);
}

const seqsOf = (lines: readonly AuditLine[]) =>
  lines.flatMap((line) => (line.kind === 'entry' ? [line.entry.seq] : []));
const changed = (line: AuditLine): AuditLine =>
  line.kind === 'entry' && line.entry.seq === 3 ? { kind: 'entry', entry: { ...line.entry, target: 'mail-1' } } : line;

describe('an exported file', () => {
  test('ends with a checkpoint of its last entry, and is its owner’s alone', async () => {
    expect(exported.at(-1)).toMatchObject({ kind: 'checkpoint', checkpoint: { seq: seqsOf(exported).at(-1) } });
    expect((await stat(join(scratch, 'whole.ndjson'))).mode & 0o777).toBe(0o600);
  });

  test.each<{ readonly name: string; readonly lines: () => readonly AuditLine[]; readonly verdict: object }>([
    { name: 'as it was written', lines: () => exported, verdict: { kind: 'intact', since: 0 } },
    { name: 'with a changed entry', lines: () => exported.map(changed), verdict: { seq: 3, fault: 'changed' } },
    {
      name: 'without its third line',
      lines: () => exported.filter((_, at) => at !== 2),
      verdict: { fault: 'missing' },
    },
    {
      name: 'without its last entry',
      lines: () => exported.filter((_, at) => at !== exported.length - 2),
      verdict: { fault: 'truncated' },
    },
    { name: 'without its first entries', lines: () => exported.slice(2), verdict: { kind: 'intact', since: 2 } },
    {
      name: 'without any checkpoint',
      lines: () => exported.filter(({ kind }) => kind === 'entry'),
      verdict: { fault: 'bad-signature' },
    },
    {
      name: 'with its lines in another order',
      lines: () => [...exported.slice(3), ...exported.slice(0, 3)],
      verdict: { kind: 'broken' },
    },
  ])('$name, judged by the key', async ({ lines, verdict }) => {
    expect(await verifyLines(lines(), { key })).toMatchObject(verdict);
  });

  test('with a cut-off end and its checkpoint gone too is told by a checkpoint that was kept elsewhere', async () => {
    const lines = exported.slice(0, 4);
    expect(await verifyLines(lines, {})).toMatchObject({ kind: 'intact' });
    expect(await verifyLines(lines, { held: written.held })).toMatchObject({ kind: 'broken', fault: 'truncated' });
  });

  test('of a log made anew and signed by another key is told by the key', async () => {
    const data = await mkdtemp(join(scratch, 'forged-'));
    await cp(written.directory, data, { recursive: true });
    rewriteChain(data, (entry) => (entry.seq === 3 ? { ...entry, target: 'mail-1' } : entry));
    await forgetSigned(data);
    await rm(join(data, 'audit/key.pem'));
    const log = await openAuditLog(data);
    onTestFinished(() => log.close());
    const lines = await exportedLines(log, join(data, 'out.ndjson'));
    expect(await verifyLines(lines, {})).toMatchObject({ kind: 'intact' });
    expect(await verifyLines(lines, { key })).toMatchObject({ kind: 'broken', fault: 'other-key' });
  });
});

describe('an export', () => {
  test('goes on in its file after the last whole line, and the file is one log', async () => {
    const log = await opened();
    const path = join(log.data, 'out.ndjson');
    await exportFile(log, path);
    const before = (await linesOf(path)).length;
    await appendFile(path, '{"seq":6,"at":17');
    await log.append('web-6');
    await log.append('web-7');
    expect(await exportFile(log, path)).toMatchObject({ kind: 'intact', entries: 2 });
    const lines = await linesOf(path);
    expect(lines).toHaveLength(before + 3);
    expect(await verifyLines(lines, { key })).toMatchObject({ kind: 'intact', entries: seqsOf(lines).length });
  });

  test('since an entry begins after it', async () => {
    const log = await opened();
    const path = join(log.data, 'out.ndjson');
    await exportFile(log, path, 4);
    expect(seqsOf(await linesOf(path))[0]).toBe(5);
    await expect(exportFile(log, path, 4)).rejects.toThrow(/continued from there; leave out --since/);
  });

  test('does not go on where the log is another than the file has', async () => {
    const log = await opened();
    const path = join(log.data, 'out.ndjson');
    await exportFile(log, path);
    changeStore(log.data, cutEnd);
    expect(await exportFile(log, path)).toMatchObject({ kind: 'broken' });
  });

  test('does not write into a file that is none of its own', async () => {
    const path = join(scratch, 'letter.txt');
    await writeFile(path, 'Dear auditor,\n');
    await expect(openAuditSink(path)).rejects.toThrow(/is no export of an audit log/);
    expect(await readFile(path, 'utf8')).toBe('Dear auditor,\n');
  });
});

describe('dropping what was exported', () => {
  test('leaves a log that verifies from there on, for whoever saw it before too, and is itself in the log', async () => {
    const log = await opened();
    const { pruner } = log;
    const { early, held } = written;
    expect(await pruner(90).prune(early, 'operator/test')).toEqual({ kind: 'too-young' });
    expect(await pruner(-1).prune({ ...early, seq: 2 }, 'operator/test')).toEqual({ kind: 'unknown' });
    const pruning = pruner(-1);
    expect(await pruning.prune(early, 'operator/test')).toMatchObject({ kind: 'pruned', through: early.seq });
    await pruning.stop();
    for (const kept of [undefined, early, held])
      expect(await verifyLog(log.client, kept)).toMatchObject({ kind: 'intact', since: early.seq });
    const entries = await Array.fromAsync(readEntries(log.client, 0));
    expect(entries[0]?.seq).toBe(early.seq + 1);
    expect(entries.at(-1)).toMatchObject({ actor: 'operator/test', action: 'audit-pruned' });
    const lines = await exportedLines(log, join(log.data, 'rest.ndjson'));
    expect(lines[0]).toMatchObject({ kind: 'checkpoint', checkpoint: { seq: early.seq } });
    expect(await verifyLines(lines, { held })).toMatchObject({ kind: 'intact' });
  });

  test('does not hide what is changed behind it, nor a cut that goes further', async () => {
    const log = await opened();
    const pruning = log.pruner(-1);
    await pruning.prune(written.early, 'operator/test');
    await pruning.stop();
    changeStore(log.data, `delete from audit where seq = ${written.early.seq + 1}`);
    expect(await verifyLog(log.client, undefined)).toMatchObject({ kind: 'broken', fault: 'missing' });
  });
});

test('a pruned log whose key is lost is whole by the new key, and told to whoever trusted the other', async () => {
  const data = await mkdtemp(join(scratch, 'lost-'));
  await cp(written.directory, data, { recursive: true });
  const before = await openAuditLog(data);
  const pruning = before.pruner(-1);
  await pruning.prune(written.early, 'operator/test');
  await pruning.stop();
  await before.close();
  await rm(join(data, 'audit/key.pem'));
  await expect(openAuditLog(data)).rejects.toThrow(/key\.pem is missing, .*move .*checkpoint\.json away too/);
  await forgetSigned(data);
  const log = await openAuditLog(data);
  onTestFinished(() => log.close());
  expect(await verifyLog(log.client, undefined)).toMatchObject({ kind: 'intact', since: written.early.seq });
  expect(await verifyLog(log.client, written.held)).toMatchObject({ kind: 'broken', fault: 'other-key' });
});

test('the commands, one after the other: export, verify, and what may not be dropped yet', async () => {
  const data = await mkdtemp(join(scratch, 'whole-'));
  const server = await startApiServer({ directory: data });
  onTestFinished(() => server.close());
  const { apiUrl } = server.controlPlane;
  const environment = { SEGWALL_SERVER: apiUrl, SEGWALL_TOKEN: server.token, XDG_STATE_HOME: join(data, 'state') };
  const segwall = (...args: readonly string[]) => runSegwall(['audit', ...args], environment);
  const file = join(data, 'audit.ndjson');
  expect(await segwall('export', '--out', file)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^\d+ entries, up to entry \d+, in /),
  });
  const { stdout: printed } = await segwall('key');
  expect(await segwall('verify', file, '--key', printed)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('intact'),
    stderr: '',
  });
  expect((await segwall('verify', file)).stderr).toContain('the file vouches for its key itself');
  expect((await segwall('--verify', '--checkpoint', file)).exitCode).toBe(0);
  expect(await segwall('prune', '--through', file)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('audit-too-young'),
  });
  const seen = async () => {
    const folder = join(data, 'state/segwall');
    return JSON.parse(await readFile(join(folder, (await readdir(folder))[0] ?? ''), 'utf8')) as {
      readonly seq: number;
    };
  };
  const before = await seen();
  for (const name of ['eve', 'mallory']) await runSegwall(['operators', 'create', name], environment);
  expect(await segwall('export', '--since', String(before.seq + 1))).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining('was not compared'),
  });
  expect(await seen()).toEqual(before);
  expect((await segwall('export')).stderr).toBe('');
  expect((await seen()).seq).toBeGreaterThan(before.seq);
  // A part that begins after what was kept says nothing of it.
  const part = join(data, 'part.ndjson');
  await writeFile(part, (await segwall('export', '--since', String(before.seq + 1))).stdout);
  await writeFile(join(data, 'kept.json'), JSON.stringify(before));
  expect(await segwall('verify', part, '--checkpoint', join(data, 'kept.json'))).toMatchObject({
    exitCode: 4,
    stdout: expect.stringContaining('was not compared'),
  });
  expect(await segwall('verify', part, '--checkpoint', join(data, 'kept.json'), '--json')).toMatchObject({
    exitCode: 4,
    stdout: expect.stringContaining('"compared":false'),
  });
  expect(await segwall('verify', file, '--checkpoint', join(data, 'kept.json'))).toMatchObject({ exitCode: 0 });
  await writeFile(file, (await readFile(file, 'utf8')).replace('control-plane', 'operator/eve'));
  expect(await segwall('verify', file, '--key', printed, '--json')).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('"fault":"changed"'),
  });
  expect((await segwall('export')).stdout.split('\n').at(-1)).toMatch(/^\{"checkpoint":\{/);
});

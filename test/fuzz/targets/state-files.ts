// What lies in the agent's state directory, after a torn write, a bad disk or another version of the agent: whatever it is, each reader says
// that it is damaged, or passes over it, and the agent starts. Sealed files are fuzzed behind their seal, for a seal is no proof of sense.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { decodeLearntNames, encodeLearntNames } from '#agent/dns/names-file.ts';
import { openFlowSpool } from '#agent/flows/flow-spool.ts';
import { readIdentityFiles } from '#agent/link/identity-files.ts';
import { readSettings } from '#agent/settings/settings-files.ts';
import { seal } from '#agent/state/durable-file.ts';
import { openEventLog } from '#agent/state/event-log.ts';
import { readFingerprint } from '#agent/state/fingerprint-record.ts';
import { decodeLastGood, encodeLastGood } from '#agent/state/last-good-codec.ts';
import { openLastGoodStore } from '#agent/state/last-good-store.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { lockOwner } from '#agent/state/state-lock.ts';
import { noDenials } from '#agent-core/flows/unrecorded-denials.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import type { Address } from '#model/address.ts';
import { millis } from '#model/time.ts';
import { flowBatches, ruleSets } from '#test/contract/arbitraries.ts';
import { decodeFlowBatch, encodeFlowBatch } from '#wire/flow-batch.ts';
import { usualCost } from '../cost.ts';
import { almost, bytesOf } from '../mutations.ts';
import { must, same, shown } from '../promises.ts';
import { type FuzzTarget, pureTarget } from '../target.ts';

const [ruleSet] = fc.sample(ruleSets, { numRuns: 1, seed: 3 });
const [batch] = fc.sample(flowBatches, { numRuns: 1, seed: 3 });
const lastGood =
  ruleSet === undefined
    ? new Uint8Array()
    : encodeLastGood({
        ruleSet,
        epoch: 3,
        numbering: emptyNumbering,
        markMask: 0xffff,
        unswept: 0xff0000,
        essentials: [{ name: 'ssh', direction: 'inbound', peers: { kind: 'any' }, services: [{ kind: 'any' }] }],
      });

const lastGoodTarget = pureTarget({
  name: 'last-good',
  what: 'the last good file, behind its seal',
  suiteRuns: 3000,
  cost: usualCost,
  inputs: almost({ corpus: [lastGood], words: ['null', '[', ']', '{}', '"', 'true', '1e999', '-1', '"peers":', ','] }),
  check(input) {
    const record = decodeLastGood(input);
    if (!record.ok) return;
    const { numbering, epoch } = record.value;
    must(Number.isSafeInteger(epoch) && Number.isSafeInteger(numbering.nextDecision), () => shown(record.value));
    const again = decodeLastGood(encodeLastGood(record.value));
    must(same(again, record), () => `taken as ${shown(record)}, written and read as ${shown(again)}`);
  },
});

const learnt = encodeLearntNames([['api.example.com', '192.0.2.1' as Address, 1_800_000_000_000]]);
/** Each file and one real content of it; the input's first byte chooses. */
const files: readonly (readonly [path: string, content: Uint8Array, sealed: 'sealed' | 'bare'])[] = [
  ['last-good/current', lastGood, 'sealed'],
  ['last-good/current', seal(lastGood), 'bare'],
  ['last-good/fingerprint', bytesOf('{"state":"revision=1","listing":"00","nftVersion":"1.0.6","place":"a"}'), 'bare'],
  ['events/000001700000000000-1-1.json', bytesOf('{"at":1,"kind":"opened","details":[["a","b"]]}'), 'bare'],
  ['events/under-way', bytesOf('{"at":1,"kind":"table-tampered","details":[["a","b"]]}'), 'bare'],
  ['spool/0000000000000001.batch', batch === undefined ? new Uint8Array() : encodeFlowBatch(batch), 'sealed'],
  ['flow-progress', bytesOf('12 1800000000000 3 4'), 'bare'],
  ['panic', bytesOf('{"since":1800000000000,"reason":"the shop is down"}'), 'bare'],
  ['identity/agent.json', bytesOf('{"controlPlane":"cp:7443","host":"web-1","tenant":"default"}'), 'bare'],
  ['identity/cert.pem', bytesOf('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'), 'bare'],
  [
    'agent.yaml',
    bytesOf('essential: [{ name: a, direction: inbound, peers: any, services: [tcp/22] }]\nflows: {}\n'),
    'bare',
  ],
  ['agent.lock', bytesOf('12 345 8c5f\n'), 'bare'],
  ['names', learnt, 'bare'],
];

const words = ['null', '[]', '{}', '"', ',', '1e999', '-1', '9007199254740993', '&a [*a]', '\n', '"__proto__"'];
const chosen = files.map(([, content], at) => Buffer.concat([Uint8Array.of(at), content]));

const directoryTarget: FuzzTarget = {
  name: 'state-files',
  what: 'every file of the agent’s state directory, as its start reads them',
  suiteRuns: 100,
  inputs: almost({ corpus: chosen, words, longest: 16_384 }),
  open() {
    const directory = mkdtempSync(join(tmpdir(), 'segwall-fuzz-'));
    return Promise.resolve({
      async check(input) {
        const [path, , kind] = files[(input[0] ?? 0) % files.length] ?? ['names', new Uint8Array(), 'bare'];
        const content = input.subarray(1);
        rmSync(directory, { recursive: true, force: true });
        mkdirSync(dirname(join(directory, path)), { recursive: true, mode: 0o700 });
        mkdirSync(join(directory, 'identity'), { recursive: true, mode: 0o700 });
        for (const name of ['key.pem', 'ca.pem', 'cert.pem']) writeFileSync(join(directory, 'identity', name), 'x');
        writeFileSync(join(directory, path), kind === 'sealed' ? seal(content) : content);
        await readAll(directory);
        if (path === 'names') decodeLearntNames(content);
      },
      async close() {
        rmSync(directory, { recursive: true, force: true });
      },
    });
  },
};

async function readAll(directory: string): Promise<void> {
  const state = openStateDirectory(directory);
  await openLastGoodStore(state).read();
  await readFingerprint(directory);
  const progress = await state.readFlowProgress();
  must(progress === undefined || Number.isSafeInteger(progress.nextSequence + 1), () => shown(progress));
  const events = openEventLog(directory, () => 1);
  events.tellUnfinished();
  for (const { id, at } of events.waiting()) must(id.length < 300 && Number.isSafeInteger(at), () => shown({ id, at }));
  const spool = await openFlowSpool({
    state,
    codec: { encode: encodeFlowBatch, decode: decodeFlowBatch },
    firstSequence: 1,
    run: 'ab'.repeat(16),
  });
  await spool.oldest();
  await spool.append({
    startedAt: millis(1),
    endedAt: millis(2),
    records: [],
    lost: { overruns: 0, records: 0, deniedInbound: 0, deniedOutbound: 0 },
    unrecorded: noDenials,
  });
  const panic = openPanicFlag(directory).read();
  if (panic !== undefined) new Date(panic.since).toISOString();
  await readIdentityFiles(directory);
  await readSettings(join(directory, 'agent.yaml'), 'optional');
  lockOwner(state.lockPath);
}

export const stateFileTargets: readonly FuzzTarget[] = [lastGoodTarget, directoryTarget];

// `policy eval` as a stream: much input over several threads comes to the same bytes as over one, and what little comes is answered
// at once, however much came before it.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { createAnswerLines } from '#cli/policy/answer-lines.ts';
import { AnswerOutput } from '#cli/policy/answer-output.ts';
import { longestLine, queryChunks } from '#cli/policy/query-chunks.ts';
import { programPath } from '#test/support/programs.ts';
import { createWorld, noon, segment, workloads } from './world.ts';

const program = programPath('segwall');
const base = mkdtempSync(join(tmpdir(), `segwall-eval-${process.pid}-`));
afterAll(() => rmSync(base, { recursive: true }));

const policyText = segment(
  'shop',
  'selector: app == "shop"\ninbound: enforce\nrules:\n  - { name: web, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/8080-8090] }',
);
const inventoryText = workloads('web h1 10.0.0.1 app=shop,role=web', 'api h2 10.0.0.2 app=shop,role=api');
mkdirSync(join(base, 'policy'));
writeFileSync(join(base, 'policy', 'policy.yaml'), policyText);
writeFileSync(join(base, 'inventory.yaml'), inventoryText);

const { policy, inventory } = createWorld(policyText, inventoryText);
const answerLines = createAnswerLines({ policy, inventory, now: noon });
const ask = (text: string): string =>
  Buffer.from(answerLines({ bytes: Buffer.from(text), firstLine: 1 }).text).toString();

/** Every line's answer differs from its neighbours', and every thirteenth's and seventeenth's tells where it stood. */
function manyLines(count: number): string {
  const line = (at: number): string => {
    if (at % 13 === 0) return `no JSON – “${at}”`;
    if (at % 17 === 0) return `{"src":"10.0.0.1","dst":"fd00::${at % 7}","proto":"tcp","port":1}`;
    if (at % 19 === 0) return '';
    const [src, dst] = at % 2 === 0 ? ['10.0.0.1', '10.0.0.2'] : [`10.0.0.${at % 251}`, '10.0.0.1'];
    return JSON.stringify({ src, dst, proto: 'tcp', port: 8080 + (at % 23), note: at });
  };
  return Array.from({ length: count }, (_, at) => line(at + 1)).join('\n');
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

function start(queries: string): Child {
  const args = ['policy', 'eval', join(base, 'policy'), '--inventory', join(base, 'inventory.yaml')];
  return spawn(process.execPath, [program, ...args, '--at', String(noon), '--queries', queries], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** Reads so many bytes, or all up to the end; whole characters. */
function readerOf({ stdout }: Child): (bytes: number) => Promise<string> {
  const chunks = stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return async (bytes) => {
    const got: Buffer[] = [];
    for (let left = bytes; left > 0; left -= got.at(-1)?.length ?? 0) {
      const next = await chunks.next();
      if (next.done === true) break;
      got.push(next.value);
    }
    return Buffer.concat(got).toString();
  };
}

describe('five megabytes of queries', () => {
  const text = manyLines(70_000);
  const file = join(base, 'queries.ndjson');
  writeFileSync(file, text);

  test('from a file are answered as one thread does, line numbers and all', async () => {
    const child = start(file);
    const exited = once(child, 'exit');
    const answers = (await buffer(child.stdout)).toString();
    expect(text.length).toBeGreaterThan(4 << 20);
    expect(answers === ask(text)).toBe(true);
    expect(await exited).toEqual([2, null]);
  });

  test('from a pipe likewise, and a line after them at once, with the pipe still open', async () => {
    const child = start('-');
    child.stdin.write(`${text}\n`);
    const wanted = ask(text);
    const read = readerOf(child);
    expect((await read(Buffer.byteLength(wanted))) === wanted).toBe(true);
    for (const port of [8080, 1]) {
      const query = `{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":${port}}\n`;
      child.stdin.write(query);
      expect(await read(ask(query).length)).toBe(ask(query));
    }
    const exited = once(child, 'exit');
    child.stdin.end();
    expect(await read(1)).toBe('');
    expect(await exited).toEqual([2, null]);
  });
});

test('a single line is answered before the next is written', async () => {
  const child = start('-');
  const exited = once(child, 'exit');
  const read = readerOf(child);
  for (const port of [8080, 8081, 1]) {
    const query = `{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":${port}}\n`;
    child.stdin.write(query);
    expect(await read(ask(query).length)).toBe(ask(query));
  }
  child.stdin.end();
  expect(await exited).toEqual([0, null]);
});

test('of an endless pipe no more is taken than a reader that pauses leaves room for, and memory stays as it is', async () => {
  const child = start('-');
  const exited = once(child, 'exit');
  const block = Buffer.from('{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":8080}\n'.repeat(4096));
  let taken = 0;
  child.stdin.on('error', () => undefined);
  const offer = () => {
    while (child.stdin.write(block)) taken += block.length;
    child.stdin.once('drain', () => {
      taken += block.length;
      offer();
    });
  };
  offer();
  const read = readerOf(child);
  try {
    // So much that threads have begun and memory has found its level.
    await read(96 << 20);
    expect(taken).toBeGreaterThan(20 << 20);
    const before = taken;
    await rest(() => `${taken} ${processorTicks(child.pid)}`);
    expect(taken - before).toBeLessThan(16 << 20);
    expect(peakMiB(child.pid)).toBeLessThan(512);
    await read(8 << 20);
    expect(taken).toBeGreaterThan(before);
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
});

/** Waits until what is seen has stayed the same for a second: with something that never rests, until the test's time is over. */
async function rest(seen: () => string): Promise<void> {
  for (let [last, times] = ['', 0]; times < 20; times += 1) {
    const now = seen();
    if (now !== last) [last, times] = [now, 0];
    await setTimeout(50);
  }
}

function processorTicks(pid: number | undefined): string {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return `${fields[11]} ${fields[12]}`;
}

function peakMiB(pid: number | undefined): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

describe('chunks', () => {
  async function cut(...pieces: readonly string[]): Promise<readonly (readonly [text: string, firstLine: number])[]> {
    const found: [string, number][] = [];
    const input = Readable.from(pieces.map((piece) => Buffer.from(piece, 'latin1')));
    for await (const { bytes, firstLine } of queryChunks(input)) {
      found.push([Buffer.from(bytes).toString('latin1'), firstLine]);
    }
    return found;
  }

  test.each<{ name: string; pieces: readonly string[]; chunks: readonly (readonly [string, number])[] }>([
    { name: 'nothing', pieces: [], chunks: [] },
    { name: 'an empty line', pieces: ['\n'], chunks: [['\n', 1]] },
    { name: 'a line without its end', pieces: ['a'], chunks: [['a', 1]] },
    {
      name: 'lines in halves',
      pieces: ['a', 'b\nc', '\nd\ne', 'f'],
      chunks: [
        ['ab\n', 1],
        ['c\nd\n', 2],
        ['ef', 4],
      ],
    },
    {
      name: 'a character in halves',
      pieces: ['\xc3', '\xa4\n\xe2\x82', '\xac\n'],
      chunks: [
        ['\xc3\xa4\n', 1],
        ['\xe2\x82\xac\n', 2],
      ],
    },
  ])('$name', async ({ pieces, chunks }) => {
    expect(await cut(...pieces)).toEqual(chunks);
  });

  test('of a line that never ends little is kept, and the next line is whole', async () => {
    const piece = 'x'.repeat(100_000);
    const [long, next, ...more] = await cut(...Array.from({ length: 100 }, () => piece), '\nnext\n');
    expect(more).toEqual([]);
    expect(next).toBeUndefined();
    expect(long?.[0].length).toBeLessThan(longestLine * 6 + 10);
    expect(long?.[0].endsWith('x\nnext\n')).toBe(true);
  });
});

describe('output', () => {
  const answers = (text: string) => ({ text: Buffer.from(text), badLines: 1 });

  test('is in the order of the chunks, whoever is done first', async () => {
    const written: string[] = [];
    const output = new AnswerOutput(
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          written.push(chunk.toString());
          done();
        },
      }),
    );
    const first = Promise.withResolvers<ReturnType<typeof answers>>();
    output.send(first.promise);
    output.send(answers('second'));
    output.send(Promise.resolve(answers('third')));
    await output.room(3);
    expect(written).toEqual([]);
    first.resolve(answers('first'));
    await output.room(0);
    expect(written).toEqual(['first', 'second', 'third']);
    expect(output.badLines).toBe(3);
  });

  test('waits for a reader that pauses', async () => {
    let release = () => {};
    const output = new AnswerOutput(
      new Writable({
        highWaterMark: 1,
        write(_chunk, _encoding, done) {
          release = done;
        },
      }),
    );
    output.send(answers('one'));
    output.send(answers('two'));
    let isThereRoom = false;
    const room = output.room(1).then(() => {
      isThereRoom = true;
    });
    await new Promise(setImmediate);
    expect(isThereRoom).toBe(false);
    release();
    await room;
    expect(isThereRoom).toBe(true);
  });

  test('tells what went wrong in a thread', async () => {
    const output = new AnswerOutput(new Writable({ write: (_chunk, _encoding, done) => done() }));
    output.send(Promise.reject(new Error('the thread died')));
    output.send(answers('after it'));
    await expect(output.room(0)).rejects.toThrow('the thread died');
  });
});

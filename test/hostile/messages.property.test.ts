// Every message that an agent can send, over a real connection, with each field at its edges and past them, and then everything that an
// operator asks: nothing of it may fail, now or after a restart. Fields come from the .proto files, so that a new one is met too.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '#test/arch/sources.ts';
import { shopPolicy } from '#test/server/fleet-under-test.ts';
import { type Bound, type BoundedField, bounds, fromAgents } from '#wire/bounds.ts';
import { expectedRoutes } from './support/api-routes.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { enrolFakeAgent, type FakeAgent } from './support/fake-agent.ts';
import { operatorOf } from './support/operator.ts';
import { existingCommands, operatorCommands } from './support/operator-commands.ts';
import { runSegwall } from './support/segwall.ts';

const schema = new protobuf.Root();
const paths = ['policy_sync', 'flow_report', 'enrolment'].map((name) => join(root, `proto/segwall/v1/${name}.proto`));
schema.loadSync(paths, { keepCase: true });

type Plain = { [key: string]: unknown };

const now = Date.now();
/** What an honest agent might send; each case is one of them with one field changed. */
const honest: Readonly<Record<string, readonly Plain[]>> = {
  AgentMessage: [
    {
      host_report: {
        addresses: ['10.0.0.1'],
        facts: { os: 'debian' },
        units: { names: ['a.service'] },
        containers: { containers: [{ name: 'c', addresses: ['172.17.0.2'], reachable: ['10.0.0.9'] }] },
      },
    },
    {
      status: {
        revision: 1,
        enforcing: true,
        lost: 1,
        spooled_batches: 1,
        repairs: 1,
        problem: 'x',
        panic: { since: now, reason: 'x' },
        warnings: ['x'],
        following: { announcement: 1, state: 1, problem: 'x' },
      },
    },
    { events: { events: [{ id: 'e', happened_at: now, kind: 1, details: { a: 'b' } }] } },
    { ack: { revision: 1 } },
    { nack: { revision: 1, reason: 'x', kind: 1 } },
    {
      hello: {
        agent_version: '1',
        report: { addresses: ['10.0.0.1'] },
        held: { revision: 1, digest: Buffer.alloc(32) },
      },
    },
  ],
  FlowBatch: [
    {
      sequence: 1,
      started_at: now,
      ended_at: now,
      lost: { overruns: 1, records: 1, spooled: 1, deniedInbound: 1, deniedOutbound: 1 },
      strings: ['web-1', 'shop', 'r', 'u'],
      ends: [{ direction: 1, verdict: 1, reason: 5, workload: 1, segment: 2, rule: 3 }],
      ipv4: [0x0a000001, 0x0a000002],
      ipv6: Buffer.alloc(16),
      count: 1,
      end: [0],
      local: [0],
      peer: [1],
      protocol: [6],
      port: [80],
      base_revision: 1,
      revision: [1],
      connections: [1],
      packets_original: [1],
      packets_reply: [1],
      bytes_original: [1],
      bytes_reply: [1],
      first_seen: [0],
      last_seen: [1],
      answered: [true],
      unit: [4],
      process: [4],
    },
  ],
  RenewRequest: [{ csr: Buffer.alloc(10), client_clock: now }],
  EnrolRequest: [{ token: 't', host: 'web-1', csr: Buffer.alloc(10), client_clock: now }],
};

const numbers = [0, 2 ** 31, Number.MAX_SAFE_INTEGER, 2 ** 53, '18446744073709551615'];
const signed = [0, -1, 2 ** 31, -(2 ** 52), Number.MAX_SAFE_INTEGER];
const texts = ['', '\u0000', 'a\u001b[2Jb', 'a\u0085b', '\u202eabc', '😀'.repeat(63), 'x'.repeat(5000)];

/** Values for one field, past what it allows and at its edges. */
function edgesOf(field: protobuf.Field): readonly unknown[] {
  const bound: Bound | undefined = bounds[`${field.parent?.name}.${field.name}` as BoundedField];
  const most = bound !== undefined && 'most' in bound ? Math.min(bound.most, 60_000) : 1;
  const scalars = scalarsOf(field);
  if (field.map) return [Object.fromEntries(texts.map((text) => [text, text])), manyKeys(most), manyKeys(most + 1)];
  if (!field.repeated) return scalars;
  const one = field.resolvedType instanceof protobuf.Type ? {} : scalars[1];
  return [...scalars.map((value) => [value]), [], Array(most).fill(one), Array(most + 1).fill(one)];
}

const manyKeys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v']));

function scalarsOf(field: protobuf.Field): readonly unknown[] {
  if (field.resolvedType instanceof protobuf.Enum) return [0, 99];
  if (field.resolvedType instanceof protobuf.Type) return [{}];
  if (field.type === 'string') return texts;
  if (field.type === 'bytes') return [Buffer.alloc(0), Buffer.alloc(7), Buffer.alloc(9000)];
  if (field.type === 'bool') return [true];
  if (field.type === 'uint32' || field.type === 'fixed32') return [0, 1, 2 ** 31, 2 ** 32 - 1];
  return field.type.startsWith('s') && field.type !== 'string' ? signed : numbers;
}

/** Each change of each field below `value`, one at a time. */
function* changed(type: protobuf.Type, value: Plain): Generator<{ readonly where: string; readonly value: Plain }> {
  for (const field of type.fieldsArray) {
    const { name } = field.resolve();
    const inner = value[name];
    if (inner === undefined && field.partOf !== null) continue;
    if (field.resolvedType instanceof protobuf.Type && !field.map && inner !== undefined) {
      const first = (field.repeated ? (inner as Plain[])[0] : inner) as Plain;
      for (const { where, value: next } of changed(field.resolvedType, first))
        yield { where, value: { ...value, [name]: field.repeated ? [next] : next } };
    }
    for (const [at, edge] of edgesOf(field).entries())
      yield { where: `${type.name}.${name} #${at}`, value: { ...value, [name]: edge } };
  }
}

function bytesOf(type: protobuf.Type, value: Plain): Uint8Array {
  return type.encode(type.fromObject(value)).finish();
}

/** All cases of one kind of message, and each also with its fields twice. */
function* casesOf(name: string): Generator<{ readonly where: string; readonly bytes: Uint8Array }> {
  const type = schema.lookupType(`segwall.v1.${name}`);
  for (const value of honest[name] ?? []) {
    const whole = bytesOf(type, value);
    yield { where: `${name} twice over`, bytes: Buffer.concat([whole, whole]) };
    for (const { where, value: next } of changed(type, value)) yield { where, bytes: bytesOf(type, next) };
  }
}

let directory: string;
let server: ApiServer;
let agent: FakeAgent;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'segwall-hostile-'));
  server = await startApiServer({ directory });
  await mkdir(join(directory, 'policy'));
  await writeFile(join(directory, 'policy/shop.yaml'), shopPolicy({ mode: 'observe' }));
  const operator = operatorOf(server);
  await operator.call('POST', '/api/v1/policy/apply', { files: [{ path: 'shop.yaml', text: shopPolicy() }] });
  const { agents, caFingerprint } = server.controlPlane;
  const token = await operator.joinToken({ app: 'shop' });
  agent = await enrolFakeAgent({ controlPlane: agents, caFingerprint, token, name: 'web-1', directory });
});
afterAll(async () => {
  agent.close();
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

/** All that is read and names nothing, and what is read of no name. */
const asked = expectedRoutes
  .filter(([route]) => route.startsWith('GET ') && !route.includes('/:'))
  .map(([route]) => ['GET', route.slice('GET '.length)] as const);

let calls = 0;
const typed = () => {
  calls += 1;
  return operatorCommands({ policy: join(directory, 'policy'), scratch: directory, time: `t${calls}` });
};

/** Every command as an operator types it, one after the other. */
async function holdCommandsTo(where: string): Promise<void> {
  const environment = {
    SEGWALL_SERVER: server.controlPlane.apiUrl,
    SEGWALL_TOKEN: server.token,
    // Of this round alone: what the round before planned against is not what is active now.
    XDG_STATE_HOME: await mkdtemp(join(directory, 'state-')),
  };
  const failed: unknown[] = [];
  for (const [path, args] of Object.entries(typed())) {
    if ('left' in args) continue;
    const { exitCode, stderr } = await runSegwall(args, environment);
    if (exitCode !== 0) failed.push({ path, exitCode, stderr });
  }
  expect(failed, where).toEqual([]);
}

async function holdOperatorsTo(where: string): Promise<void> {
  const { call } = operatorOf(server);
  const files = [{ path: 'shop.yaml', text: shopPolicy({ mode: 'observe' }) }];
  const answers = [
    ...(await Promise.all(asked.map(async ([method, path]) => ({ path, ...(await call(method, path)) })))),
    { path: 'the largest page of flows', ...(await call('GET', '/api/v1/flows?limit=1000')) },
    { path: 'the largest page of the audit log', ...(await call('GET', '/api/v1/audit?limit=10000')) },
    { path: 'plan', ...(await call('POST', '/api/v1/policy/plan', { files })) },
    { path: 'suggest', ...(await call('POST', '/api/v1/suggestions', { segment: 'shop' })) },
    { path: 'apply', ...(await call('POST', '/api/v1/policy/apply', { files })) },
  ];
  const failed = answers
    .filter(({ status }) => status !== 200)
    .map(({ path, status, body }) => ({ path, status, body }));
  expect(failed, where).toEqual([]);
  await holdCommandsTo(where);
}

test('every message of agents, every field of them and every command of operators is among what is tried', () => {
  expect(Object.keys(honest).sort()).toEqual([...fromAgents].sort());
  const visited = new Set(
    Object.keys(honest).flatMap((name) => [...casesOf(name)].map(({ where }) => where.replace(/ #\d+$/, ''))),
  );
  expect(Object.keys(bounds).filter((field) => !visited.has(field))).toEqual([]);
  expect(Object.keys(typed()).sort()).toEqual([...existingCommands()].sort());
});

const unary = { FlowBatch: 'report', RenewRequest: 'renew', EnrolRequest: 'enrol' } as const;

test.each(Object.keys(unary) as (keyof typeof unary)[])(
  '%s: each field at its edges is answered, and no operator fails',
  async (name) => {
    const stream = await agent.greeted({ host: { addresses: ['10.0.0.1'] } });
    const unexpected: unknown[] = [];
    for (const { where, bytes } of casesOf(name)) {
      const answer = await agent[unary[name]](bytes);
      const isTyped =
        answer.kind === 'answered' ||
        ['INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED', 'UNAUTHENTICATED'].includes(answer.code);
      if (!isTyped) unexpected.push({ where, answer });
    }
    stream.close();
    expect(unexpected).toEqual([]);
    await holdOperatorsTo(name);
  },
);

test('AgentMessage: each field at its edges is taken or ends the stream as a violation, and no operator fails', async () => {
  const unexpected: unknown[] = [];
  let stream = await agent.greeted({ host: { addresses: ['10.0.0.1'] } });
  let isOver = false;
  const watch = (one: typeof stream) =>
    void one.ended.then(() => {
      if (one === stream) isOver = true;
    });
  watch(stream);
  for (const { where, bytes } of casesOf('AgentMessage')) {
    stream.sendBytes(bytes);
    // What follows in order tells that it was read: a hello in the middle is always a violation.
    stream.send({ kind: 'hello', agentVersion: '1', host: { addresses: [], facts: new Map() } });
    const end = await stream.ended;
    if (!['INVALID_ARGUMENT'].includes(end.code)) unexpected.push({ where, end });
    isOver = false;
    stream = await agent.greeted({ host: { addresses: ['10.0.0.1'] } });
  }
  expect(isOver).toBe(false);
  stream.close();
  expect(unexpected).toEqual([]);
  await holdOperatorsTo('AgentMessage');
});

test('a first message with each field at its edges, and no operator fails', async () => {
  const type = schema.lookupType('segwall.v1.AgentMessage');
  const hello = honest['AgentMessage']?.at(-1) ?? {};
  for (const { value } of changed(type, hello)) {
    const stream = agent.open();
    stream.sendBytes(bytesOf(type, value));
    stream.send({ kind: 'hello', agentVersion: '1', host: { addresses: [], facts: new Map() } });
    // One that only asks is answered, and the stream is over.
    const { asks_only: onlyAsks = false } = (value['hello'] ?? {}) as { readonly asks_only?: boolean };
    expect(await stream.ended).toMatchObject({ code: onlyAsks ? 'OK' : 'INVALID_ARGUMENT' });
  }
  await holdOperatorsTo('Hello');
});

test('all of it is there after a restart, and no operator fails', async () => {
  await server.close();
  server = await startApiServer({ directory });
  await holdOperatorsTo('restarted');
});

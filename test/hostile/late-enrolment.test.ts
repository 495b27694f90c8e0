// What a host shows when it asks for another identity, and what has become of it by the time that this is given: the request waits for its
// turn behind an operator's revocation. And an enrolment that is asked again and again, with a token that is revoked meanwhile.

import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createCertificateRequest, createHostKey } from '#agent/link/certificate-request.ts';
import { ChangeQueue } from '#control-plane/fleet/change-queue.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { decodeEnrolReply, encodeEnrolRequest } from '#wire/enrolment-messages.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { enrolFakeAgent, type FakeAgent } from './support/fake-agent.ts';
import { type Operator, operatorOf } from './support/operator.ts';

let server: ApiServer;
let operator: Operator;
let token: { readonly token: string; readonly id: string };
let agent: FakeAgent;
beforeEach(async () => {
  server = await startApiServer();
  onTestFinished(() => server.close());
  operator = operatorOf(server);
  token = (await operator.call('POST', '/api/v1/tokens', { labels: {}, uses: 100 })).body as typeof token;
  const { agents: controlPlane, caFingerprint } = server.controlPlane;
  const given = { controlPlane, caFingerprint, token: token.token, directory: server.directory };
  agent = await enrolFakeAgent({ ...given, name: 'lost' });
  onTestFinished(() => agent.close());
});

/** In the words of the wire. */
async function ask(host: string, given: { readonly key?: string; readonly renewsIdentity?: true } = {}) {
  const { key = await createHostKey(), ...rest } = given;
  const csr = await createCertificateRequest(key, host);
  const clientClock = millis(Date.now());
  const answer = await agent.enrol(encodeEnrolRequest({ token: token.token, host, csr, clientClock, ...rest }));
  if (answer.kind === 'failed') return answer.code;
  const reply = assertOk(decodeEnrolReply(answer.bytes));
  return reply.kind === 'refused' ? reply.code : Buffer.from(reply.certificate).toString('hex');
}

const revoke = () => operator.call('POST', '/api/v1/agents/lost/revoke');
const isRevoked = async () =>
  (
    (await operator.call('GET', '/api/v1/status')).body as { readonly revoked: { readonly names: string[] } }
  ).revoked.names.includes('lost');
async function audited(action: string): Promise<number> {
  const { body } = await operator.call('GET', '/api/v1/audit?limit=1000');
  const entries = body as readonly { readonly action: string; readonly target: string }[];
  return entries.filter((entry) => entry.action === action).length;
}

describe('a new identity that was asked for with the key of the present one', () => {
  const meanwhiles: readonly (readonly [string, () => Promise<unknown>, RegExp, boolean])[] = [
    ['nothing', async () => undefined, /^30/, false],
    ['the host is revoked', revoke, /^name-taken$/, true],
    ['the host is given another one', () => ask('lost', { renewsIdentity: true }), /^name-taken$/, false],
  ];
  test.each(meanwhiles)('and before its turn %s', async (_, meanwhile, outcome, revoked) => {
    const [came, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { run } = ChangeQueue.prototype;
    let isFirst = true;
    const spy = vi.spyOn(ChangeQueue.prototype, 'run').mockImplementation(async function (
      this: ChangeQueue,
      change,
      by,
    ) {
      if (by === 'hosts' && isFirst) {
        isFirst = false;
        came.resolve();
        await gate.promise;
      }
      return run.call(this, change, by) as never;
    });
    onTestFinished(() => spy.mockRestore());
    const asked = ask('lost', { renewsIdentity: true });
    await came.promise;
    await meanwhile();
    gate.resolve();
    expect(await asked).toMatch(outcome);
    expect(await isRevoked()).toBe(revoked);
  });
});

describe('an enrolment that is asked again with the same key', () => {
  test('is given the same certificate, which is issued and told once', async () => {
    const key = await createHostKey();
    const before = await audited('certificate-issued');
    const first = await ask('once', { key });
    expect(new Set(await Promise.all([1, 2, 3, 4, 5].map(() => ask('once', { key }))))).toEqual(new Set([first]));
    expect((await audited('certificate-issued')) - before).toBe(1);
  });

  const ends: readonly (readonly [string, () => Promise<unknown>, string])[] = [
    ['its token is revoked', () => operator.call('DELETE', `/api/v1/tokens/${token.id}`), 'token-unknown'],
    ['its host is revoked', () => operator.call('POST', '/api/v1/agents/once/revoke'), 'name-taken'],
  ];
  test.each(ends)('and after %s is given nothing more', async (_, end, refusal) => {
    const key = await createHostKey();
    expect(await ask('once', { key })).toMatch(/^30/);
    await end();
    expect(await ask('once', { key })).toBe(refusal);
    expect(await ask('once', { key })).toBe(refusal);
  });
});

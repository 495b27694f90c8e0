// An operator replaces the CA, over https: hosts and operators go on, who would be lost is named before, and the audit log tells.

import { expect, onTestFinished, test } from 'vitest';
import { type Method, openApiClient } from '#cli/server/api-client.ts';
import { programPath } from '#test/support/programs.ts';
import { run } from '#test/support/run-command.ts';
import { startApiServer } from '../hostile/support/api-server.ts';
import { eventually } from '../transport/control-plane-fixture.ts';
import { startWireAgent } from './wire-agent.ts';

interface Answer {
  readonly present: { readonly fingerprint: string };
  readonly next?: { readonly fingerprint: string; readonly hosts: number; readonly moved: number };
}

interface Entry {
  readonly action: string;
  readonly actor: string;
  /** JSON. */
  readonly details: string;
}

test('the CA is replaced: refused while anybody would be lost, finished when nobody would, and told in the audit log', async () => {
  const server = await startApiServer({ settings: { api: '0.0.0.0:0', apiNames: '127.0.0.1' } });
  onTestFinished(() => server.close());
  const { agents, caFingerprint } = server.controlPlane;
  const environment = (token: string) => ({
    SEGWALL_SERVER: `https://127.0.0.1:${server.port}`,
    SEGWALL_TOKEN: token,
    XDG_STATE_HOME: server.directory,
  });
  /** As the command asks: by the CA that its token names. */
  const callAs = async <T>(token: string, method: Method, path: string, body?: unknown): Promise<T> =>
    (await openApiClient({}, environment(token))).call<T>(method, path, body);
  const call = <T>(method: Method, path: string, body?: unknown) => callAs<T>(server.token, method, path, body);
  const segwall = (token: string, ...args: readonly string[]) =>
    run([process.execPath, programPath('segwall'), ...args], { env: environment(token) });

  const joining = { labels: { app: 'shop' }, uses: 3, ttlSeconds: 3600 };
  const { token } = await call<{ readonly token: string }>('POST', '/tokens', joining);
  const options = { controlPlane: agents, caFingerprint, token, addresses: [] };
  const web = await startWireAgent({ ...options, name: 'web-1', renews: true });
  await web.until(() => true);
  const away = await startWireAgent({ ...options, name: 'away-1' });
  await away.until(() => true);
  await away.stop();

  await expect(call('POST', '/ca/retire', {})).rejects.toMatchObject({ code: 'not-rotating' });
  expect(await call('GET', '/ca')).toEqual({ present: { fingerprint: caFingerprint, endsAt: expect.any(String) } });
  const began = await call<Answer>('POST', '/ca/rotate');
  expect(began).toMatchObject({ began: 'now', present: { fingerprint: caFingerprint }, next: { hosts: 2 } });
  const next = began.next?.fingerprint ?? '';
  expect(await call('POST', '/ca/rotate')).toMatchObject({ began: 'before', next: { fingerprint: next } });
  await eventually('web-1 trusts the next CA alone', () => web.identity.trusts().join() === next);
  while ((await call<Answer>('GET', '/ca')).next?.moved !== 1);
  expect((await segwall(server.token, 'ca')).stdout).toMatch(
    /moved +1 of 2 hosts use a certificate of the next CA; 1 trust it\nleft +away-1\noperators +admin/,
  );

  const refused = await segwall(server.token, 'ca', 'retire');
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /not-moved: 1 of 2 hosts hold no certificate of the next CA \(away-1\), and tokens of operators name the old CA \(admin\)/,
  );
  expect(await call('GET', '/ca')).toMatchObject({ present: { fingerprint: caFingerprint } });

  // New tokens name the next CA, and both kinds hold.
  const rotated = await call<{ readonly token: string }>('POST', '/operators/admin/rotate', { overlapSeconds: 3600 });
  expect(rotated.token.endsWith(next)).toBe(true);
  for (const one of [server.token, rotated.token]) await callAs(one, 'GET', '/status');
  const retired = await segwall(rotated.token, 'ca', 'retire', '--yes');
  expect(retired).toMatchObject({ exitCode: 0, stderr: '' });
  expect(retired.stdout).toMatch(
    new RegExp(`CA +${next}, .*\\nlost +away-1: enrol them anew with --renew-identity\\noperators +admin`),
  );
  await callAs(rotated.token, 'GET', '/status');
  await expect(call('GET', '/status')).rejects.toMatchObject({ code: 'ca-mismatch' });
  const entries = await callAs<readonly Entry[]>(rotated.token, 'GET', '/audit');
  const told = entries
    .filter(({ action }) => action.startsWith('ca-'))
    .map(({ action, actor, details }) => ({ action, actor, ...(JSON.parse(details) as object) }));
  expect(told).toMatchObject([
    { action: 'ca-rotation-began', actor: 'operator/admin', present: caFingerprint },
    { action: 'ca-retired', retired: caFingerprint, present: next, lostHosts: 1, left: ['away-1'] },
  ]);
  expect(await web.identity.renew()).toMatchObject({ ok: true });
}, 120_000);

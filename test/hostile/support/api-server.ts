// A control plane in this process with an operator API on loopback, for tests that call it as strangers do.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { type ControlPlane, startControlPlane } from '#control-plane/server.ts';
import { readSettings } from '#control-plane/settings/settings.ts';
import { assertOk } from '#model/result.ts';

export interface ApiServer {
  readonly controlPlane: ControlPlane;
  readonly directory: string;
  readonly port: number;
  readonly token: string;
  /** What was logged, as text. */
  readonly logged: () => string;
  close(): Promise<void>;
}

export async function startApiServer(
  given: { readonly directory?: string; readonly settings?: Readonly<Record<string, unknown>> } = {},
): Promise<ApiServer> {
  const directory = given.directory ?? (await mkdtemp(join(tmpdir(), 'segwall-hostile-')));
  const asked = { data: directory, agents: '127.0.0.1:0', api: '127.0.0.1:0', ...given.settings };
  const settings = assertOk(readSettings(asked, {}));
  const died = (error: Error) => {
    throw error;
  };
  let logged = '';
  const log = pino({ level: 'debug' }, { write: (line: string) => (logged += line) });
  const controlPlane = await startControlPlane({ settings, log, version: '0.0.0', died });
  const { adminToken } = JSON.parse(await readFile(join(directory, 'first-start.json'), 'utf8')) as {
    readonly adminToken: string;
  };
  return {
    controlPlane,
    directory,
    port: Number(new URL(controlPlane.apiUrl).port),
    token: adminToken,
    logged: () => logged,
    async close() {
      await controlPlane.stop();
      if (given.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

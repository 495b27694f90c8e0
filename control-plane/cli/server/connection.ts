// Which control plane to ask and as whom: --server and --token-file, else SEGWALL_SERVER and SEGWALL_TOKEN. The token file may be the
// control plane's own first-start.json, which names the server too.

import { readFile } from 'node:fs/promises';
import { CommandFailure } from './failure.ts';

export interface ConnectionOptions {
  readonly server?: string;
  readonly tokenFile?: string;
}

export interface Connection {
  readonly server: URL;
  readonly token: string;
}

export async function resolveConnection(
  options: ConnectionOptions,
  environment: NodeJS.ProcessEnv,
): Promise<Connection> {
  const file = options.tokenFile === undefined ? undefined : await readTokenFile(options.tokenFile);
  // A variable that is set to nothing is not set: that is how a shell or a unit file takes one away.
  const token = file?.token ?? (environment['SEGWALL_TOKEN'] || undefined);
  const server = options.server ?? (environment['SEGWALL_SERVER'] || file?.server);
  if (server === undefined || server === '') {
    throw new CommandFailure(
      2,
      'no-server',
      'say which control plane: --server URL, or SEGWALL_SERVER in the environment',
    );
  }
  if (token === undefined || token === '') {
    throw new CommandFailure(2, 'no-token', 'say as whom: --token-file FILE, or SEGWALL_TOKEN in the environment');
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const from = file?.token === undefined ? 'SEGWALL_TOKEN' : `${options.tokenFile}`;
    throw new CommandFailure(2, 'bad-token', `${from} holds white space or other characters that no token has`);
  }
  const url = URL.parse(server);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new CommandFailure(
      2,
      'bad-server',
      `"${server}" is not a URL; allowed is http://ADDRESS:PORT or https://ADDRESS:PORT`,
    );
  }
  return { server: url, token };
}

async function readTokenFile(path: string): Promise<{ readonly token?: string; readonly server?: string }> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new CommandFailure(
      2,
      'token-file-unreadable',
      `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  if (!text.startsWith('{')) return { token: text };
  try {
    const { adminToken, apiUrl } = JSON.parse(text) as { readonly adminToken?: unknown; readonly apiUrl?: unknown };
    return {
      ...(typeof adminToken === 'string' ? { token: adminToken } : {}),
      ...(typeof apiUrl === 'string' ? { server: apiUrl } : {}),
    };
  } catch {
    throw new CommandFailure(2, 'token-file-unreadable', `${path} is neither a token nor a first-start.json`);
  }
}

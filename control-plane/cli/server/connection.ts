// Which control plane to ask and as whom: --server and --token-file, else SEGWALL_SERVER and SEGWALL_TOKEN or SEGWALL_TOKEN_FILE. The
// token file may be the control plane's own first-start.json, which names the server too. A token goes over https, or to this machine itself, or nowhere:
// there is no option against that, since no control plane listens in clear on anything but loopback.

import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { CommandFailure } from '#cli/output/failure.ts';
import { Secret } from '#model/secret.ts';

export interface ConnectionOptions {
  readonly server?: string;
  readonly tokenFile?: string;
}

export interface Connection {
  readonly server: URL;
  readonly token: Secret;
}

export async function resolveConnection(
  options: ConnectionOptions,
  environment: NodeJS.ProcessEnv,
): Promise<Connection> {
  // A variable that is set to nothing is not set: that is how a shell or a unit file takes one away.
  const given = options.tokenFile === undefined ? secretOf(environment['SEGWALL_TOKEN']) : undefined;
  const path = options.tokenFile ?? (given === undefined ? environment['SEGWALL_TOKEN_FILE'] || undefined : undefined);
  const file = path === undefined ? undefined : await readTokenFile(path);
  const token = given ?? file?.token;
  const server = options.server ?? (environment['SEGWALL_SERVER'] || file?.server);
  if (server === undefined || server === '') {
    throw new CommandFailure(
      2,
      'no-server',
      'say which control plane: --server URL, or SEGWALL_SERVER in the environment',
    );
  }
  if (token === undefined || token.reveal() === '') {
    throw new CommandFailure(
      2,
      'no-token',
      'say as whom: --token-file FILE, or SEGWALL_TOKEN or SEGWALL_TOKEN_FILE in the environment',
    );
  }
  if (!/^[\x21-\x7e]+$/.test(token.reveal())) {
    throw new CommandFailure(
      2,
      'bad-token',
      `${path ?? 'SEGWALL_TOKEN'} holds white space or other characters that no token has`,
    );
  }
  const url = URL.parse(server);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new CommandFailure(
      2,
      'bad-server',
      `"${server}" is not a URL; allowed is http://ADDRESS:PORT or https://ADDRESS:PORT`,
    );
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new CommandFailure(
      2,
      'token-in-clear',
      `the token would go to ${url.host} in clear, for whoever listens on the way; use https://${url.host}, where the control plane is known by the CA that the token names, or an ssh tunnel to its loopback address`,
    );
  }
  return { server: url, token };
}

/** As URLs have hosts: IPv4 in one spelling, IPv6 in brackets. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function secretOf(text: string | undefined): Secret | undefined {
  return text === undefined || text === '' ? undefined : new Secret(text);
}

async function readTokenFile(path: string): Promise<{ readonly token?: Secret; readonly server?: string }> {
  let text: string;
  try {
    text = (path === '-' ? await readAll(process.stdin) : await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new CommandFailure(
      2,
      'token-file-unreadable',
      `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  if (!text.startsWith('{')) return { token: new Secret(text) };
  try {
    const { adminToken, apiUrl } = JSON.parse(text) as { readonly adminToken?: unknown; readonly apiUrl?: unknown };
    return {
      ...(typeof adminToken === 'string' ? { token: new Secret(adminToken) } : {}),
      ...(typeof apiUrl === 'string' ? { server: apiUrl } : {}),
    };
  } catch {
    throw new CommandFailure(2, 'token-file-unreadable', `${path} is neither a token nor a first-start.json`);
  }
}

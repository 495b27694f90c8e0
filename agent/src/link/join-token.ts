// Where `enroll` has its join token from: a file, standard input, the command line, or else the systemd credential of that name. The command
// line is the worst of them: while the command runs, every user of the host can read it in the process list.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { err, ok, type Result } from '#model/result.ts';
import { Secret } from '#model/secret.ts';

/** As `LoadCredential=` and `SetCredential=` of a unit name it. */
export const joinTokenCredential = 'segwall-join-token';

export interface JoinTokenOptions {
  readonly token?: string;
  /** `-`: standard input. */
  readonly tokenFile?: string;
}

export interface JoinTokenSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly input: Readable;
}

export type JoinTokenErrorCode = 'token-missing' | 'token-twice' | 'token-unreadable' | 'token-malformed';

export interface JoinTokenError {
  readonly code: JoinTokenErrorCode;
  readonly message: string;
}

/** A token has 47 characters. */
const bytesMost = 4096;

export async function readJoinToken(
  { token, tokenFile }: JoinTokenOptions,
  { environment, input }: JoinTokenSources,
): Promise<Result<Secret, JoinTokenError>> {
  if (token !== undefined && tokenFile !== undefined)
    return fail('token-twice', 'both --token and --token-file say what to join with; give one of them');
  if (token !== undefined) return parse(token, '--token');
  const credentials = environment['CREDENTIALS_DIRECTORY'];
  if (tokenFile === undefined && credentials === undefined) {
    return fail(
      'token-missing',
      `say what to join with: --token-file FILE, --token-file - for standard input, or the systemd credential ${joinTokenCredential}`,
    );
  }
  const path = tokenFile ?? join(credentials ?? '', joinTokenCredential);
  const place = path === '-' ? 'standard input' : path;
  try {
    return parse(path === '-' ? await readStart(input) : await readFileStart(path), place);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return fail('token-unreadable', `cannot read the join token from ${place}: ${reason}`);
  }
}

function parse(text: string, place: string): Result<Secret, JoinTokenError> {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token) && token.length < bytesMost) return ok(new Secret(token));
  const what = token === '' ? 'is empty' : 'holds white space or other characters that no token has, or is too long';
  return fail('token-malformed', `${place} ${what}; it is to hold one token, as \`segwall tokens create\` printed it`);
}

async function readStart(input: Readable): Promise<string> {
  let text = '';
  for await (const chunk of input) {
    text += String(chunk);
    if (text.length >= bytesMost) break;
  }
  return text;
}

/** A device or a wrong path may be endless. */
async function readFileStart(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(bytesMost), position: null });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function fail(code: JoinTokenErrorCode, message: string): Result<never, JoinTokenError> {
  return err({ code, message });
}

// `segwall-agent enroll`: buys this host its certificate with a join token. Nothing is enforced by it yet.

import { CommandError, type ExitCode } from '../command-error.ts';
import { type EnrollErrorCode, enroll } from '../enroll.ts';
import { type JoinTokenErrorCode, readJoinToken } from '../join-token.ts';

export interface EnrollOptions {
  readonly controlPlane: string;
  readonly proxy?: string;
  readonly caFingerprint: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly state: string;
  readonly name?: string;
}

/** Wrong use is 2; all else could not be reached or was not allowed. */
const wrongUse: ReadonlySet<EnrollErrorCode | JoinTokenErrorCode> = new Set([
  'token-missing',
  'token-twice',
  'token-unreadable',
  'token-malformed',
  'control-plane-invalid',
  'proxy-invalid',
  'name-invalid',
  'fingerprint-invalid',
]);

export async function enrollCommand({ state, token, tokenFile, ...options }: EnrollOptions): Promise<void> {
  if (tokenFile === '-' && process.stdin.isTTY)
    process.stderr.write('paste the join token, then press Enter and Ctrl-D\n');
  const given = { ...(token !== undefined && { token }), ...(tokenFile !== undefined && { tokenFile }) };
  const secret = await readJoinToken(given, { environment: process.env, input: process.stdin });
  if (!secret.ok) throw notEnrolled(secret.error);
  const outcome = await enroll({ ...options, token: secret.value, stateDirectory: state });
  if (!outcome.ok) throw notEnrolled(outcome.error);
  const { host, tenant, controlPlane } = outcome.value;
  process.stdout.write(
    `${host} is enrolled with ${controlPlane} (tenant ${tenant})\nnext: systemctl start segwall-agent (without the package: segwall-agent run --state ${state})\n`,
  );
}

interface Failure {
  readonly code: EnrollErrorCode | JoinTokenErrorCode;
  readonly message: string;
}

function notEnrolled({ code, message }: Failure): CommandError {
  const exitCode: ExitCode = wrongUse.has(code) ? 2 : 3;
  return new CommandError({ code, message, remedy: 'This host is not enrolled by this attempt.', exitCode });
}

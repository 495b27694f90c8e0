// `segwall-agent enroll`: buys this host its certificate with a join token. Nothing is enforced by it yet.

import { type EnrollErrorCode, enroll } from '#agent/link/enroll.ts';
import { type JoinTokenErrorCode, readJoinToken } from '#agent/link/join-token.ts';
import { CommandError } from '#agent/process/command-error.ts';
import { packageStateDirectory, settingsPathOf } from '#agent/state/package-paths.ts';
import { durationForm, parseDurationMs } from '#model/duration.ts';
import { safeText } from '#model/safe-text.ts';

export interface EnrollOptions {
  readonly controlPlane: string;
  readonly proxy?: string;
  readonly caFingerprint: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly state: string;
  readonly name?: string;
  readonly renewIdentity?: boolean;
  /** A duration; absent: a while where there is no room, and no second try where nobody answers. */
  readonly timeout?: string;
}

type FailureCode = EnrollErrorCode | JoinTokenErrorCode | 'timeout-invalid';

const mostPatienceMs = 86_400_000;

export async function enrollCommand({ state, token, tokenFile, timeout, ...options }: EnrollOptions): Promise<void> {
  const patienceMs = timeout === undefined ? undefined : parseDurationMs(timeout);
  if (timeout !== undefined && (patienceMs === undefined || patienceMs > mostPatienceMs)) {
    const message = `--timeout is "${timeout}"; allowed is ${durationForm}, at most 1d`;
    throw notEnrolled({ code: 'timeout-invalid', message });
  }
  if (tokenFile === '-' && process.stdin.isTTY)
    process.stderr.write('paste the join token, then press Enter and Ctrl-D\n');
  const source = { ...(token !== undefined && { token }), ...(tokenFile !== undefined && { tokenFile }) };
  const secret = await readJoinToken(source, { environment: process.env, input: process.stdin });
  if (!secret.ok) throw notEnrolled(secret.error);
  const outcome = await enroll({
    ...options,
    token: secret.value,
    stateDirectory: state,
    ...(patienceMs === undefined ? {} : { patienceMs, unreachable: 'try-again' as const }),
    waiting: (problem) =>
      process.stderr.write(`${safeText(problem)}; trying again for ${timeout ?? '5m'} (--timeout)\n`),
  });
  if (!outcome.ok) throw notEnrolled(outcome.error);
  const { host, tenant, controlPlane } = outcome.value;
  const isPackages = state === packageStateDirectory;
  const given = isPackages ? '' : ` --state ${state}`;
  process.stdout.write(
    [
      `${host} is enrolled with ${controlPlane} (tenant ${tenant})`,
      `next: ${isPackages ? 'systemctl start segwall-agent' : `segwall-agent run${given}`}`,
      `then: segwall-agent status${given} (the host is open until a policy selects and enforces it)`,
      `before one does: list what must always work, such as ssh of your admins, under essential: in ${settingsPathOf(state)}`,
      '',
    ].join('\n'),
  );
}

interface Failure {
  readonly code: FailureCode;
  readonly message: string;
}

function notEnrolled({ code, message }: Failure): CommandError {
  return new CommandError({ code, message, remedy: 'This host is not enrolled by this attempt.' });
}

// `segwall-agent enroll`: buys this host its certificate with a join token. Nothing is enforced by it yet.

import { CommandError, type ExitCode } from '../command-error.ts';
import { type EnrollErrorCode, enroll } from '../enroll.ts';

export interface EnrollOptions {
  readonly controlPlane: string;
  readonly proxy?: string;
  readonly caFingerprint: string;
  readonly token: string;
  readonly state: string;
  readonly name?: string;
}

/** Wrong use is 2; all else could not be reached or was not allowed. */
const wrongUse: ReadonlySet<EnrollErrorCode> = new Set([
  'control-plane-invalid',
  'proxy-invalid',
  'name-invalid',
  'fingerprint-invalid',
]);

export async function enrollCommand({ state, ...options }: EnrollOptions): Promise<void> {
  const outcome = await enroll({ ...options, stateDirectory: state });
  if (!outcome.ok) {
    const { code, message } = outcome.error;
    const exitCode: ExitCode = wrongUse.has(code) ? 2 : 3;
    throw new CommandError({ code, message, remedy: 'This host is not enrolled by this attempt.', exitCode });
  }
  const { host, tenant, controlPlane } = outcome.value;
  process.stdout.write(
    `${host} is enrolled with ${controlPlane} (tenant ${tenant})\nnext: systemctl start segwall-agent (without the package: segwall-agent run --state ${state})\n`,
  );
}

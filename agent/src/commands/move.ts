// `segwall-agent move`: the control plane has another address. Nothing is written before the new one has shown that it is the same control
// plane, by the CA that this host was enrolled with; identity, policy and rules stay.

import { X509Certificate } from 'node:crypto';
import { forgetOtherAddresses } from '#agent/link/control-plane-reach.ts';
import { pinnedCaOf } from '#agent/link/enroll.ts';
import { readIdentityFiles, writeEnrolledHost } from '#agent/link/identity-files.ts';
import { CommandError } from '#agent/process/command-error.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { AgentErrorCode } from '#model/agent-errors.ts';
import { parseControlPlaneAddress, parseControlPlaneAddresses } from '#wire/control-plane-address.ts';
import { assertStateDirectory } from './state-argument.ts';

export interface MoveOptions {
  /** HOST:PORT, or several with commas between. */
  readonly controlPlane: string;
  readonly state: string;
  /** Written without having been reached. */
  readonly unchecked: boolean;
}

const timeoutMs = 10_000;

export async function moveCommand({ controlPlane, state, unchecked }: MoveOptions): Promise<void> {
  assertStateDirectory(state);
  const addresses = parseControlPlaneAddresses(controlPlane);
  if (!addresses.ok) throw notMoved('control-plane-invalid', addresses.error);
  const found = await readIdentityFiles(state);
  if (!found.ok) throw notMoved(found.error.code, found.error.message);
  const { host, tenant, proxy, ca, followed } = found.value;
  const through = proxy === undefined ? undefined : parseControlPlaneAddress(proxy);
  if (!unchecked) {
    for (const address of addresses.value) {
      const reached = await pinnedCaOf({
        caFingerprint: new X509Certificate(ca).fingerprint256,
        address,
        proxyAddress: through?.ok === true ? through.value : undefined,
        timeoutMs,
        now: systemClock.wall,
      });
      if (!reached.ok) throw notMoved(reached.error.code, reached.error.message);
    }
  }
  const kept = { ...(proxy === undefined ? {} : { proxy }), ...(followed === undefined ? {} : { followed }) };
  await writeEnrolledHost(state, { controlPlane, host, tenant, ...kept });
  const reached = [...addresses.value, ...(through?.ok === true ? [through.value] : [])];
  await forgetOtherAddresses(
    state,
    reached.map((one) => one.host),
  );
  process.stdout.write(
    `${host} looks for its control plane at ${controlPlane} from the next start of its agent on\nnext: systemctl restart segwall-agent; the rules stay in the kernel meanwhile\n`,
  );
}

function notMoved(code: AgentErrorCode, message: string): CommandError {
  const remedy = 'Nothing was changed. A control plane that is not up there yet: --unchecked.';
  return new CommandError({ code, message, remedy });
}

// What the machine is made of, for people and for the fact "cloud". systeminformation asks other programs (31–694 ms a call) and
// brings megabytes of code, so only the short-lived `segwall-agent inventory` imports it; the running agent starts that once.

import { execa } from 'execa';
import { err, ok, type Result } from '#model/result.ts';

/** Empty texts where the machine does not tell; memory in bytes. */
export interface HostInventory {
  readonly manufacturer: string;
  readonly model: string;
  readonly virtual: 'yes' | 'no';
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** The provider its firmware names, or absent. */
  readonly cloud?: string;
}

/** What firmware of the large providers calls itself, in the maker's, model's or BIOS vendor's field. */
const clouds: readonly (readonly [string, RegExp])[] = [
  ['aws', /amazon ec2|\bamazon\b/i],
  ['gcp', /google/i],
  ['azure', /microsoft corporation.*virtual machine/i],
  ['alibaba', /alibaba cloud/i],
  ['digitalocean', /digitalocean/i],
  ['hetzner', /hetzner/i],
  ['oracle', /oraclecloud/i],
  ['openstack', /openstack/i],
];

/** The first provider whose name the firmware's texts hold. */
export function cloudOf(texts: readonly string[]): string | undefined {
  const joined = texts.join(' ');
  return clouds.find(([, pattern]) => pattern.test(joined))?.[0];
}

export async function readHostInventory(): Promise<HostInventory> {
  // The default export is the only one that also a bundle gives of this kind of module.
  const { bios, chassis, cpu, mem, system } = (await import('systeminformation')).default;
  const [machine, firmware, box, processor, memory] = await Promise.all([system(), bios(), chassis(), cpu(), mem()]);
  const cloud = cloudOf([machine.manufacturer, machine.model, firmware.vendor, firmware.version, box.assetTag]);
  return {
    manufacturer: machine.manufacturer,
    model: machine.model,
    virtual: machine.virtual ? 'yes' : 'no',
    cpu: `${processor.manufacturer} ${processor.brand}`.trim(),
    cores: processor.cores,
    memoryBytes: memory.total,
    ...(cloud === undefined ? {} : { cloud }),
  };
}

const limitMs = 30_000;

/** Asks a process of its own, whose memory goes with it. */
export async function askHostInventory(signal: AbortSignal): Promise<Result<HostInventory>> {
  const [, program = ''] = process.argv;
  const result = await execa(process.execPath, [...process.execArgv, program, 'inventory', '--json'], {
    reject: false,
    timeout: limitMs,
    cancelSignal: signal,
  });
  if (result.failed) return err(`the machine's inventory could not be read: ${result.shortMessage}`);
  try {
    return ok(JSON.parse(result.stdout) as HostInventory);
  } catch {
    return err('the machine’s inventory could not be read: the answer is not JSON');
  }
}

// What is shipped: each Debian package with its programs, units and settings.

import type { Command } from 'commander';
import { createProgram as createAgent } from '#agent/program.ts';
import { createProgram as createOperators } from '#cli/program.ts';
import { createProgram as createControlPlane } from '#control-plane/program.ts';
import type { DebDescription } from './deb.ts';

export interface Program {
  readonly name: string;
  /** Entry point, from the package root. */
  readonly entry: string;
  /** Its commands, never run here: the manual page and the completions are made from them. */
  readonly commands: () => Command;
  readonly manSection: 1 | 8;
  readonly summary: string;
  /** For the manual page: variable or path → what it is for. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  /** For the bundled runtime. */
  readonly runtimeFlags?: readonly string[];
}

export interface Product {
  readonly name: 'segwall' | 'segwall-agent' | 'segwall-control-plane';
  readonly programs: readonly Program[];
  readonly units: readonly string[];
  /** Packages with native code that go beside the bundle. */
  readonly native: 'koffi' | 'none';
  /** Path in packaging/debian/NAME → absolute path on the host. */
  readonly files: Readonly<Record<string, string>>;
  /** Empty ones, for drop-ins. */
  readonly directories: readonly string[];
  readonly deb: Pick<
    DebDescription,
    'depends' | 'suggests' | 'replaces' | 'provides' | 'summary' | 'description' | 'configurationFiles'
  >;
}

// The runtime is linked against the C++ library; the C library's version is what Node 24 asks for, and Debian 12 has it.
const runtimeDepends = 'libc6 (>= 2.28), libstdc++6, init-system-helpers (>= 1.54)';

const never = () => Promise.reject(new Error('these commands are only described'));

const operators: Program = {
  name: 'segwall',
  entry: 'control-plane/cli/main.ts',
  commands: createOperators,
  manSection: 1,
  summary: 'check, test, apply and watch segmentation policy',
  environment: {
    SEGWALL_SERVER: 'The control plane, where --server is not given.',
    SEGWALL_TOKEN_FILE: "A file with the operator's token, where --token-file is not given.",
    SEGWALL_TOKEN: 'The token itself. A file is better kept from others.',
  },
};

export const products: readonly Product[] = [
  {
    name: 'segwall-agent',
    programs: [
      {
        name: 'segwall-agent',
        entry: 'agent/src/main.ts',
        commands: () => createAgent(() => undefined),
        files: {
          '/var/lib/segwall-agent': 'Identity, the last good policy, and flows that wait to be sent.',
          '/etc/segwall/agent.yaml, /etc/segwall/agent.d/*.yaml':
            "The host's own settings: the file, then its drop-ins.",
        },
        manSection: 8,
        summary: 'enforce this host’s segmentation policy and report its flows',
        // An idle agent holds 5 MB less of its own and 7 MB less in all: the last compiler stage costs 4 MB of its own code (an event is
        // decoded in 1.5 instead of 0.7 µs without it), the first one keeps machine code beside bytecode, and what start-up compiled
        // goes with the first release of memory (agent/src/process/memory.ts) instead of the sixth.
        runtimeFlags: ['--no-opt', '--no-sparkplug', '--max-semi-space-size=1', '--bytecode-old-age=1'],
      },
    ],
    units: ['segwall-agent.service', 'segwall-agent-restore.service', 'segwall-agent-enroll.service'],
    native: 'koffi',
    files: {
      'agent.yaml': '/etc/segwall/agent.yaml',
      'agent.schema.json': '/usr/share/segwall/agent.schema.json',
    },
    directories: ['/etc/segwall/agent.d'],
    deb: {
      depends: `${runtimeDepends}, nftables (>= 1.0.6)`,
      summary: 'host-based micro-segmentation: the agent',
      description: [
        'Pulls the rule sets of this host from a Segwall control plane, keeps them in the',
        'kernel as one nftables table, and reports the flows that the kernel saw.',
      ],
      configurationFiles: ['/etc/segwall/agent.yaml'],
    },
  },
  {
    name: 'segwall-control-plane',
    programs: [
      {
        name: 'segwall-control-plane',
        entry: 'control-plane/src/main.ts',
        commands: () =>
          createControlPlane({
            run: never,
            settings: never,
            backup: never,
            restore: never,
            newCa: never,
            takeKeys: never,
          }),
        files: {
          '/etc/segwall/control-plane.yaml, /etc/segwall/control-plane.d/*.yaml':
            'Settings: the file, then its drop-ins.',
          '/var/lib/segwall-control-plane': 'The store, the certificate authority, and the key of the audit log.',
        },
        manSection: 8,
        summary: 'serve policy to the fleet’s agents and take their flows',
      },
      operators,
    ],
    units: ['segwall-control-plane.service'],
    native: 'none',
    files: {
      'sysusers.conf': '/usr/lib/sysusers.d/segwall-control-plane.conf',
      'control-plane.yaml': '/etc/segwall/control-plane.yaml',
      'control-plane.schema.json': '/usr/share/segwall/control-plane.schema.json',
    },
    directories: ['/etc/segwall/control-plane.d'],
    deb: {
      depends: `${runtimeDepends}, systemd`,
      suggests: 'segwall-agent',
      provides: 'segwall',
      replaces: 'segwall',
      summary: 'host-based micro-segmentation: the control plane and the segwall command',
      description: [
        'Enrols hosts, compiles policy into the rule sets of each, serves them to the agents,',
        'and stores the flows they report. Holds the `segwall` command for operators.',
      ],
      configurationFiles: ['/etc/segwall/control-plane.yaml'],
    },
  },
  {
    name: 'segwall',
    programs: [operators],
    units: [],
    native: 'none',
    files: {},
    directories: [],
    deb: {
      depends: runtimeDepends,
      summary: 'host-based micro-segmentation: the segwall command for operators',
      description: [
        'Checks, tests and explains policy offline, and applies it to a control plane on',
        'another machine. The package segwall-control-plane holds this command too.',
      ],
      configurationFiles: [],
    },
  },
];

/** Each program once, whatever packages hold it. */
export const allPrograms: readonly Program[] = [...new Set(products.flatMap(({ programs }) => programs))];

// Every setting of a host: what it may be, what holds where no file says it, and what it is for. settings-reader.ts makes an agent's settings
// of it; `segwall-agent settings --help`, docs/reference/settings.md, the package's agent.yaml and agent.schema.json are made from it too.

import { defaultMarkMask, markLayoutOf, maskText } from '#agent-core/marks/mark-layout.ts';
import { parseAddress } from '#model/address.ts';
import { parseCidr } from '#model/address-range.ts';
import { namePattern } from '#model/label.ts';
import { parseServiceTerm } from '#model/service.ts';
import { addressPattern, cidrPattern, servicePattern } from '#model/setting-patterns.ts';
import type { MappingShape, Setting, TextShape } from '#model/setting-shape.ts';
import { namesMost, stampSettings } from './settings.ts';

/** Names that the agent itself gives to essential entries. */
const takenNames = /^control-plane(-dns|-\d+)?$/;

function matching(pattern: RegExp, allowed: string): TextShape {
  return { kind: 'text', pattern: pattern.source, refusal: (text) => (pattern.test(text) ? undefined : allowed) };
}

const entryName: TextShape = {
  kind: 'text',
  pattern: `^(?!control-plane(?:-dns|-[0-9]+)?$)${namePattern.source.replace(/^\^/, '')}`,
  refusal: (text) =>
    namePattern.test(text) && !takenNames.test(text)
      ? undefined
      : 'lower-case letters, digits and "-", at most 63 characters, and not control-plane, control-plane-dns or control-plane-PORT',
};

const cidr: TextShape = {
  kind: 'text',
  pattern: `^${cidrPattern}$`,
  refusal: (text) => {
    const range = parseCidr(text);
    return range.ok ? undefined : `a CIDR or an address (${range.error})`;
  },
};

const resolver: TextShape = {
  kind: 'text',
  pattern: `^${addressPattern}$`,
  refusal: (text) => {
    const address = parseAddress(text);
    return address.ok ? undefined : `the address of a resolver (${address.error})`;
  },
};

const service: TextShape = {
  kind: 'text',
  pattern: `^${servicePattern}$`,
  refusal: (text) =>
    parseServiceTerm(text).ok
      ? undefined
      : 'any, tcp/PORT, udp/PORT, sctp/PORT, PROTO/LOW-HIGH, icmp, icmpv6, proto/NUMBER',
};

const unit = matching(
  /^[A-Za-z0-9:_.\\@*-]{1,255}$/,
  'the name of a service, "*" for any characters, such as nginx.service or postgresql@*',
);
const interfaceName = matching(
  /^[^\s/]{1,15}$/,
  'the name of an interface, "*" for any characters, such as eth* or docker0',
);
const fact = matching(/^[A-Za-z0-9._:/@+-]{1,63}$/, 'letters, digits and ._:/@+-, at most 63 characters');

const peersAllowed = 'any, or a list of CIDRs such as [10.0.0.0/8, "fd00::/8"]';
const peers = {
  kind: 'either',
  words: ['any'],
  or: { kind: 'list', of: cidr, count: { least: 1, allowed: peersAllowed } },
  allowed: peersAllowed,
} as const;

const interfaces = (means: string) =>
  ({ shape: { kind: 'list', of: interfaceName }, fallback: [], means }) as const satisfies Setting;

export const declaredSettings = {
  kind: 'mapping',
  keys: {
    essential: {
      shape: {
        kind: 'list',
        unique: 'name',
        of: {
          kind: 'mapping',
          keys: {
            name: { shape: entryName, needed: 'here', means: 'The entry’s name, by which a drop-in replaces it.' },
            direction: {
              shape: { kind: 'choice', values: ['inbound', 'outbound'] },
              needed: 'here',
              means: 'Who opens the connections, as seen from this host.',
            },
            services: {
              shape: {
                kind: 'list',
                of: service,
                count: { least: 1, allowed: 'at least one service, or [any]' },
              },
              needed: 'here',
              means: 'Of the end that is connected to.',
            },
            peers: { shape: peers, needed: 'here', means: 'The addresses of the other ends.' },
          },
        },
      },
      fallback: [],
      means: 'What passes before any policy. It never comes from the control plane: write it down before you enforce.',
    },
    interfaces: {
      shape: {
        kind: 'mapping',
        keys: {
          include: interfaces(
            'Interfaces whose addresses other hosts can reach this one by, though they look otherwise.',
          ),
          exclude: interfaces('Interfaces whose addresses other hosts cannot reach this one by.'),
          outside: interfaces('Interfaces that lead to other machines though they look like a guest’s.'),
        },
      },
      means: 'Which interfaces count.',
    },
    facts: {
      shape: {
        kind: 'mapping',
        keys: {
          region: { shape: fact, means: 'What the host says of its region; policy may select by it.' },
          cloud: { shape: fact, means: 'The same of its cloud; without it, what the firmware names.' },
        },
      },
      means: 'What this host says of itself.',
    },
    flows: {
      shape: {
        kind: 'mapping',
        keys: {
          windowSeconds: {
            shape: { kind: 'integer', least: 1, most: 300 },
            fallback: 5,
            means: 'How long observed connections are added up before they are reported.',
          },
          recordsMost: {
            shape: { kind: 'integer', least: 100, most: 50_000 },
            fallback: 20_000,
            means: 'The most different flows of a window; the others are counted as lost.',
          },
          spoolMegabytes: {
            shape: { kind: 'integer', least: 1, most: 65_536 },
            fallback: 64,
            means: 'How much of the disk reports may take while the control plane is away (MiB); the oldest go first.',
          },
        },
      },
      means: 'How flows are reported.',
    },
    names: {
      shape: {
        kind: 'mapping',
        keys: {
          resolvers: {
            shape: { kind: 'list', of: resolver },
            fallback: [],
            means: 'The only ones whose answers are believed; without them those of resolv.conf.',
          },
          graceSeconds: {
            shape: { kind: 'integer', least: 0, most: 86_400 },
            fallback: 300,
            means: 'How long an address is kept after its answer’s time to live.',
          },
          addressesPerName: {
            shape: { kind: 'integer', least: 1, most: namesMost.perNameMost },
            fallback: 256,
            means: 'The most addresses of one name.',
          },
          addressesMost: {
            shape: { kind: 'integer', least: 1, most: namesMost.addressesMost },
            fallback: 4096,
            means: 'The most addresses of all names.',
          },
          holdMilliseconds: {
            shape: { kind: 'integer', least: 0, most: 2000 },
            fallback: 200,
            means: 'How long an answer waits at most for the table to have its addresses.',
          },
        },
      },
      means: 'How the domain names of the policy are learnt.',
    },
    units: {
      shape: {
        kind: 'either',
        words: ['off', 'discover'],
        or: { kind: 'list', of: unit },
        allowed: 'off, discover, or a list such as [nginx.service, "pg@*"]',
      },
      fallback: 'off',
      means: 'Services of systemd to register as workloads of their own; `discover`: all of them.',
    },
    containers: {
      shape: {
        kind: 'either',
        words: ['off', 'discover'],
        or: {
          kind: 'mapping',
          keys: {
            reachable: {
              shape: peers,
              needed: 'here',
              means: 'Ranges of containers’ addresses that other hosts reach as they are, without address translation.',
            },
          },
        },
        allowed: 'off, discover, or { reachable: [10.244.0.0/16] }',
      },
      fallback: 'off',
      means: 'Whether containers are registered as workloads.',
    },
    connections: {
      shape: {
        kind: 'mapping',
        keys: {
          markMask: {
            shape: {
              kind: 'bits',
              refusal: (bits) => {
                const layout = markLayoutOf(bits);
                return layout.ok ? undefined : layout.error;
              },
            },
            fallback: maskText(defaultMarkMask),
            means: 'The bits of the connection mark that are Segwall’s, at least 16; other programs have the rest.',
          },
          stampWhileObserving: {
            shape: { kind: 'choice', values: stampSettings },
            fallback: 'unless-used',
            means:
              'Whether marks are written where nothing is denied: by what is found of others’ use, `never`, or `always`.',
          },
        },
      },
      means: 'How connections are marked.',
    },
  },
} as const satisfies MappingShape;

// Every setting of the control plane: what it may be, what holds where nobody says it, and what it is for. settings.ts reads files and flags by it;
// the command line's options, docs/reference/settings.md, the package's control-plane.yaml and control-plane.schema.json are made from it too.

import { parseAddress } from '#model/address.ts';
import { parseCidr } from '#model/address-range.ts';
import { addressPattern, cidrPattern, ipv4Pattern, portPattern } from '#model/setting-patterns.ts';
import type { MappingShape, TextShape, TextsShape } from '#model/setting-shape.ts';
import { parseListenAddress } from './listen-address.ts';

const listenAddress: TextShape = {
  kind: 'text',
  // An address of IPv4 may stand in brackets too, and a port may begin with zeros.
  pattern: `^(?:${ipv4Pattern}|\\[${addressPattern}\\]):(?=[0-9]{1,5}$)(?:0*${portPattern}|0+)$`,
  refusal: (text) => {
    const address = parseListenAddress(text);
    return address.ok ? undefined : address.error;
  },
};

const hostName = '[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?';

const names: TextsShape = {
  kind: 'texts',
  pattern: `(?:${addressPattern}|${hostName})`,
  holds: (text) => parseAddress(text).ok || new RegExp(`^${hostName}$`).test(text),
  most: 64,
  allowed: 'up to 64 host names and IP addresses, without ports, as in segwall.example.com',
};

const cidrs: TextsShape = {
  kind: 'texts',
  pattern: cidrPattern,
  holds: (text) => parseCidr(text).ok,
  most: 256,
  allowed: 'up to 256 addresses and CIDRs, as in 10.0.0.0/24',
};

function integer(least: number, most: number) {
  return { kind: 'integer', least, most } as const;
}

export const declaredSettings = {
  kind: 'mapping',
  keys: {
    data: {
      shape: { kind: 'any-text', allowed: 'the path of a directory' },
      needed: 'somewhere',
      flag: '--data <DIR>',
      means:
        'The directory of everything that must not be lost: the store, the CA’s key, the audit log’s. Created where missing; one process at a time.',
    },
    agents: {
      shape: listenAddress,
      fallback: '[::]:7443',
      flag: '--agents <ADDR:PORT>',
      means:
        'Where agents connect, gRPC over mTLS; `[::]` is every address, IPv4 and IPv6. Port 0 lets the kernel choose.',
    },
    api: {
      shape: listenAddress,
      fallback: '127.0.0.1:7444',
      flag: '--api <ADDR:PORT>',
      means:
        'Where operators connect: plain HTTP on a loopback address, HTTPS under the control plane’s own CA elsewhere.',
    },
    apiNames: {
      shape: names,
      fallback: [],
      flag: '--api-names <NAMES>',
      means:
        'More names or addresses by which operators call the API, such as that of a load balancer before it, with commas. Calls for other hosts are refused.',
    },
    logLevel: {
      shape: { kind: 'choice', values: ['debug', 'info', 'warn', 'error', 'silent'] },
      fallback: 'info',
      flag: '--log-level <LEVEL>',
      means: 'The least that is logged: `debug`, `info`, `warn`, `error` or `silent`.',
    },
    keepFlowsDays: { shape: integer(1, 3650), fallback: 30, means: 'Flows last seen longer ago are deleted.' },
    keepFlowRows: {
      shape: integer(1000, 1_000_000_000),
      fallback: 5_000_000,
      means:
        'Beyond that many, hosts that have more than their share lose their own oldest, counted in `status`, and in `agents --json` by host (`prunedFlows`).',
    },
    keepAuditDays: {
      shape: integer(1, 3650),
      fallback: 90,
      means: 'Audit entries younger than that cannot be pruned. None is pruned but by `segwall audit prune`.',
    },
    proxies: {
      shape: cidrs,
      fallback: [],
      flag: '--proxies <CIDRS>',
      means:
        'From where agents reach the control plane that is not the host’s own: HTTP proxies, load balancers, address translation; with commas.',
    },
    reservedAddresses: {
      shape: cidrs,
      fallback: [],
      means:
        'CIDRs that no host may claim unless its ranges have them; the addresses that the control plane listens on always are.',
    },
    addressesWithoutRanges: {
      shape: integer(0, 4096),
      fallback: 16,
      means: 'How many addresses a host without ranges may claim besides the one it talks from.',
    },
    holderGraceMinutes: {
      shape: integer(1, 1440),
      fallback: 5,
      means: 'How long the holder of an address must be away before a host that talks from it gets it.',
    },
    addressLeaseDays: {
      shape: integer(1, 365),
      fallback: 7,
      means: 'How long a host that is away keeps its addresses, in days in which the control plane was up.',
    },
    certificateOverlapSeconds: {
      shape: integer(1, 3600),
      fallback: 60,
      means:
        'How long a host’s older certificate holds after a newer one was used for the first time. Longer than calls take that are under way.',
    },
    renewalsAtOnce: {
      shape: integer(1, 100),
      fallback: 10,
      means: 'One host renews its certificate at most so often at once. Agents renew every twenty days.',
    },
    renewalMinutes: { shape: integer(1, 1440), fallback: 10, means: 'After that it renews once in so many minutes.' },
    renewExpiredDays: {
      shape: integer(0, 3650),
      fallback: 365,
      means:
        'How long after its end a host’s certificate may still be renewed by its agent, which proves its key; 0 for never. Each such renewal is in the audit log (`certificate-renewed-late`).',
    },
    agentConnections: {
      shape: integer(1, 1_000_000),
      fallback: 25_000,
      means: 'The most connections of agents at once; four of a host.',
    },
    strangerConnections: {
      shape: integer(16, 65_536),
      fallback: 1024,
      means: 'The most connections at once that have shown no certificate that holds.',
    },
    strangerConnectionsOfAddress: {
      shape: integer(4, 65_536),
      fallback: 256,
      means: 'Of these, of one address (of IPv6: its /64); addresses in `proxies` are not counted so.',
    },
    agentMegabytes: {
      shape: integer(16, 65_536),
      fallback: 64,
      means:
        'The most of agents’ messages on their way or worked on at once (MiB); who finds no room is told when to come back.',
    },
    leastFreeMegabytes: {
      shape: integer(0, 1_048_576),
      fallback: 512,
      means:
        'With less than so many MiB free where the data directory is, `segwall status` says so (`DISK`), and the metric `segwall_disk_low` is 1; 0 for never.',
    },
  },
} as const satisfies MappingShape;

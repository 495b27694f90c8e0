// The rooms of the house: one row for each, with what it is and the rooms of its layer that it may import, lowest first. A file at a layer's
// root is a room by itself. What is not listed is forbidden; test/arch/rooms.test.ts holds the code, this table and docs/architecture.md to each other.

export interface Room {
  readonly is: string;
  /** Within its layer; between layers import-table.ts says what may be imported. */
  readonly imports: readonly string[];
}

/** Layer → room, each above those that it imports. */
export const rooms: Readonly<Record<string, Readonly<Record<string, Room>>>> = {
  'agent/core': {
    dns: { is: 'DNS messages, and which answers teach a host a name’s addresses', imports: [] },
    judge: { is: 'what one connection is answered: decisions, peers and their classes', imports: [] },
    marks: { is: 'the layout of the connection mark', imports: [] },
    time: { is: 'when rules begin and end, when certificates are renewed, how late messages come', imports: [] },
    table: { is: 'the wanted table, as data', imports: ['dns', 'judge', 'marks'] },
    change: {
      is: 'from the table that stands to the one that is wanted, in one transaction',
      imports: ['judge', 'marks', 'table'],
    },
    host: {
      is: 'what a host’s other programs do to the table, and what is wrong with a host',
      imports: ['marks', 'table'],
    },
    sync: { is: 'the agent’s half of the policy stream, as a machine', imports: ['host', 'time'] },
    netlink: { is: 'netlink messages, both ways', imports: ['table', 'host'] },
    addresses: { is: 'which addresses a host answers for and publishes', imports: ['host', 'netlink'] },
    flows: { is: 'what was observed, added up in windows', imports: ['marks', 'table', 'netlink'] },
  },
  'agent/src': {
    netlink: { is: 'netlink sockets and libc', imports: [] },
    conntrack: { is: 'the kernel’s connections: listened to, looked through, entered again', imports: ['netlink'] },
    nft: { is: 'nft’s program, its notices, and the short way past it', imports: ['netlink'] },
    process: {
      is: 'what the process itself needs: log, version, clock, memory, service manager',
      imports: ['netlink'],
    },
    state: { is: 'what is on disk and under /run, and that it is whole', imports: ['netlink'] },
    link: { is: 'the way to the control plane: addresses, identity, enrolment', imports: ['state'] },
    settings: { is: 'the host’s settings, from files to values', imports: ['state'] },
    dns: {
      is: 'names that policy names: asked, learnt from answers, kept',
      imports: ['netlink', 'nft', 'process', 'state', 'settings'],
    },
    host: {
      is: 'what the host is: addresses, units, containers, facts',
      imports: ['netlink', 'nft', 'process', 'settings'],
    },
    units: {
      is: 'where units are in the cgroup tree, and that their sockets are found by the kernel',
      imports: ['nft', 'host'],
    },
    table: {
      is: 'one load of the table: made, changed, inspected, repaired, saved',
      imports: ['nft', 'state', 'settings', 'dns', 'units'],
    },
    enforce: {
      is: 'what holds policy in force for as long as the agent runs',
      imports: ['netlink', 'conntrack', 'nft', 'state', 'settings', 'dns', 'host', 'units', 'table'],
    },
    flows: {
      is: 'from the kernel’s counts to reports that arrive',
      imports: ['netlink', 'conntrack', 'nft', 'state', 'link', 'settings', 'host', 'table', 'enforce'],
    },
    policy: {
      is: 'policy as it comes in: taken, tried, proven, confirmed',
      imports: ['nft', 'state', 'link', 'table', 'enforce'],
    },
    status: {
      is: 'what the host says of itself',
      imports: ['process', 'state', 'link', 'dns', 'host', 'table', 'enforce', 'flows', 'policy'],
    },
    'agent.ts': {
      is: 'joins the parts',
      imports: [
        'netlink',
        'conntrack',
        'process',
        'state',
        'link',
        'settings',
        'dns',
        'host',
        'table',
        'enforce',
        'flows',
        'policy',
        'status',
      ],
    },
    commands: {
      is: 'one command each',
      imports: [
        'conntrack',
        'nft',
        'process',
        'state',
        'link',
        'settings',
        'dns',
        'host',
        'units',
        'table',
        'enforce',
        'status',
        'agent.ts',
      ],
    },
    'program.ts': { is: 'the commands’ descriptions', imports: ['process', 'state', 'settings', 'commands'] },
    'main.ts': { is: 'where the process begins', imports: ['process', 'state', 'commands', 'program.ts'] },
  },
  'control-plane/core': {
    audit: { is: 'the audit log’s actions, chain and checkpoints', imports: [] },
    'ca-progress.ts': { is: 'how far hosts are on their way to another CA', imports: [] },
    'fair-share.ts': { is: 'room divided among those who want more than there is', imports: [] },
    source: { is: 'text with line and column, and the problems in it', imports: [] },
    policy: { is: 'what a policy is', imports: ['source'] },
    claims: { is: 'who may answer for which address', imports: ['policy'] },
    select: { is: 'which workloads a selector selects', imports: ['policy'] },
    judge: { is: 'the oracle: what one connection is answered, and why', imports: ['source', 'policy', 'select'] },
    read: { is: 'from documents to a policy', imports: ['source', 'policy', 'claims'] },
    check: {
      is: 'what is wrong with a policy, or doubtful',
      imports: ['source', 'policy', 'claims', 'select', 'judge', 'read'],
    },
    compile: {
      is: 'from a policy and a fleet to each host’s rule set',
      imports: ['policy', 'claims', 'select', 'judge'],
    },
    learn: {
      is: 'from observed flows to suggestions, and what a draft would change',
      imports: ['policy', 'claims', 'select', 'judge', 'compile'],
    },
  },
  'control-plane/src': {
    'first-start.ts': { is: 'what is made and printed once', imports: [] },
    'pinned-api.ts': { is: 'an HTTPS call whose certificate is pinned; for the command', imports: [] },
    pki: { is: 'keys, certificates, the authority, who is enrolled', imports: [] },
    'rule-set-export.ts': { is: 'a rule set in the wire encoding, for the command', imports: [] },
    'service-manager.ts': { is: 'what systemd is told', imports: [] },
    settings: { is: 'the settings, from files to values', imports: [] },
    'program.ts': { is: 'the command line’s description', imports: ['settings'] },
    'claims-options.ts': { is: 'what the settings say of addresses', imports: ['settings'] },
    store: { is: 'rows, and the thread that writes them', imports: ['pki'] },
    audit: { is: 'the audit log on its way to disk, and its end by export', imports: ['pki', 'store'] },
    notes: { is: 'events that repeat, told in bounded number', imports: ['store'] },
    data: { is: 'the data directory as a whole: made, backed up, put back', imports: ['pki', 'store', 'audit'] },
    rpc: { is: 'gRPC’s server side, and the limits of strangers and agents', imports: ['pki', 'notes'] },
    agents: { is: 'the service that agents call', imports: ['pki', 'settings', 'rpc'] },
    'admission-options.ts': {
      is: 'what the settings say of the agents’ port',
      imports: ['settings', 'claims-options.ts', 'store', 'notes', 'rpc', 'agents'],
    },
    inventory: { is: 'what is known of hosts and what is inside of them', imports: ['store', 'notes', 'agents'] },
    publish: {
      is: 'rule sets on their way to hosts, and what hosts have of them',
      imports: ['pki', 'store', 'agents'],
    },
    changes: {
      is: 'what a change of the fleet is: written, and applied to its state',
      imports: ['pki', 'store', 'inventory', 'publish'],
    },
    fleet: {
      is: 'every change, in one order',
      imports: ['pki', 'settings', 'store', 'notes', 'rpc', 'agents', 'inventory', 'publish', 'changes'],
    },
    answers: { is: 'what the operator API answers: shapes, errors, pages', imports: ['store', 'publish', 'fleet'] },
    judging: { is: 'long work on policy, in a thread of its own', imports: ['store', 'publish', 'fleet', 'answers'] },
    api: {
      is: 'the operator API’s routes, and who may call them',
      imports: [
        'pki',
        'store',
        'audit',
        'data',
        'notes',
        'rpc',
        'agents',
        'inventory',
        'publish',
        'fleet',
        'answers',
        'judging',
      ],
    },
    'server.ts': {
      is: 'joins the parts',
      imports: [
        'first-start.ts',
        'pki',
        'settings',
        'claims-options.ts',
        'store',
        'audit',
        'data',
        'agents',
        'admission-options.ts',
        'publish',
        'changes',
        'fleet',
        'judging',
        'api',
      ],
    },
    'main.ts': {
      is: 'where the process begins',
      imports: ['first-start.ts', 'program.ts', 'service-manager.ts', 'settings', 'data', 'server.ts'],
    },
  },
  'control-plane/cli': {
    output: { is: 'what the command prints, its failures, and what error codes mean', imports: [] },
    input: { is: 'policy directories and inventories, as texts', imports: ['output'] },
    server: { is: 'commands that call the operator API', imports: ['output', 'input'] },
    policy: { is: 'commands that need no server', imports: ['output', 'input', 'server'] },
    'program.ts': { is: 'the commands together', imports: ['output', 'server', 'policy'] },
    'main.ts': { is: 'where the process begins', imports: ['output', 'program.ts'] },
  },
};

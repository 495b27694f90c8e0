// The tables of the store and how they came to be, in the subset of SQL that SQLite and PostgreSQL share: text and
// integers only, times in milliseconds, "absent" in a key as the empty string, JSON as text. A migration, once
// released, never changes.

import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export interface Tables {
  tenants: {
    name: string;
    revision: number;
    created_at: number;
    up_ms: number;
    /** The name under which the audit log goes on. */
    audit_log: string;
    /** Entries up to this one were pruned. */
    audit_base: number;
    /** Within it revisions are of one history; begins anew where the store goes on from an older copy. */
    lineage: string;
    /** JSON of why nothing is sent to agents; "" while all is. */
    hold: string;
    /** JSON: the newest announcement of control planes, withdrawn or not; "" where there never was one. */
    announcement: string;
    /** JSON: digests of the keys beside the store, by what they are for; "" in stores of before that was written down. */
    own_keys: string;
  };
  operator_tokens: {
    hash: string;
    id: string;
    tenant: string;
    name: string;
    created_at: number;
    created_by: string;
    expires_at: number | null;
    revoked_at: number | null;
    last_used_at: number | null;
    /** Fingerprint of the CA that its text names; "" where that is not known. */
    ca: string;
  };
  join_tokens: {
    id: string;
    tenant: string;
    hash: string;
    labels: string;
    uses_allowed: number;
    uses_spent: number;
    created_at: number;
    created_by: string;
    expires_at: number;
    revoked_at: number | null;
    ranges: string;
    /** How long a host that joins with it may be silent; 0 for ever. */
    ephemeral_ms: number;
    /** The host whose identity it renews; empty: it joins new ones. */
    renews: string;
  };
  hosts: {
    tenant: string;
    name: string;
    enrolled_at: number;
    addresses: string;
    facts: string;
    units: string;
    containers: string;
    agent_version: string;
    last_connected_at: number | null;
    /** JSON list of CIDRs; "" where it was given none. */
    ranges: string;
    seen_address: string;
    seen_shared: number;
    /** In the control plane's up time; absent for a host that was connected when this was written last. */
    absent_since: number | null;
    enrolment: string;
    revoked_at: number | null;
    newest_certificate: number;
    newest_used_at: number;
    /**
     * CAs, by their keys: of the certificate that it used last, and of the one that was issued to it last; "" where
     * that is not known.
     */
    used_ca: string;
    issued_ca: string;
    /** As its token had it. */
    ephemeral_ms: number;
  };
  address_holders: { tenant: string; address: string; host: string };
  labels: { tenant: string; workload: string; key: string; value: string };
  quarantines: { tenant: string; workload: string; peers: string; created_at: number; created_by: string };
  certificates: {
    serial: string;
    tenant: string;
    host: string;
    fingerprint: string;
    not_before: number;
    not_after: number;
    revoked_at: number | null;
    enrolment: string;
  };
  /**
   * `files` is empty where a draft was deleted: its number is not given again. `bytes` and `file_count` are of `files`.
   */
  policies: {
    tenant: string;
    id: number;
    files: string;
    created_at: number;
    created_by: string;
    file_count: number;
    bytes: number;
  };
  activations: {
    tenant: string;
    revision: number;
    policy: number;
    kind: string;
    at: number;
    actor: string;
    /** Why, in an operator's words; "" where nobody said. */
    message: string;
    /** The Git commit that the files were of, with "-dirty" where they differed from it; "" where that is not known. */
    commit_id: string;
  };
  flows: FlowRow;
  batches: { tenant: string; host: string; run: string; sequence: number };
  /** Lives of agents that sent batches; a host's newest has its highest number. */
  batch_runs: { tenant: string; host: string; run: string; number: number };
  host_events: { tenant: string; host: string; id: string };
  flow_losses: {
    tenant: string;
    host: string;
    overruns: number;
    records: number;
    spooled: number;
    denied_inbound: number;
    denied_outbound: number;
  };
  audit: {
    tenant: string;
    seq: number;
    at: number;
    actor: string;
    action: string;
    target: string;
    details: string;
    previous_hash: string;
    hash: string;
  };
  /** Starts of a control plane, in their order. An empty `run`: of that lineage nothing more is asked. */
  control_plane_runs: {
    tenant: string;
    number: number;
    lineage: string;
    run: string;
    revision: number;
  };
  audit_checkpoints: {
    tenant: string;
    log: string;
    seq: number;
    hash: string;
    at: number;
    key: string;
    signature: string;
  };
}

/** `key` is a digest of the columns from `bucket` to `process`; what follows them accumulates. */
export interface FlowRow {
  tenant: string;
  key: string;
  bucket: number;
  host: string;
  workload: string;
  direction: string;
  local: string;
  peer: string;
  peer_workload: string;
  protocol: number;
  port: number;
  verdict: string;
  reason: string;
  segment: string;
  combination: string;
  rule: string;
  guardrail: string;
  essential: string;
  quarantine: string;
  unit: string;
  process: string;
  revision: number;
  connections: number;
  packets_original: number;
  packets_reply: number;
  bytes_original: number;
  bytes_reply: number;
  first_seen: number;
  last_seen: number;
  answered: number;
  asked_port: number;
}

type ColumnKind = 'text' | 'integer' | 'bigint';

/** Columns are NOT NULL unless their kind ends in "?". */
async function createTable(
  db: Kysely<unknown>,
  table: {
    readonly name: string;
    readonly columns: Readonly<Record<string, ColumnKind | 'bigint?'>>;
    readonly key: readonly string[];
  },
): Promise<void> {
  let builder = db.schema.createTable(table.name);
  for (const [name, kind] of Object.entries(table.columns)) {
    builder =
      kind === 'bigint?'
        ? builder.addColumn(name, 'bigint')
        : builder.addColumn(name, kind, (column) => column.notNull());
  }
  await builder.addPrimaryKeyConstraint(`${table.name}_key`, table.key as never).execute();
}

const first: Migration = {
  async up(db: Kysely<unknown>) {
    await createTable(db, {
      name: 'tenants',
      columns: { name: 'text', revision: 'bigint', created_at: 'bigint' },
      key: ['name'],
    });
    await createTable(db, {
      name: 'operator_tokens',
      columns: { hash: 'text', tenant: 'text', name: 'text', created_at: 'bigint', revoked_at: 'bigint?' },
      key: ['hash'],
    });
    await createTable(db, {
      name: 'join_tokens',
      columns: {
        id: 'text',
        tenant: 'text',
        hash: 'text',
        labels: 'text',
        uses_allowed: 'integer',
        uses_spent: 'integer',
        created_at: 'bigint',
        created_by: 'text',
        expires_at: 'bigint',
        revoked_at: 'bigint?',
      },
      key: ['id'],
    });
    await db.schema.createIndex('join_tokens_hash').unique().on('join_tokens').column('hash').execute();
    await createTable(db, {
      name: 'hosts',
      columns: {
        tenant: 'text',
        name: 'text',
        enrolled_at: 'bigint',
        addresses: 'text',
        facts: 'text',
        agent_version: 'text',
        last_connected_at: 'bigint?',
      },
      key: ['tenant', 'name'],
    });
    await createTable(db, {
      name: 'labels',
      columns: { tenant: 'text', workload: 'text', key: 'text', value: 'text' },
      key: ['tenant', 'workload', 'key'],
    });
    await createTable(db, {
      name: 'quarantines',
      columns: { tenant: 'text', workload: 'text', peers: 'text', created_at: 'bigint', created_by: 'text' },
      key: ['tenant', 'workload'],
    });
    await createTable(db, {
      name: 'certificates',
      columns: {
        serial: 'text',
        tenant: 'text',
        host: 'text',
        fingerprint: 'text',
        not_before: 'bigint',
        not_after: 'bigint',
        revoked_at: 'bigint?',
      },
      key: ['serial'],
    });
    await db.schema.createIndex('certificates_host').on('certificates').columns(['tenant', 'host']).execute();
    await createTable(db, {
      name: 'policies',
      columns: { tenant: 'text', id: 'integer', files: 'text', created_at: 'bigint', created_by: 'text' },
      key: ['tenant', 'id'],
    });
    await createTable(db, {
      name: 'activations',
      columns: { tenant: 'text', revision: 'bigint', policy: 'integer', kind: 'text', at: 'bigint', actor: 'text' },
      key: ['tenant', 'revision'],
    });
    await createTable(db, {
      name: 'batches',
      columns: { tenant: 'text', host: 'text', sequence: 'bigint' },
      key: ['tenant', 'host', 'sequence'],
    });
    await createTable(db, {
      name: 'flow_losses',
      columns: { tenant: 'text', host: 'text', overruns: 'bigint', records: 'bigint', spooled: 'bigint' },
      key: ['tenant', 'host'],
    });
    await createTable(db, {
      name: 'audit',
      columns: {
        tenant: 'text',
        seq: 'bigint',
        at: 'bigint',
        actor: 'text',
        action: 'text',
        target: 'text',
        details: 'text',
        previous_hash: 'text',
        hash: 'text',
      },
      key: ['tenant', 'seq'],
    });
    const text = 'text' as const;
    const bigint = 'bigint' as const;
    await createTable(db, {
      name: 'flows',
      columns: {
        tenant: text,
        key: text,
        bucket: bigint,
        host: text,
        workload: text,
        direction: text,
        local: text,
        peer: text,
        peer_workload: text,
        protocol: 'integer',
        port: 'integer',
        verdict: text,
        reason: text,
        segment: text,
        combination: text,
        rule: text,
        guardrail: text,
        essential: text,
        quarantine: text,
        unit: text,
        process: text,
        revision: bigint,
        connections: bigint,
        packets_original: bigint,
        packets_reply: bigint,
        bytes_original: bigint,
        bytes_reply: bigint,
        first_seen: bigint,
        last_seen: bigint,
        answered: 'integer',
      },
      key: ['tenant', 'key'],
    });
    await db.schema.createIndex('flows_last_seen').on('flows').columns(['tenant', 'last_seen']).execute();
    await sql`insert into tenants (name, revision, created_at) values ('default', 0, 0)`.execute(db);
  },
};

const units: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('hosts')
      .addColumn('units', 'text', (column) => column.notNull().defaultTo('{}'))
      .execute();
  },
};

const hostEvents: Migration = {
  async up(db: Kysely<unknown>) {
    await createTable(db, {
      name: 'host_events',
      columns: { tenant: 'text', host: 'text', id: 'text' },
      key: ['tenant', 'host', 'id'],
    });
  },
};

const containers: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('hosts')
      .addColumn('containers', 'text', (column) => column.notNull().defaultTo('{}'))
      .execute();
  },
};

/** Tokens that were there before get the first digits of their digest for an id. */
const operatorTokens: Migration = {
  async up(db: Kysely<unknown>) {
    for (const [column, fallback] of [
      ['id', ''],
      ['created_by', 'control-plane'],
    ] as const) {
      await db.schema
        .alterTable('operator_tokens')
        .addColumn(column, 'text', (definition) => definition.notNull().defaultTo(fallback))
        .execute();
    }
    await db.schema.alterTable('operator_tokens').addColumn('expires_at', 'bigint').execute();
    await db.schema.alterTable('operator_tokens').addColumn('last_used_at', 'bigint').execute();
    await sql`update operator_tokens set id = substr(hash, 1, 10)`.execute(db);
    await db.schema
      .createIndex('operator_tokens_id')
      .unique()
      .on('operator_tokens')
      .columns(['tenant', 'id'])
      .execute();
  },
};

/**
 * What one host alone reported before holders were kept is that host's; what several did is nobody's until one of them
 * says so again.
 */
const addressClaims: Migration = {
  async up(db: Kysely<unknown>) {
    const text = 'text' as const;
    await createTable(db, {
      name: 'address_holders',
      columns: { tenant: text, address: text, host: text },
      key: ['tenant', 'address'],
    });
    const added = [
      ['tenants', 'up_ms', 'bigint', 0],
      ['join_tokens', 'ranges', 'text', ''],
      ['hosts', 'ranges', 'text', ''],
      ['hosts', 'seen_address', 'text', ''],
      ['hosts', 'seen_shared', 'integer', 0],
    ] as const;
    for (const [table, name, kind, fallback] of added) {
      await db.schema
        .alterTable(table)
        .addColumn(name, kind, (column) => column.notNull().defaultTo(fallback))
        .execute();
    }
    await db.schema.alterTable('hosts').addColumn('absent_since', 'bigint').execute();
    const tables = db as Kysely<Tables>;
    const hosts = await tables.selectFrom('hosts').select(['tenant', 'name', 'addresses', 'containers']).execute();
    const claimants = new Map<string, { tenant: string; address: string; host: string } | 'several'>();
    for (const { tenant, name: host, addresses, containers } of hosts) {
      const boxes = Object.values(JSON.parse(containers) as Record<string, { readonly reachable: readonly string[] }>);
      for (const address of new Set([
        ...(JSON.parse(addresses) as string[]),
        ...boxes.flatMap(({ reachable }) => reachable),
      ])) {
        const key = `${tenant} ${address}`;
        claimants.set(key, claimants.has(key) ? 'several' : { tenant, address, host });
      }
    }
    for (const holder of claimants.values()) {
      if (holder !== 'several') await tables.insertInto('address_holders').values(holder).execute();
    }
  },
};

/**
 * What was enrolled before is one enrolment without an id. A host whose certificates were revoked since it enrolled is
 * revoked; a certificate that is older than its host's enrolment is of an earlier one. Certificates begin ten minutes
 * before they are issued.
 */
const enrolments: Migration = {
  async up(db: Kysely<unknown>) {
    for (const table of ['hosts', 'certificates']) {
      await db.schema
        .alterTable(table)
        .addColumn('enrolment', 'text', (column) => column.notNull().defaultTo(''))
        .execute();
    }
    await db.schema.alterTable('hosts').addColumn('revoked_at', 'bigint').execute();
    for (const name of ['newest_certificate', 'newest_used_at']) {
      await db.schema
        .alterTable('hosts')
        .addColumn(name, 'bigint', (column) => column.notNull().defaultTo(0))
        .execute();
    }
    await sql`update hosts set revoked_at = (select max(c.revoked_at) from certificates c
      where c.tenant = hosts.tenant and c.host = hosts.name and c.revoked_at >= hosts.enrolled_at
      and c.not_before + 601000 >= hosts.enrolled_at)`.execute(db);
    await sql`update certificates set revoked_at = not_before where revoked_at is null and not exists (select 1 from hosts h
      where h.tenant = certificates.tenant and h.name = certificates.host and h.revoked_at is null
      and certificates.not_before + 601000 >= h.enrolled_at)`.execute(db);
  },
};

/**
 * What every reader of flows asks of a row, in numbers: times from 1970 to 9999, counts that JavaScript holds exactly.
 */
export const goodFlowRow = [
  ...['bucket', 'first_seen', 'last_seen'].map((column) => `${column} between 0 and 253402300799999`),
  ...['revision', 'connections', 'packets_original', 'packets_reply', 'bytes_original', 'bytes_reply'].map(
    (column) => `${column} between 0 and 9007199254740991`,
  ),
  'protocol between 0 and 255',
  'port between 0 and 65535',
].join(' and ');

/** Flow rows that no reader takes are few, and found without a walk of the others. */
const badFlows: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create index flows_bad on flows (tenant) where not (${sql.raw(goodFlowRow)})`.execute(db);
  },
};

/** Whether the other end of a flow was reported too is looked up by both addresses. */
const flowEnds: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.createIndex('flows_ends').on('flows').columns(['tenant', 'local', 'peer']).execute();
  },
};

const unrecordedDenials: Migration = {
  async up(db: Kysely<unknown>) {
    for (const name of ['denied_inbound', 'denied_outbound']) {
      await db.schema
        .alterTable('flow_losses')
        .addColumn(name, 'bigint', (column) => column.notNull().defaultTo(0))
        .execute();
    }
  },
};

/** 0: the port is the one that clients asked for. */
const askedPorts: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('flows')
      .addColumn('asked_port', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
  },
};

const auditCheckpoints: Migration = {
  async up(db: Kysely<unknown>) {
    const text = 'text' as const;
    const bigint = 'bigint' as const;
    await createTable(db, {
      name: 'audit_checkpoints',
      columns: { tenant: text, log: text, seq: bigint, hash: text, at: bigint, key: text, signature: text },
      key: ['tenant', 'seq'],
    });
    await db.schema
      .alterTable('tenants')
      .addColumn('audit_log', 'text', (column) => column.notNull().defaultTo(''))
      .execute();
    await db.schema
      .alterTable('tenants')
      .addColumn('audit_base', 'bigint', (column) => column.notNull().defaultTo(0))
      .execute();
    await sql`update tenants set audit_log = ${randomBytes(16).toString('hex')}`.execute(db);
  },
};

/** How many rows a host has, and which are its oldest, is asked of an index that no upsert changes. */
const flowHosts: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.createIndex('flows_host').on('flows').columns(['tenant', 'host', 'bucket']).execute();
  },
};

const lineage: Migration = {
  async up(db: Kysely<unknown>) {
    for (const name of ['lineage', 'hold']) {
      await db.schema
        .alterTable('tenants')
        .addColumn(name, 'text', (column) => column.notNull().defaultTo(''))
        .execute();
    }
    await sql`update tenants set lineage = ${randomBytes(16).toString('hex')}`.execute(db);
  },
};

/** Sequences were a host's; what was stored under them stays known as of the run without a name. */
const batchRuns: Migration = {
  async up(db: Kysely<unknown>) {
    const text = 'text' as const;
    const bigint = 'bigint' as const;
    await db.schema.alterTable('batches').renameTo('batches_of_hosts').execute();
    await createTable(db, {
      name: 'batch_runs',
      columns: { tenant: text, host: text, run: text, number: bigint },
      key: ['tenant', 'host', 'run'],
    });
    await createTable(db, {
      name: 'batches',
      columns: { tenant: text, host: text, run: text, sequence: bigint },
      key: ['tenant', 'host', 'run', 'sequence'],
    });
    await sql`insert into batches (tenant, host, run, sequence)
      select tenant, host, '', sequence from batches_of_hosts`.execute(db);
    await sql`insert into batch_runs (tenant, host, run, number)
      select distinct tenant, host, '', 1 from batches_of_hosts`.execute(db);
    await db.schema.dropTable('batches_of_hosts').execute();
  },
};

/** Columns that a listing shows, so that it need not read the policies. */
const policySizes: Migration = {
  async up(db: Kysely<unknown>) {
    for (const name of ['file_count', 'bytes']) {
      await db.schema
        .alterTable('policies')
        .addColumn(name, 'bigint', (column) => column.notNull().defaultTo(0))
        .execute();
    }
    await sql`update policies set bytes = length(cast(files as blob)),
      file_count = case when json_valid(files) then json_array_length(files) else 0 end`.execute(db);
  },
};

const activationNotes: Migration = {
  async up(db: Kysely<unknown>) {
    for (const name of ['message', 'commit_id']) {
      await db.schema
        .alterTable('activations')
        .addColumn(name, 'text', (column) => column.notNull().defaultTo(''))
        .execute();
    }
  },
};

const ephemeral: Migration = {
  async up(db: Kysely<unknown>) {
    for (const table of ['join_tokens', 'hosts']) {
      await db.schema
        .alterTable(table)
        .addColumn('ephemeral_ms', 'bigint', (column) => column.notNull().defaultTo(0))
        .execute();
    }
  },
};

const renewingTokens: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('join_tokens')
      .addColumn('renews', 'text', (column) => column.notNull().defaultTo(''))
      .execute();
  },
};

const controlPlaneRuns: Migration = {
  async up(db: Kysely<unknown>) {
    await createTable(db, {
      name: 'control_plane_runs',
      columns: { tenant: 'text', number: 'bigint', lineage: 'text', run: 'text', revision: 'bigint' },
      key: ['tenant', 'number'],
    });
  },
};

/** What was there before is of the CA that was there alone. */
const authorities: Migration = {
  async up(db: Kysely<unknown>) {
    for (const [table, name] of [
      ['hosts', 'used_ca'],
      ['hosts', 'issued_ca'],
      ['operator_tokens', 'ca'],
    ] as const) {
      await db.schema
        .alterTable(table)
        .addColumn(name, 'text', (column) => column.notNull().defaultTo(''))
        .execute();
    }
  },
};

const announcement: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('tenants')
      .addColumn('announcement', 'text', (column) => column.notNull().defaultTo(''))
      .execute();
  },
};

const ownKeys: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('tenants')
      .addColumn('own_keys', 'text', (column) => column.notNull().defaultTo(''))
      .execute();
  },
};

/** By name, in the order of names. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': first,
  '0002-units': units,
  '0003-host-events': hostEvents,
  '0004-containers': containers,
  '0005-operator-tokens': operatorTokens,
  '0006-address-claims': addressClaims,
  '0007-enrolments': enrolments,
  '0008-bad-flows': badFlows,
  '0009-flow-ends': flowEnds,
  '0010-unrecorded-denials': unrecordedDenials,
  '0011-audit-checkpoints': auditCheckpoints,
  '0012-flow-hosts': flowHosts,
  '0013-lineage': lineage,
  '0014-batch-runs': batchRuns,
  '0015-policy-sizes': policySizes,
  '0016-activation-notes': activationNotes,
  '0017-ephemeral': ephemeral,
  '0018-asked-ports': askedPorts,
  '0019-renewing-tokens': renewingTokens,
  '0020-control-plane-runs': controlPlaneRuns,
  '0021-authorities': authorities,
  '0022-announcement': announcement,
  '0023-own-keys': ownKeys,
};

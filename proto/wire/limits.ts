// Every bound on what comes over the wire, with its reason. Both sides check what they receive; a message beyond a bound is
// refused with the bound in the message, never cut short.

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

export const limits = {
  /** Down: 1,000,000 addresses of IPv6 are 16 MB, and rules come on top. */
  controlPlaneMessageBytes: 32 * mebibyte,
  /** Up: 50,000 flow records of some 32 bytes are 1.6 MB. What a caller without a certificate may send is far less, and his connection's to bound. */
  agentMessageBytes: 4 * mebibyte,
  /** Up, on the policy stream: a host report with every list at its bound is 1.9 MB. */
  streamMessageBytes: 2 * mebibyte,
  /** A P-256 request is 300 bytes; one with an RSA key of 16,384 bits would be 4 KB. */
  csrBytes: 8 * kibibyte,
  /** Tokens that we issue are some 50 characters. */
  tokenCharacters: 256,
  /** Names are at most 63 characters, an `each` combination or a peer set's id can hold several labels of 127. */
  stringCharacters: 4096,
  /** Distinct names in one message: segments, rules, guardrails, peer sets. */
  strings: 200_000,
  /** A host with its units and containers; Kubernetes stops at some 250 pods a node. */
  workloads: 4096,
  /** A workload carries its host's addresses: an IPVS director holds the most, some thousands. */
  workloadAddresses: 16_384,
  peerSets: 65_536,
  /** In all peer sets of one rule set. 100,000 peers were measured at 94 MB in nft. */
  addresses: 1_000_000,
  /** In all range lists of one rule set: interval sets are rebuilt whole. */
  ranges: 200_000,
  /** Grants, guardrail entries and selective lists of one rule set. */
  rules: 262_144,
  /** Domain names of one rule set, each of which the host asks for and keeps addresses of. */
  names: 1024,
  servicesPerRule: 1024,
  peerSetsPerRule: 4096,
  flowRecords: 50_000,
  /** Of one record, which is one window of seconds at one end: what no kernel counts in it, and so far below 2^53 that no one record fills a sum. */
  flowConnections: 2 ** 40,
  flowPackets: 2 ** 44,
  flowBytes: 2 ** 50,
  /** In one batch, of each cause. */
  flowLoss: 2 ** 40,
  /** An agent's own report. */
  reportedAddresses: 4096,
  /** The longest spelling of one is 45. */
  addressCharacters: 64,
  /** Told to a host of each list of its standing. */
  standingAddresses: 64,
  /** A proof of a revision: bytes of the control plane's own. */
  proofBytes: 128,
  /** Ours has some 400 bytes, and its signature 64. */
  caBytes: 4096,
  caSignatureBytes: 128,
  /** One less than a host tries in all, so that the one in use has its place until another serves it. */
  announcedControlPlanes: 7,
  /** A host name has at most 253, and a port six with its colon. */
  controlPlaneCharacters: 262,
  /** Quarantines in force that a host names in its hello. */
  cutOff: 1024,
  facts: 64,
  factCharacters: 256,
  reportedUnits: 4096,
  /** Kubernetes stops at some 250 pods a node. */
  reportedContainers: 1024,
  /** What a host says may keep its rules from holding. */
  warnings: 32,
  containerAddresses: 64,
  /** Of all containers of a host: lists of lists are bounded by what they hold together. */
  allContainerAddresses: 8192,
  /** Events of a host in one message, and so the most that come before they are written down. */
  events: 32,
  /** What an event says of itself. The audit log keeps it for months, and one control character takes seven there. */
  eventDetails: 16,
  eventDetailCharacters: 512,
  /** A NACK's or a status' text: nft's message with the line it refused. */
  reasonCharacters: 4096,
} as const;

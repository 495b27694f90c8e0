// Codes of the problems that an agent reports of its host: each of its warnings begins with one. The control plane
// counts hosts by these and by no others, so that no host's word becomes a name in the metrics.

export const toldHostProblems = [
  'addresses-left-out',
  'certificate-ending',
  'clock-skew',
  'conntrack-filling',
  'conntrack-full',
  'container-addresses',
  'disk-full',
  'doubtful-guests',
  'events-lost',
  'guest-routes',
  'mark-read',
  'mark-shared',
  'others-override',
  'unjudged-containers',
  'unjudged-devices',
  'unjudged-guests',
  'unjudged-units',
] as const;

/** Of a warning; undefined where it is of an agent that has other words. */
export function codeOfWarning(warning: string): (typeof toldHostProblems)[number] | undefined {
  return toldHostProblems.find((code) => warning.startsWith(`${code}: `));
}

// Names of the domain name system as policy writes them and as the wire carries them: lower case, no final dot, and "*." in front
// for every name below.

/** In lower case, without the final dot; undefined if it is none. `*.` may stand in front. */
export function domainName(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  const labels = name.replace(/^\*\./, '').split('.');
  const isName = name.length <= 253 && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  return isName && !/^\d+$/.test(labels.at(-1) ?? '') ? name : undefined;
}

/** Every pattern that could match the name: itself, and "*." before each of its parents, at any depth. */
export function patternsOf(name: string): readonly string[] {
  const patterns = [name];
  for (let at = name.indexOf('.'); at >= 0; at = name.indexOf('.', at + 1)) patterns.push(`*${name.slice(at)}`);
  return patterns;
}

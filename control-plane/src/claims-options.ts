// What the settings say of claims to addresses: limits, proxies, and what is reserved, the addresses that this machine answers agents and
// operators on included.

import { networkInterfaces } from 'node:os';
import type { Settings } from '#control-plane/settings/settings.ts';
import { type Address, isShareable, parseAddress } from '#model/address.ts';
import { type AddressRange, normaliseRanges, parseCidr, rangeOf } from '#model/address-range.ts';
import type { AddressClaimsOptions } from '#policy/claims/address-claims.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

export function claimsOptions(settings: Settings): AddressClaimsOptions {
  const own = [settings.agents.address, settings.api.address].flatMap(listenedOn);
  return {
    limits: {
      withoutRanges: settings.addressesWithoutRanges,
      graceMs: settings.holderGraceMinutes * minuteMs,
      leaseMs: settings.addressLeaseDays * dayMs,
    },
    reserved: normaliseRanges([...rangesOf(settings.reservedAddresses), ...own.filter(isShareable).map(rangeOf)]),
    proxies: proxyRanges(settings.proxies),
  };
}

export function proxyRanges(proxies: readonly string[]): readonly AddressRange[] {
  return normaliseRanges(rangesOf(proxies));
}

/** As the settings were read, all are CIDRs. */
function rangesOf(texts: readonly string[]): readonly AddressRange[] {
  return texts.flatMap((text) => {
    const range = parseCidr(text);
    return range.ok ? [range.value] : [];
  });
}

function listenedOn(address: Address): readonly Address[] {
  if (address !== '0.0.0.0' && address !== '::') return [address];
  return Object.values(networkInterfaces()).flatMap((entries = []) =>
    entries.flatMap((entry) => {
      const parsed = parseAddress(entry.address.split('%')[0] ?? '');
      return parsed.ok ? [parsed.value] : [];
    }),
  );
}

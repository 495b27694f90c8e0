// Keys and certificates as bytes: P-256 throughout, random serials.

import 'reflect-metadata';
import { createHash, X509Certificate as ReadCertificate, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Millis } from '#model/time.ts';

export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

/** 128 bits; the first byte is neither 0 nor negative, so that every printer prints the same 32 digits. */
export function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString('hex');
}

export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

export async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag)}\n`;
}

export async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), keyAlgorithm, false, ['sign']);
}

/** Whether two thirds of its lifetime are over, or it has not begun: then it was made while the clock was ahead. */
export function isDue(certificatePem: string, now: Millis): boolean {
  const { validFromDate, validToDate } = new ReadCertificate(certificatePem);
  if (now < validFromDate.getTime()) return true;
  return now >= validFromDate.getTime() + ((validToDate.getTime() - validFromDate.getTime()) * 2) / 3;
}

// The host's key and the request for a certificate over it. The key is made here and never leaves the host. The X.509 library
// is loaded only when a request is made: an agent that runs for weeks should not carry it.

import { generateKeyPair, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';

/** A new P-256 key, PKCS #8, PEM. */
export async function createHostKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'prime256v1' });
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

type X509 = typeof import('@peculiar/x509');

/** PKCS #10 in DER, signed with the key. The name in it is for people; the control plane goes by enrolment. */
export async function createCertificateRequest(keyPem: string, host: string): Promise<Uint8Array> {
  await import('reflect-metadata');
  // Natively its names are exports; in a bundle they are all on the default one.
  const loaded: X509 & { readonly default?: X509 } = await import('@peculiar/x509');
  const x509 = loaded.default ?? loaded;
  type Params = Parameters<typeof x509.Pkcs10CertificateRequestGenerator.create>;
  const keys = await importKeyPair(x509.PemConverter.decodeFirst(keyPem));
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: [{ CN: [host] }],
      keys: keys as Params[0]['keys'],
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    },
    webcrypto as unknown as NonNullable<Params[1]>,
  );
  return new Uint8Array(request.rawData);
}

async function importKeyPair(der: ArrayBuffer): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
  const { d: _secret, key_ops: _use, ...jwk } = await webcrypto.subtle.exportKey('jwk', privateKey);
  const publicKey = await webcrypto.subtle.importKey('jwk', jwk, algorithm, true, ['verify']);
  return { privateKey, publicKey };
}

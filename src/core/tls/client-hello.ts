// What a server of any version asks of a ClientHello before it is one of a version: extensions once each, and which version
// it becomes. RFC 8446 §4.2.1, §4.1.3, §D.5; RFC 5246 §7.4.1.4, §E.1; RFC 7507 §3. Pure functions.

import type { Verdict } from './alerts.js';
import { TLS_1_2, TLS_1_3, type TlsConfig } from './config.js';
import { type Extension, extensionCode, findExtension } from './extensions.js';
import type { ClientHello } from './messages.js';
import { TLS_FALLBACK_SCSV } from './suites.js';

export type Version = typeof TLS_1_2 | typeof TLS_1_3;
const SSL_3_0 = 0x0300;

/** The version that the ClientHello leads to, or why there is none. `spoken` are the versions that have a machine. */
export function chooseVersion(
  hello: ClientHello,
  config: TlsConfig,
  spoken: ReadonlyMap<Version, unknown>,
): Version | Verdict {
  const offered = hello.extensions ?? [];
  if (hasDuplicates(offered)) return 'duplicateExtension';
  const { clientVersion } = hello;
  // RFC 8446 §D.5: whatever else is offered.
  if (clientVersion <= SSL_3_0) return 'oldVersion';

  const versions = findExtension(offered, 'supported_versions')?.versions;
  if (versions === undefined) {
    // RFC 5246 §E.1: a lower version is refused, a higher one is answered with ours. RFC 8446 §4.2.1: 1.3 is never
    // chosen without the extension, not even when client_version has its number.
    if (clientVersion < TLS_1_2) return 'oldVersion';
    if (!serves(TLS_1_2, config, spoken)) return 'versionNotServed';
    return isFallback(hello, TLS_1_2, highestVersion(config, spoken)) ? 'inappropriateFallback' : TLS_1_2;
  }
  // RFC 8446 §4.2.1: the list alone decides, client_version does not.
  if (versions.includes(TLS_1_3) && serves(TLS_1_3, config, spoken)) return TLS_1_3;
  if (!versions.includes(TLS_1_2) || !serves(TLS_1_2, config, spoken)) return 'versionNotOffered';
  const highestOffered = versions.includes(TLS_1_3) ? TLS_1_3 : TLS_1_2;
  return isFallback(hello, highestOffered, highestVersion(config, spoken)) ? 'inappropriateFallback' : TLS_1_2;
}

/** The highest version that the config allows and that has a machine; undefined when there is none. */
export function highestVersion(config: TlsConfig, spoken: ReadonlyMap<Version, unknown>): Version | undefined {
  if (serves(TLS_1_3, config, spoken)) return TLS_1_3;
  return serves(TLS_1_2, config, spoken) ? TLS_1_2 : undefined;
}

function serves(version: Version, config: TlsConfig, spoken: ReadonlyMap<Version, unknown>): boolean {
  const { minVersion = TLS_1_2, maxVersion = TLS_1_3 } = config;
  return version >= minVersion && version <= maxVersion && spoken.has(version);
}

/** RFC 7507 §3: the client came down from a higher version, although we speak one. */
function isFallback(hello: ClientHello, offered: Version, highest: Version | undefined): boolean {
  return hello.cipherSuites.includes(TLS_FALLBACK_SCSV) && highest !== undefined && highest > offered;
}

/** RFC 8446 §4.2: there is one extension of a type at most. */
export function hasDuplicates(extensions: readonly Extension[]): boolean {
  const codes = new Set<number>();
  for (const extension of extensions) codes.add(extensionCode(extension));
  return codes.size !== extensions.length;
}

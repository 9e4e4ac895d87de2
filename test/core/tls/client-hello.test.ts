// Which version a ClientHello leads to: RFC 8446 §4.2.1, §4.1.3, §D.5; RFC 5246 §E.1; RFC 7507 §3.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseVersion, highestVersion, type Version } from '../../../src/core/tls/client-hello.js';
import { TLS_1_2, TLS_1_3, type TlsConfig } from '../../../src/core/tls/config.js';
import type { ClientHello } from '../../../src/core/tls/messages.js';
import { clientHello, defaultExtensions, withExtension } from '../../support/tls-client.js';
import { serverOptions } from '../../support/tls-server.js';

const BOTH = new Map<Version, true>([
  [TLS_1_2, true],
  [TLS_1_3, true],
]);
const ONLY_1_2 = new Map<Version, true>([[TLS_1_2, true]]);

function chosen(hello: Partial<ClientHello>, config: Partial<TlsConfig> = {}, spoken = BOTH): unknown {
  const options = serverOptions({ maxVersion: TLS_1_3, ...config });
  return chooseVersion(clientHello(hello), options.config, spoken);
}

const lists = (...versions: number[]): Partial<ClientHello> => ({
  extensions: withExtension({ type: 'supported_versions', versions }),
});

test('without supported_versions it is 1.2 from client_version 1.2 upwards, and never 1.3 (RFC 8446 §4.2.1)', () => {
  for (const clientVersion of [0x0303, 0x0304, 0x0305, 0x7f00]) assert.is(chosen({ clientVersion }), TLS_1_2);
  for (const clientVersion of [0x0002, 0x0200, 0x0300, 0x0301, 0x0302]) {
    assert.is(chosen({ clientVersion }), 'oldVersion');
  }
  assert.is(chosen({}, { minVersion: TLS_1_3 }), 'versionNotServed');
});

test('supported_versions alone decides when it is there, and the server takes the highest (RFC 8446 §4.2.1)', () => {
  assert.is(chosen(lists(0x0303, 0x0304)), TLS_1_3);
  assert.is(chosen(lists(0x0303)), TLS_1_2);
  assert.is(chosen(lists(0x7a7a, 0x0304)), TLS_1_3);
  assert.is(chosen({ ...lists(0x0304), clientVersion: 0x0302 }), TLS_1_3);
  assert.is(chosen(lists(0x0302, 0x0301)), 'versionNotOffered');
  assert.is(chosen(lists(0x0304, 0x0303), { maxVersion: TLS_1_2 }), TLS_1_2);
  assert.is(chosen(lists(0x0304), { maxVersion: TLS_1_2 }), 'versionNotOffered');
  assert.is(chosen(lists(0x0303), { minVersion: TLS_1_3 }), 'versionNotOffered');
});

test('client_version of SSL 3.0 or less is refused whatever else is offered (RFC 8446 §D.5)', () => {
  assert.is(chosen({ ...lists(0x0304, 0x0303), clientVersion: 0x0300 }), 'oldVersion');
});

test('a version that has no machine is not chosen', () => {
  assert.is(chosen(lists(0x0304, 0x0303), {}, ONLY_1_2), TLS_1_2);
  assert.is(chosen(lists(0x0304), {}, ONLY_1_2), 'versionNotOffered');
  const { config } = serverOptions({ maxVersion: TLS_1_3 });
  assert.is(highestVersion(config, BOTH), TLS_1_3);
  assert.is(highestVersion(config, ONLY_1_2), TLS_1_2);
  assert.is(highestVersion({ ...config, minVersion: TLS_1_3 }, ONLY_1_2), undefined);
});

test('TLS_FALLBACK_SCSV is refused when less is offered than is served (RFC 7507 §3)', () => {
  const cipherSuites = [0xc02f, 0x5600];
  assert.is(chosen({ cipherSuites }), 'inappropriateFallback');
  assert.is(chosen({ cipherSuites, ...lists(0x0303) }), 'inappropriateFallback');
  assert.is(chosen({ cipherSuites }, { maxVersion: TLS_1_2 }), TLS_1_2);
  assert.is(chosen({ cipherSuites, ...lists(0x0304) }), TLS_1_3);
  // RFC 7507 §3: a version that is not served at all has its own alert.
  assert.is(chosen({ cipherSuites, clientVersion: 0x0302 }), 'oldVersion');
});

test('an extension that comes twice is refused in every version (RFC 5246 §7.4.1.4, RFC 8446 §4.2)', () => {
  assert.is(chosen({ extensions: [...defaultExtensions, { type: 'extended_master_secret' }] }), 'duplicateExtension');
});

test.run();

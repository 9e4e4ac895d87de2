// Chromium and Firefox without a screen: each loads the page over h2, with the test CA trusted through an NSS database in a
// profile of its own. What they rendered is the proof, beside the server's trace.

import { cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDatabase } from './nss.js';
import { type Files, KINDS, type Kind, type Place } from './place.js';
import { type Client, check, type Established, type Row, type Version } from './row.js';

const VERSIONS: readonly Version[] = ['1.2', '1.3'];

/** Browsers open connections as they like: at least one has to be as wanted, and none to fail. */
async function checkLoaded(place: Place, version: Version): Promise<void> {
  const isIt = (event: { kind: string }): boolean => {
    if (event.kind !== 'established') return false;
    const { version: spoken, alpn } = event as Established;
    return spoken === `TLS${version}` && alpn === 'h2';
  };
  check(await place.shows((events) => events.some(isIt)), `no connection with TLS ${version} and h2 was established`);
  const failed = place.events.find((event) => event.kind === 'alert' && event.level === 'fatal');
  check(failed === undefined, `an alert: ${JSON.stringify(failed)}`);
}

/** Ed25519 certificates are of the Web PKI of no browser, so those are not asked for. */
const BROWSER_KINDS: readonly Kind[] = KINDS.filter((kind) => kind !== 'ed25519');

function rows(
  name: string,
  files: Files,
  load: (place: Place, version: Version, home: string) => Promise<void>,
): Row[] {
  const home = files.path(name.replace(/\W/g, ''));
  return VERSIONS.flatMap((version) =>
    BROWSER_KINDS.map((kind) => ({
      client: name,
      version,
      what: `the page over h2, ${kind} certificate`,
      serve: files.credential(kind),
      run: async (place: Place) => {
        rmSync(home, { recursive: true, force: true });
        mkdirSync(home, { recursive: true });
        await load(place, version, home);
        await checkLoaded(place, version);
      },
    })),
  );
}

/** It waits for a name service otherwise, which is not there inside of a namespace. */
const CHROMIUM = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--dump-dom',
];

export const chromium: Client = {
  name: 'Chromium',
  commands: ['chromium', 'certutil'],
  version: ['chromium', '--version'],
  rows: (files) => {
    makeDatabase(files, files.path('browser-nss'));
    return rows('Chromium', files, async (place, version, home) => {
      mkdirSync(join(home, '.pki'), { recursive: true });
      cpSync(files.path('browser-nss'), join(home, '.pki/nssdb'), { recursive: true });
      const args = [...CHROMIUM, `--user-data-dir=${join(home, 'data')}`];
      if (version === '1.2') args.push('--ssl-version-max=tls1.2');
      const env = { HOME: home };
      const played = await place.play('chromium', [...args, `https://${place.address}/`], { env, timeoutMs: 60_000 });
      check(played.code === 0, `it ended with ${played.code}`);
      check(/<h1>wirebench<\/h1>[\s\S]*HTTP\/2/.test(played.output), 'the page was not rendered');
    });
  },
};

export const firefox: Client = {
  name: 'Firefox ESR',
  commands: ['firefox-esr', 'certutil'],
  version: ['firefox-esr', '--version'],
  rows: (files) => {
    if (!existsSync(files.path('browser-nss'))) makeDatabase(files, files.path('browser-nss'));
    return rows('Firefox ESR', files, async (place, version, home) => {
      const profile = join(home, 'profile');
      cpSync(files.path('browser-nss'), profile, { recursive: true });
      const maximum = version === '1.2' ? 3 : 4;
      writeFileSync(
        join(profile, 'user.js'),
        [
          `user_pref("security.tls.version.max", ${maximum});`,
          'user_pref("network.captive-portal-service.enabled", false);',
          'user_pref("network.connectivity-service.enabled", false);',
          'user_pref("app.normandy.enabled", false);',
          'user_pref("datareporting.policy.dataSubmissionEnabled", false);',
          'user_pref("services.settings.server", "data:,");',
        ].join('\n'),
      );
      const picture = join(home, 'page.png');
      const args = ['--headless', '--no-remote', '--profile', profile, '--screenshot', picture];
      const env = { HOME: home };
      await place.play('firefox-esr', [...args, `https://${place.address}/`], { env, timeoutMs: 60_000 });
      check(existsSync(picture) && statSync(picture).size > 20_000, 'there is no picture of the page');
    });
  },
};

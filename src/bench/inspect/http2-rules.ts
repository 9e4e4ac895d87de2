// What breaks a rule of HTTP/2 and shows between the two peers only, or that the core finds in another way: settings, response
// header sections, and verdicts of the inspector's own (RFC 9113 §6.5.2, §8.3.2, §8.4, RFC 7541 §4.2). And the codes that
// verdicts are known by.

import { type Verdict, verdicts } from '../../core/http2/errors.js';
import { MAX_WINDOW_SIZE, SettingId } from '../../core/http2/frame.js';
import { trailersVerdict } from '../../core/http2/headers.js';
import type { HeaderList } from '../../core/http2/hpack/decode.js';

/** RFC 9113 §8.3.2: one `:status` of three digits, before all else. */
export function responseVerdict(list: HeaderList): Verdict | undefined {
  const { entries } = list;
  const first = entries[0];
  if (first?.name !== ':status') {
    return entries.some(({ name }) => name === ':status') ? verdicts.badPseudo : verdicts.missingPseudo;
  }
  if (!/^[1-5][0-9]{2}$/.test(first.value)) return verdicts.badPseudoValue;
  rest.entries.length = 0;
  for (let i = 1; i < entries.length; i++) rest.entries.push(entries[i]!);
  const verdict = trailersVerdict(rest);
  return verdict === verdicts.pseudoInTrailers ? verdicts.badPseudo : verdict;
}

/** Of the section at hand: one for all, since a section is looked at in one go. */
const rest: HeaderList = { entries: [], size: 0, oversize: false };

/** RFC 9113 §6.5.2, RFC 9218 §2.1. */
export function settingVerdict(id: number, value: number): Verdict | undefined {
  switch (id) {
    case SettingId.ENABLE_PUSH:
      return value > 1 ? verdicts.badEnablePush : undefined;
    case SettingId.INITIAL_WINDOW_SIZE:
      return value > MAX_WINDOW_SIZE ? verdicts.badInitialWindow : undefined;
    case SettingId.MAX_FRAME_SIZE:
      return value < 16_384 || value > 0xff_ff_ff ? verdicts.badMaxFrameSize : undefined;
    case SettingId.NO_RFC7540_PRIORITIES:
      return value > 1 ? verdicts.badNoPriorities : undefined;
    default:
      return undefined;
  }
}

// What only somebody between the two can find.
export const wrongState: Verdict = {
  ...verdicts.frameOnIdle,
  reason: 'frame that the state of the stream does not allow',
};
export const pushDisabled: Verdict = {
  ...verdicts.pushFromClient,
  reason: 'PUSH_PROMISE although push is disabled',
  rule: 'RFC 9113 §8.4',
};
export const tableTooLarge: Verdict = {
  ...verdicts.compression,
  reason: 'dynamic table larger than SETTINGS_HEADER_TABLE_SIZE allows',
  rule: 'RFC 7541 §4.2',
};

/** `frameOnIdle` becomes `frame-on-idle`. */
export const verdictCodes: ReadonlyMap<Verdict, string> = new Map<Verdict, string>([
  ...Object.entries(verdicts).map(([name, verdict]): [Verdict, string] => [
    verdict,
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  ]),
  [wrongState, 'wrong-state'],
  [pushDisabled, 'push-disabled'],
  [tableTooLarge, 'table-too-large'],
]);

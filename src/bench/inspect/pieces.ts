// Bytes that came out of order: pieces in their order that do not overlap, because the first copy of a byte counts. Of TCP's streams
// and of IP's fragments.

export interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Keeps a copy of those of the bytes that no piece holds; how many they are. */
export function insertPiece(pieces: Piece[], at: number, bytes: Uint8Array): number {
  const end = at + bytes.length;
  let place = pieces.length;
  while (place > 0 && endOf(pieces[place - 1]!) > at) place--;
  let added = 0;
  for (let from = at; from < end; place++) {
    const following = pieces[place];
    const to = following === undefined ? end : Math.min(end, following.at);
    if (to > from) {
      pieces.splice(place++, 0, { at: from, bytes: bytes.slice(from - at, to - at) });
      added += to - from;
    }
    if (following === undefined) break;
    from = Math.max(from, endOf(following));
  }
  return added;
}

function endOf({ at, bytes }: Piece): number {
  return at + bytes.length;
}

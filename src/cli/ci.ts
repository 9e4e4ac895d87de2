// Whether this is a run of continuous integration, where nobody looks at what is written for the first time.

/** `CI` with any value but `0` and `false`: not every CI server writes `true`. */
export function isCi({ CI }: { readonly [name: string]: string | undefined }): boolean {
  return CI !== undefined && !['', '0', 'false'].includes(CI.toLowerCase());
}

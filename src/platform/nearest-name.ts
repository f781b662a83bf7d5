/** Edit distance in which swapping two neighbours is one edit (optimal string alignment, Damerau 1964), two rows at a time. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swaps = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = swaps ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Names longer than this are not worth comparing: the comparison is quadratic. */
const MAX_COMPARED = 100;

/** ` Did you mean "x"?` for the known name closest to a mistyped one, or '' when none is close. */
export function didYouMean(given: string, known: readonly string[]): string {
  const candidates = [given, ...known].every((name) => name.length <= MAX_COMPARED) ? known : [];
  const ranked = candidates
    .map((name) => ({ name, edits: distance(given.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, edits }) => edits <= Math.max(1, Math.floor(Math.max(given.length, name.length) / 3)))
    .sort((a, b) => a.edits - b.edits);
  return ranked[0] ? ` Did you mean ${JSON.stringify(ranked[0].name)}?` : '';
}

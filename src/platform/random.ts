/**
 * A seeded source of uniform numbers in [0, 1) with 32 random bits: xoshiro128** (Blackman and Vigna 2021), its state filled by
 * splitmix32. Equal seeds give equal sequences on every machine; it is not for secrets.
 */
export function seededRandom(seed: number): () => number {
  let mixer = seed | 0;
  const splitmix = () => {
    mixer = (mixer + 0x9e3779b9) | 0;
    let z = Math.imul(mixer ^ (mixer >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  };
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()];
  const rotate = (x: number, bits: number) => (x << bits) | (x >>> (32 - bits));
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result / 2 ** 32;
  };
}

/** A seed for one of several independent sequences that belong to one seed: FNV-1a over the seed and the parts. */
export function derivedSeed(seed: number, ...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of [seed, ...parts].join('\0'))
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return hash | 0;
}

/** The list in random order (Fisher and Yates; Durstenfeld 1964); the given list is left as it is. */
export function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as Item, result[i] as Item];
  }
  return result;
}

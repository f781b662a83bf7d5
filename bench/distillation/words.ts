import { type CaseData, dataset, pictures, type Sample } from './data.js';

/** Planes, rows and columns of a picture; a word stands at its left, and what it leaves free has the value PADDING. */
const [PLANES, ROWS, COLUMNS] = [3, 48, 192];
const PADDING = 128;

/** Share of the pictures that is trained and chosen on, and of these the part that chooses. */
const TRAINED = 0.5;
const CHOOSING = 1 / 6;

const pixel = (plane: number, row: number, column: number) => (plane * ROWS + row) * COLUMNS + column;

/** Columns that the word takes, its own background included. */
function wordWidth(picture: Uint8Array): number {
  const lines = Array.from({ length: PLANES * ROWS }, (_, line) => line * COLUMNS);
  let width = COLUMNS;
  while (width > 1 && lines.every((start) => picture[start + width - 1] === PADDING)) width--;
  return width;
}

/** The same word the other way up, at its place. */
function turned(picture: Uint8Array): Uint8Array {
  const width = wordWidth(picture);
  const result = new Uint8Array(picture.length).fill(PADDING);
  for (let plane = 0; plane < PLANES; plane++)
    for (let row = 0; row < ROWS; row++)
      for (let column = 0; column < width; column++)
        result[pixel(plane, row, column)] = picture[pixel(plane, ROWS - 1 - row, width - 1 - column)] ?? PADDING;
  return result;
}

const bothWays = ([picture, label]: Sample): Sample[] => [
  [picture, label],
  [turned(picture), 1 - label],
];

/**
 * Words to train on without labels, each both ways up; pictures of other words to choose on, and the second half of all pictures, as
 * they are, to evaluate. The classifier takes pixels between −1 and 1.
 * @param path an npz file like examples/data/word-orientation.npz
 */
export async function words(path: string): Promise<CaseData> {
  const source = await pictures(path);
  const all: Sample[] = source.samples.map((sample, i) => [sample, source.labels[i] ?? 0]);
  const half = Math.floor(all.length * TRAINED);
  const choosing = Math.floor(half * CHOOSING);
  const splits = {
    training: all.slice(0, half - choosing).flatMap(bothWays),
    selection: all.slice(half - choosing, half).flatMap(bothWays),
    evaluation: all.slice(half),
  };
  return dataset(source, splits, 0, { scale: 1 / 127.5, offset: -1 });
}

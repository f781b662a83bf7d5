import type { ValueSignature } from '../contracts/signature.js';
import { numbers } from '../onnx/ir/numbers.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { OutputNoise } from './output-noise.js';

const FLOATING: ReadonlySet<string | null> = new Set(['float16', 'float32', 'float64']);
/** A note names this many outputs, the worst first. */
const NAMED = 8;
/** Below this, the difference is a tenth of the output's energy or more. */
const POOR_DECIBEL = 10;

const decibels = (ratio: number) => -10 * Math.log10(ratio);
const listed = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ');

function described(name: string, ratio: number): string {
  if (ratio === 0) return `"${name}" is equal`;
  return Number.isFinite(ratio) ? `"${name}" ${decibels(ratio).toFixed(1)} dB` : `"${name}" NaN or infinity`;
}

/** The outputs that no metric looks at: how far the result's are from the original's, so that none falls apart unseen. */
export class OtherOutputs {
  readonly #noises: ReadonlyMap<string, OutputNoise>;
  readonly #notCompared: readonly string[];

  /** @param scored the output that the metric scores */
  constructor(
    readonly scored: string,
    original: readonly ValueSignature[],
    result: readonly ValueSignature[],
  ) {
    const others = original.filter(({ name }) => name !== scored);
    const given = new Set(result.filter(({ dtype }) => FLOATING.has(dtype)).map(({ name }) => name));
    const compared = others.filter(({ name, dtype }) => FLOATING.has(dtype) && given.has(name));
    this.#noises = new Map(compared.map(({ name }) => [name, new OutputNoise()]));
    this.#notCompared = others.filter((output) => !compared.includes(output)).map(({ name }) => name);
  }

  /** The outputs to fetch. */
  get names(): readonly string[] {
    return [...this.#noises.keys()];
  }

  /** Takes both models' outputs on the same samples. */
  add(original: ReadonlyMap<string, Tensor>, result: ReadonlyMap<string, Tensor>): void {
    for (const [name, noise] of this.#noises) {
      const [theirs, own] = [original.get(name), result.get(name)];
      if (theirs && own) noise.add(numbers(theirs), numbers(own));
    }
  }

  /** What a report should say of them; nothing where there are none. */
  notes(): string[] {
    if (this.#noises.size + this.#notCompared.length === 0) return [];
    const byNoise = [...this.#noises]
      .map(([name, { ratio }]) => ({ name, ratio: Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : ratio }))
      .sort((a, b) => b.ratio - a.ratio);
    const poor = byNoise.filter(({ ratio }) => decibels(ratio) < POOR_DECIBEL);
    const more = byNoise.length - NAMED;
    return [
      `Only the output "${this.scored}" is scored; requirements say nothing of the others, and evaluate.output names another one.`,
      ...(byNoise.length > 0
        ? [
            `Signal to noise of the other outputs against the original's on the same samples: ${byNoise
              .slice(0, NAMED)
              .map(({ name, ratio }) => described(name, ratio))
              .join(', ')}${more > 0 ? `, and ${more} better ones` : ''}.`,
          ]
        : []),
      ...(poor.length > 0
        ? [
            `Do not rely on ${listed(poor.slice(0, NAMED).map(({ name }) => name))} of the result: less than ${POOR_DECIBEL} dB is left of what the original gives there.`,
          ]
        : []),
      ...(this.#notCompared.length > 0 ? [`Not compared: ${listed(this.#notCompared.slice(0, NAMED))}.`] : []),
    ];
  }
}

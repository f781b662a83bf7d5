import { GraphEditor } from '../onnx/ir/editor.js';
import type { Graph } from '../onnx/ir/graph.js';
import { floats, type Tensor } from '../onnx/ir/tensor.js';

/**
 * What training changes in the place of a constant of the quantized model. Latents have no unit, so that one learning rate suits all:
 * integers count in steps of their grid, vectors in a share of their size.
 */
export interface Latent {
  /** Its name among the constants of the training graph. */
  readonly name: string;
  /** The constants of the quantized model that it gives. */
  readonly constants: readonly string[];
  /** Those constants by trained values. */
  store(values: Float32Array): readonly Tensor[];
}

/** A quantized graph on its way to a float graph that can be trained. */
export class TrainingGraph {
  readonly editor: GraphEditor;
  readonly latents: Latent[] = [];
  readonly #added = new Set<string>();
  readonly #scales = new Map<string, string>();

  constructor(graph: Graph) {
    this.editor = new GraphEditor(graph);
  }

  /** Adds a constant under a name of its own, which it returns. */
  constant(hint: string, value: Tensor): string {
    const name = this.editor.addConstant(`recovery/${hint}`, value);
    this.#added.add(name);
    return name;
  }

  /**
   * Adds the scales of a weight, which may be trained, in another shape than the quantized model holds them in.
   * @param stored their constant there
   */
  scales(hint: string, value: Tensor, stored: string): string {
    const name = this.constant(hint, value);
    this.#scales.set(name, stored);
    return name;
  }

  /**
   * The constant of the quantized model that a value alone holds the scales of; undefined for what came in here and holds none, and for
   * scales that several weights share: trained once for each, they would come apart.
   */
  storedScales(name: string): string | undefined {
    const stored = this.#scales.get(name);
    if (stored === undefined) return this.#added.has(name) ? undefined : name;
    const holders = [...this.#scales.values()].filter((each) => each === stored).length;
    return holders === 1 ? stored : undefined;
  }

  scalar(hint: string, value: number): string {
    return this.constant(hint, floats([value], []));
  }

  /** Adds what is trained in the place of constants, with the values to start from. */
  latent(constants: readonly string[], start: Tensor, store: Latent['store']): string {
    const name = this.constant(`${constants[0]}/latent`, start);
    this.latents.push({ name, constants, store });
    return name;
  }

  /** A name for a value that stands in the place of a constant. */
  value(constant: string, part: string): string {
    return this.editor.freshName(`recovery/${constant}/${part}`);
  }

  /** Whether a constant came in here, and is none of the quantized model. */
  isAdded(name: string): boolean {
    return this.#added.has(name);
  }
}

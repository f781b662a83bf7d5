import type { RangeOverride } from '../../contracts/activations.js';
import type { Calibration } from '../../contracts/quantize-step.js';
import { DEFAULT_PERCENTILE } from '../../contracts/quantize-step.js';
import type { Graph, Node } from '../../onnx/ir/graph.js';
import { fitsAny } from '../../onnx/name-patterns.js';
import { nodeNames, tensorNames } from '../node-selection.js';
import type { Range } from '../parameters.js';
import type { Plan } from '../plan.js';

/** What an override says of a value: its range, or the method that finds it. */
export type OverriddenRange =
  | { readonly kind: 'fixed'; readonly range: Range }
  | { readonly kind: 'method'; readonly ranging: Calibration };

interface Entry {
  readonly said: OverriddenRange;
  readonly tensor: ((name: string) => boolean) | null;
  readonly node: ((name: string) => boolean) | null;
  readonly words: string;
}

function said({ min, max, method = 'mean_minmax', percentile }: RangeOverride, samples: number): OverriddenRange {
  if (min !== undefined && max !== undefined) return { kind: 'fixed', range: { min, max } };
  const percent = method === 'percentile' ? { percentile: percentile ?? DEFAULT_PERCENTILE } : {};
  return { kind: 'method', ranging: { method, samples, ...percent } };
}

/** Ranges that a request gives by name. */
export class RangeOverrides {
  readonly #entries: readonly Entry[];
  readonly #used = new Set<Entry>();

  /**
   * @param uploaded the graph whose names the caller can know
   * @throws ServiceError unknown_node when a pattern fits nothing, with the nearest name as a hint
   */
  constructor({ overrides = [], samples }: Calibration, uploaded: Graph) {
    const names = (field: 'tensor' | 'node', all: () => readonly string[]) =>
      overrides.some((override) => override[field] !== undefined) ? all() : [];
    const tensors = names('tensor', () => tensorNames(uploaded));
    const nodes = names('node', () => nodeNames(uploaded.nodes));
    const at = (index: number, field: 'tensor' | 'node', pattern: string | undefined) => {
      if (pattern === undefined) return null;
      const given = [{ pattern, pointer: `/calibration/overrides/${index}/${field}` }];
      return field === 'tensor' ? fitsAny(given, tensors, 'tensor') : fitsAny(given, nodes, 'node or operator type');
    };
    this.#entries = overrides.map((override, index) => ({
      said: said(override, samples),
      tensor: at(index, 'tensor', override.tensor),
      node: at(index, 'node', override.node),
      words: override.tensor === undefined ? `node "${override.node}"` : `tensor "${override.tensor}"`,
    }));
  }

  /** What is said of each of these values; the last word counts. */
  of(values: readonly string[], plan: Plan): Map<string, OverriddenRange> {
    const producers = new Map(
      plan.graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)),
    );
    for (const [node, result] of plan.quantizedResults) producers.set(result, node);
    const found = new Map<string, OverriddenRange>();
    for (const value of values) {
      const node = producers.get(value);
      const entry = this.#entries.findLast(
        (each) => each.tensor?.(value) || (node && (each.node?.(node.name) || each.node?.(node.opType))),
      );
      if (!entry) continue;
      this.#used.add(entry);
      found.set(value, entry.said);
    }
    return found;
  }

  /** Whether the range of a value may be anything: it is then unknown what it implies. */
  mentions(value: string, producers: readonly Node[]): boolean {
    return this.#entries.some(
      ({ tensor, node }) => tensor?.(value) || producers.some(({ name, opType }) => node?.(name) || node?.(opType)),
    );
  }

  /** What was given for nothing that is quantized. */
  notes(): string[] {
    return this.#entries
      .filter((entry) => !this.#used.has(entry))
      .map(({ words }) => `The range given for ${words} was not used: nothing of it is quantized.`);
  }
}

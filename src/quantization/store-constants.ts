import { type Graph, node as makeNode, type Node } from '../onnx/ir/graph.js';
import { numberToHalf } from '../onnx/ir/numbers.js';
import { elements, tensor } from '../onnx/ir/tensor.js';
import { storageObstacle } from './half/fitness.js';
import { prependNodes } from './names.js';
import { isWorthStoring } from './worth-storing.js';

const FLOAT32 = 1;

/** Constants that became halves, and those that were wanted and could not, each with the reason. */
interface StoredConstants {
  readonly halves: ReadonlySet<string>;
  readonly obstacles: ReadonlyMap<string, string>;
}

/** Stores the wanted large constants of these graphs as halves, each restored by a Cast. */
export function storeConstants(
  graphs: readonly Graph[],
  wanted: (name: string) => boolean,
  fresh: (hint: string) => string,
): StoredConstants {
  const halves = new Set<string>();
  const obstacles = new Map<string, string>();
  for (const graph of graphs) {
    const inputs = new Set(graph.inputs.map(({ name }) => name));
    const restoring = [...graph.initializers].flatMap(([name, value]): Node[] => {
      if (value.dtype !== 'float32' || !isWorthStoring(value) || inputs.has(name) || !wanted(name)) return [];
      const obstacle = storageObstacle(name, value);
      if (obstacle !== null) {
        obstacles.set(name, obstacle);
        return [];
      }
      const half = fresh(`${name}_half`);
      graph.initializers.delete(name);
      graph.initializers.set(
        half,
        tensor('float16', value.dims, Uint16Array.from(elements(value, 'float32'), numberToHalf)),
      );
      halves.add(name);
      return [makeNode('Cast', [half], [name], { name: `${half}_Cast`, attributes: { to: FLOAT32 } })];
    });
    prependNodes(graph, restoring);
  }
  return { halves, obstacles };
}

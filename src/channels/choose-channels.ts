import type { ChannelGroup } from './channel-groups.js';

/** Groups of convolutions keep multiples of this, the block of channels that the CPU's kernels hold together, once they are twice as wide. */
const CHANNEL_BLOCK = 8;

/** Other groups shrink by a sixteenth at a time. */
const FINEST_STEPS = 16;

const isBlocked = ({ convolutional, size }: ChannelGroup) => convolutional && size >= 2 * CHANNEL_BLOCK;

/** How many units of a group go at a time when it shrinks step by step. */
export const channelStep = (group: ChannelGroup): number =>
  isBlocked(group) ? CHANNEL_BLOCK : Math.ceil(group.size / FINEST_STEPS);

/**
 * How many units of a group stay at a width.
 * @param width share of the channels, in (0, 1]
 */
export function keptCount(group: ChannelGroup, width: number): number {
  const { size, free } = group;
  const wanted = size * width;
  const fixed = size - free.length;
  const rounded = isBlocked(group)
    ? CHANNEL_BLOCK * Math.max(1, Math.round(wanted / CHANNEL_BLOCK))
    : Math.round(wanted);
  return Math.max(1, fixed, Math.min(size, rounded));
}

/** The units of a group that go so that `kept` stay: those of least importance, the later of equal ones first. */
export function leastImportant(
  { free, size }: ChannelGroup,
  kept: number,
  importance: ReadonlyMap<number, number>,
): number[] {
  const ranked = free
    .map((unit, place) => ({ unit, place, weight: importance.get(unit) ?? 0 }))
    .sort((a, b) => a.weight - b.weight || b.place - a.place);
  return ranked.slice(0, size - kept).map(({ unit }) => unit);
}

import type { Estimate } from '../contracts/estimate.js';

/** Four significant digits, without an exponent where people can read it without one. */
export const number = (value: number): string => {
  if (Number.isInteger(value)) return value.toString();
  const magnitude = Math.abs(value);
  return magnitude >= 1e-4 && magnitude < 1e6 ? Number(value.toPrecision(4)).toString() : value.toExponential(2);
};

export const interval = ([low, high]: readonly [number, number]): string => `${number(low)} to ${number(high)}`;

/** A value with its interval, such as "1.42 (1.38 to 1.47)". */
export const estimate = ({ value, ci95 }: Estimate, unit = ''): string => `${number(value)}${unit} (${interval(ci95)})`;

const UNITS = ['bytes', 'kB', 'MB', 'GB'] as const;

/** Bytes in decimal units, such as "578.97 kB". */
export function bytes(count: number): string {
  const power = count < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3));
  return power === 0 ? `${count} bytes` : `${(count / 1000 ** power).toFixed(2)} ${UNITS[power]}`;
}

export const milliseconds = (value: number): string => `${number(value)} ms`;

/** A count with its noun, such as "1 node" and "2 nodes". */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

import { Slots } from './slots.js';

/** Scans that run at once, in this process; more would only take the processor from the engines and from each other. */
const MAX_CONCURRENT_SCANS = 2;

export const scanSlots = new Slots(MAX_CONCURRENT_SCANS);

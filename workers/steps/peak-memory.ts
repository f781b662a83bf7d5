/** The most memory that this process has held, in bytes. */
export const peakMemoryBytes = (): number => process.resourceUsage().maxRSS * 1024;

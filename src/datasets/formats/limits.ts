/** Bounds of a dataset file. CWE-409: what unpacks to far more than it weighs; CWE-770: counts and sizes without a bound. */
/** The largest header numpy itself reads without being asked to trust the file is 10,000 bytes; version 1 can say 65,535. */
export const MAX_NPY_HEADER_BYTES = 64 * 1024;
export const MAX_RANK = 16;
/** Samples of one dataset, which an engine lists and shuffles; a header of a hundred bytes can state any number of empty ones. */
export const MAX_SAMPLES = 10_000_000;
/** Elements and bytes must be counted exactly in a double. */
export const MAX_ELEMENTS = Number.MAX_SAFE_INTEGER;
/** All arrays of a dataset, unpacked: what an engine copies to its scratch folder. */
export const MAX_UNPACKED_BYTES = 16 * 2 ** 30;
/** Unpacked to packed bytes of one entry; photographs and texts stay below 20. */
export const MAX_COMPRESSION_RATIO = 200;
/** Smaller entries may compress better: deflate packs an attention mask of ones 1,000 to 1. */
export const RATIO_FREE_BYTES = 16 * 2 ** 20;
export const MAX_ARRAY_NAME_BYTES = 255;
/** Bytes that are read from a file at a time. */
export const CHUNK_BYTES = 256 * 1024;

/**
 * What a model may be at most. Real models are far below; a file beyond a limit is an attack or a mistake. CWE-400/770: every count
 * that costs time or memory is bounded; CWE-674: every recursion is bounded; CWE-190: sizes are checked before they are multiplied.
 */
/** Protobuf cannot address more (its sizes are int32). */
export const MAX_MODEL_BYTES = 2 ** 31 - 1;
/** Nodes of the graph, its subgraphs and its local functions, and of the graph with all functions inlined. */
export const MAX_NODES = 200_000;
export const MAX_INITIALIZERS = 200_000;
/** Inputs, outputs and intermediate values with a recorded type. */
export const MAX_VALUE_INFOS = 400_000;
/** Names that one node may read or make; the largest real Concat read a few hundred. */
export const MAX_NODE_VALUES = 20_000;
export const MAX_FUNCTIONS = 1_000;
/** Calls inside calls; ONNX's own checker stops at the same depth, ONNX Runtime crashes at 3,000. */
export const MAX_FUNCTION_CALL_DEPTH = 100;
/** Graphs inside graphs (If, Loop, Scan). */
export const MAX_SUBGRAPH_NESTING = 16;
/** Messages inside messages; protobuf-es and Google's parser stop at the same depth. */
export const MAX_MESSAGE_NESTING = 100;
export const MAX_RANK = 16;
export const MAX_DIMENSION = 2 ** 31 - 1;
/** Elements of a tensor must be counted exactly in a double. */
export const MAX_ELEMENTS = Number.MAX_SAFE_INTEGER;
/** Bytes of one name, domain, or other identifier. */
export const MAX_NAME_BYTES = 4096;
/** Bytes of all names together: what the scan itself has to remember. */
export const MAX_ALL_NAME_BYTES = 64 * 2 ** 20;
/** Key and value pairs of metadata, and the bytes of all of them. */
export const MAX_METADATA_ENTRIES = 1_000;
export const MAX_METADATA_BYTES = 2 ** 20;
/** The answer of the scan as JSON: it is stored, and a list of models carries a hundred of them. */
export const MAX_INSPECTION_BYTES = 512 * 1024;
/** Fields that the scan visits, so that its time is bounded whatever the file holds: a few seconds. */
export const MAX_FIELDS = 20_000_000;
export const OLDEST_OPSET = 7;
/** Verified against ONNX Runtime 1.30: 27 and IR version 14 are refused when a model is loaded. */
export const NEWEST_OPSET = 26;
export const OLDEST_IR_VERSION = 3;
export const NEWEST_IR_VERSION = 13;
export const MAX_OPSET_IMPORTS = 64;
/** Missing external files that an error names. */
export const MAX_LISTED_FILES = 20;

/** The scan's own budget, in its own thread: its time and its heap. */
export const MAX_SCAN_MILLISECONDS = 60_000;
export const MAX_SCAN_HEAP_MEBIBYTES = 512;

// @ts-check
/** Sizes as people read them. A megabyte of quota is 2^20 bytes (CONTRACT §10). Pure. */

const MB = 1_048_576;
const GB_IN_MB = 1_024;

/** @param {number} number */
export const decimal = (number) => number.toLocaleString("id-ID", { maximumFractionDigits: 1 });

/** @param {number} bytes */
export function sizeOf(bytes) {
  return megabytes(Math.floor(bytes / MB));
}

/** @param {number} mb */
export function megabytes(mb) {
  return mb >= GB_IN_MB ? `${decimal(mb / GB_IN_MB)} GB` : `${decimal(mb)} MB`;
}

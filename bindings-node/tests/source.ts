import { fileURLToPath } from "node:url";

/** The path of a file by its path from this package's folder: tests run from where they were built. */
export function sourceOf(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

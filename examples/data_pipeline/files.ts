/** The files that the steps hand to each other by path. */

import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { PermanentError } from "@tasker-systems/tasker";

/** A CSV file that a step made: where it is, and how many rows it has without the header. */
export interface Table {
  path: string;
  rows: number;
}

/** The columns of a table and its rows, each a list of texts. */
export async function readTable(path: string): Promise<{ columns: string[]; rows: string[][] }> {
  const [columns = [], ...rows] = parse(await readFile(path, "utf8"));
  const broken = rows.findIndex((row) => row.length !== columns.length);
  if (broken < 0) return { columns, rows };
  const message = `${path}: line ${broken + 2} has ${rows[broken]?.length} fields, ${columns.length} were expected`;
  throw new PermanentError(message, { errorCode: "broken_table" });
}

/** The rows of a table as objects of texts. */
export async function readRows<Column extends string>({ path }: Table): Promise<Record<Column, string>[]> {
  const { columns, rows } = await readTable(path);
  return rows.map(
    (row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])) as Record<Column, string>,
  );
}

/** The whole number in a field; undefined if it is empty. */
export function numberIn(field: string): number | undefined {
  if (field === "") return undefined;
  if (/^\d+$/.test(field)) return Number(field);
  throw new PermanentError(`\`${field}\` is no whole number`, { errorCode: "broken_table" });
}

/** Writes a table so that nobody ever sees a part of it: tasks that run side by side may share a directory. */
export async function writeTable(
  path: string,
  columns: readonly string[],
  rows: Iterable<readonly unknown[]>,
): Promise<Table> {
  const lines = [columns, ...rows].map((row) => `${row.map((field) => quoted(String(field))).join(",")}\n`);
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(part, lines.join(""));
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
  return { path, rows: lines.length - 1 };
}

/** The path of a file beside a table: `orders-1.csv` becomes `orders-1.{suffix}.csv`. */
export function beside({ path }: Table, suffix: string): string {
  return `${path.replace(/\.csv$/, "")}.${suffix}.csv`;
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** Fields end at commas and rows at line ends, unless they are within quotes. */
function parse(text: string): string[][] {
  if (!text.includes('"'))
    return text
      .split(/\r?\n/)
      .filter((line) => line !== "")
      .map((line) => line.split(","));
  const rows: string[][] = [];
  for (const line of text.matchAll(/(?:"(?:[^"]|"")*"|[^"\r\n])+/g)) {
    const fields = line[0].matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g);
    rows.push(Array.from(fields, ([, inQuotes, plain]) => inQuotes?.replaceAll('""', '"') ?? plain ?? ""));
  }
  return rows;
}

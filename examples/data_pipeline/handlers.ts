/** A nightly analysis: three exports are read, cleaned, brought together and summed up. */

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineHandler, PermanentError, RetryableError, type StepHandlerClass } from "@tasker-systems/tasker";
import { AggregateSales } from "./aggregate.js";
import { readTable, type Table, writeTable } from "./files.js";
import { COLUMNS, fileName, rowsOf, type Source } from "./generate.js";
import { GenerateInsights } from "./insights.js";
import { TransformCustomers, TransformInventory, TransformOrders } from "./transform.js";

/**
 * Finds the export of a source, makes it where it is missing, and checks that it is whole. What is passed on is where the
 * file is: results are small, files need not be.
 */
function extract(source: Source): StepHandlerClass {
  return defineHandler(`extract_${source}`, {}, async ({ context }): Promise<Table> => {
    const outages = context.getInputOr<Partial<Record<Source, number>>>("outages", {})[source] ?? 0;
    if (context.retryCount < outages) {
      const message = `the export of ${source} is not there yet (try ${context.retryCount + 1})`;
      throw new RetryableError(message, { errorCode: "source_unavailable" });
    }
    const orderRows = context.getInputOr("order_rows", 20_000);
    const seed = context.getInputOr("seed", 1);
    const directory = context.getInputOr("data_dir", join(tmpdir(), "tasker-data-pipeline"));
    const path = join(directory, fileName(source, orderRows, seed));
    if (!existsSync(path)) await writeTable(path, COLUMNS[source], rowsOf(source, orderRows, seed));
    const { columns, rows } = await readTable(path);
    if (columns.join() !== COLUMNS[source].join()) {
      const expected = `${COLUMNS[source].join()} were expected; remove the file to have it made anew`;
      const message = `${path} has the columns ${columns.join()}, ${expected}`;
      throw new PermanentError(message, { errorCode: "unexpected_columns" });
    }
    return { path, rows: rows.length };
  });
}

export const handlers = [
  extract("orders"),
  extract("customers"),
  extract("inventory"),
  TransformOrders,
  TransformCustomers,
  TransformInventory,
  AggregateSales,
  GenerateInsights,
];

/** The stock of a warehouse, counted shelf by shelf. */

import {
  BatchConfig,
  defineBatchAnalyzer,
  defineBatchWorker,
  defineHandler,
  type FailureStrategy,
  PermanentError,
  RetryableError,
} from "@tasker-systems/tasker";
import warehouses from "./warehouses.json" with { type: "json" };

interface Shelf {
  shelf: string;
  boxes: number[];
  scanner_fails_at?: number;
  is_locked?: boolean;
}

interface Counted {
  shelf: string;
  items: number;
  resumed_at: number;
}

const ListShelves = defineBatchAnalyzer("list_shelves", {}, ({ context }) => {
  const warehouse = context.getInput<string>("warehouse");
  const shelves = (warehouses as Record<string, Shelf[]>)[warehouse];
  if (shelves === undefined) {
    throw new PermanentError(`there is no warehouse \`${warehouse}\``, { errorCode: "warehouse_not_found" });
  }
  const failureStrategy = context.getInput<FailureStrategy | undefined>("on_failure");
  const options = { items: shelves, metadata: { shelves: shelves.length } };
  return new BatchConfig(failureStrategy ? { ...options, failureStrategy } : options);
});

/** Counts box by box; what was counted before a failure is not counted again. */
const CountShelf = defineBatchWorker("count_shelf", {}, async ({ batchContext, context }): Promise<Counted> => {
  const toCount = batchContext?.item as Shelf;
  const { shelf, boxes, scanner_fails_at, is_locked } = toCount;
  if (is_locked) throw new PermanentError(`shelf ${shelf} is locked`, { errorCode: "shelf_locked" });
  const resumed_at = (context.checkpointCursor as number | undefined) ?? 0;
  let items = (context.accumulatedResults as number | undefined) ?? 0;
  for (const [at, count] of boxes.slice(resumed_at).entries()) {
    const number = resumed_at + at;
    if (number === scanner_fails_at && !context.isRetry()) {
      throw new RetryableError("the scanner does not answer", { errorCode: "scanner_lost" });
    }
    items += count;
    await context.checkpoint(number + 1, number + 1, items);
  }
  return { shelf, items, resumed_at };
});

const ReportStock = defineHandler("report_stock", { depends: { shelves: "count_shelf" } }, ({ shelves }) => {
  const all = shelves as (Counted | null)[];
  const counted = all.filter((shelf) => shelf !== null);
  const items = counted.reduce((sum, shelf) => sum + shelf.items, 0);
  return { shelves: all.length, items, not_counted: all.length - counted.length };
});

export const handlers = [ListShelves, CountShelf, ReportStock];

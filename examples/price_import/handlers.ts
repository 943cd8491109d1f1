/**
 * A supplier's price list: which way it goes, its rows checked in one go or in parts, what came of it, and a claim for each
 * row that was refused.
 */

import {
  Decision,
  defineBatchAnalyzer,
  defineBatchWorker,
  defineDecisionHandler,
  defineHandler,
  PermanentError,
  RetryableError,
  type StepContext,
} from "@tasker-systems/tasker";
import { reference } from "../src/reference.js";
import lists from "./price_lists.json" with { type: "json" };

interface Row {
  sku: string;
  old_cents: number;
  /** Null where the line cannot be read. */
  new_cents: number | null;
}

interface Rejected {
  row: number;
  sku: string;
  reason: string;
}

/** What came of some rows. */
interface Priced {
  rows: number;
  accepted: number;
  change_cents: number;
  rejected: Rejected[];
}

function rowsOf(context: StepContext): readonly Row[] {
  const listId = context.getInput<string>("list_id");
  const rows = (lists as Record<string, Row[]>)[listId];
  if (rows === undefined) {
    throw new PermanentError(`there is no price list \`${listId}\``, { errorCode: "list_not_found" });
  }
  return rows;
}

/** A short list is not worth splitting, and an empty one is nothing to do. */
const ChooseWay = defineDecisionHandler("choose_way", {}, ({ context }) => {
  const rows = rowsOf(context).length;
  if (rows === 0) return Decision.skip("the list has no rows");
  return Decision.route([rows <= context.getConfig<number>("rows_in_one_go_max") ? "price_list" : "split_list"]);
});

const PriceList = defineHandler("price_list", {}, ({ context }) => price(context, 0, rowsOf(context).length));

const SplitList = defineBatchAnalyzer("split_list", {}, ({ context }) => ({
  totalItems: rowsOf(context).length,
  batchSize: context.getConfig<number>("rows_per_part"),
}));

const PricePart = defineBatchWorker("price_part", {}, ({ batchContext, context }) =>
  price(context, batchContext?.startCursor ?? 0, batchContext?.endCursor ?? 0),
);

function price(context: StepContext, start: number, end: number): Priced {
  const priced: Priced = { rows: end - start, accepted: 0, change_cents: 0, rejected: [] };
  for (const [at, { sku, old_cents, new_cents }] of rowsOf(context).slice(start, end).entries()) {
    const row = start + at;
    if (sku.startsWith("BUSY") && !context.isRetry()) {
      throw new RetryableError(`\`${sku}\` is being changed by somebody else`, { errorCode: "catalog_busy" });
    }
    if (new_cents === null) {
      throw new PermanentError(`row ${row} has no price that can be read`, { errorCode: "row_unreadable" });
    }
    if (new_cents === 0) {
      priced.rejected.push({ row, sku, reason: "no_price" });
    } else if (new_cents * 100 > old_cents * (100 + context.getConfig<number>("increase_percent_max"))) {
      priced.rejected.push({ row, sku, reason: "increase_too_high" });
    } else {
      priced.accepted += 1;
      priced.change_cents += new_cents - old_cents;
    }
  }
  return priced;
}

/** Adds up what was done, whichever way; a part that was given up is null in the list. */
const ReportPrices = defineHandler(
  "report_prices",
  { depends: { parts: "price_part", whole: "price_list" } },
  ({ parts, whole }) => {
    const all = (parts ?? [whole]) as (Priced | null)[];
    const done = all.filter((part) => part !== null);
    const total = (of: (part: Priced) => number) => done.reduce((sum, part) => sum + of(part), 0);
    return {
      rows: total(({ rows }) => rows),
      accepted: total(({ accepted }) => accepted),
      change_cents: total((part) => part.change_cents),
      rejected: done.flatMap(({ rejected }) => rejected),
      parts_lost: all.length - done.length,
    };
  },
);

const FileClaim = defineBatchWorker("file_claim", {}, ({ batchContext, context }) => {
  const rejected = batchContext?.item as Rejected;
  const { sku, reason } = rejected;
  return { claim_id: reference("clm", context.getInput<string>("list_id"), sku), sku, reason };
});

export const handlers = [ChooseWay, PriceList, SplitList, PricePart, ReportPrices, FileClaim];

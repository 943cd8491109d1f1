/** The step of the parcel that is in TypeScript: what the customer is told. */

import { defineHandler, typed, WorkerServer } from "@tasker-systems/tasker";

interface Price {
  cents: number;
  /** A decimal, as a text. */
  kilograms: string;
  customer_number: bigint;
}

interface Label {
  lines: string[];
  customer_number: bigint;
}

const Notify = defineHandler(
  "notify_customer",
  { depends: { price: typed<Price>("price"), label: typed<Label>("label") } },
  ({ price, label, context }) => ({
    text: `${label.lines.join(", ")}: ${price.kilograms} kg for ${(price.cents / 100).toFixed(2)} €`,
    customer_number: label.customer_number,
    is_same_customer: label.customer_number === price.customer_number,
    traceparent: context.traceContext.traceparent ?? null,
  }),
);

const server = await WorkerServer.start({ namespace: "four_languages", handlers: [Notify] });
await server.wait();

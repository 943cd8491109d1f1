/** An amount for people to read: `EUR 1,234.05`. */
export function amount(cents: number, currency: string): string {
  const grouped = String(Math.floor(cents / 100)).replace(/\B(?=(?:\d{3})+$)/g, ",");
  return `${currency} ${grouped}.${String(cents % 100).padStart(2, "0")}`;
}

/** A share of an amount in hundredths of a percent, rounded half up to a whole cent. */
export function share(cents: number, basisPoints: number): number {
  return Math.floor((cents * basisPoints + 5_000) / 10_000);
}

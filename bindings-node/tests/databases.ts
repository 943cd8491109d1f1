import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** The databases that a test is to run on: SQLite, and PostgreSQL where `scripts/with-postgres.sh` has started one. */
export function databases(): { name: string; url: string }[] {
  const postgres = process.env.TASKER_TEST_DATABASE_URL;
  const sqlite = { name: "SQLite", url: "sqlite::memory:" };
  return postgres ? [sqlite, { name: "PostgreSQL", url: postgres }] : [sqlite];
}

/** A directory that is removed when the test ends. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "tasker-node-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

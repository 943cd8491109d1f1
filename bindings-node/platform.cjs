"use strict";

/** Whether the C library is musl, as on Alpine. */
function isMusl() {
  const report = process.report?.getReport();
  return report !== undefined && !report.header.glibcVersionRuntime;
}

/** The name of this machine's platform, as in the name of its package. */
exports.platformName = function platformName() {
  const { platform, arch } = process;
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  return platform === "win32" ? `win32-${arch}-msvc` : `${platform}-${arch}`;
};

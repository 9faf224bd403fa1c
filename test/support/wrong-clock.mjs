// Loaded before a program (NODE_OPTIONS=--import): its clock is so much ahead, an hour unless said.
const aheadMs = Number(process.env['WRONG_CLOCK_MS'] ?? 3_600_000);
const RightDate = Date;
globalThis.Date = class extends RightDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [RightDate.now() + aheadMs] : parts));
  }
  static now() {
    return RightDate.now() + aheadMs;
  }
};
